// Versions: choosing a time means "later", and "later" asks for a time.
"use strict";

document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (!form || event.target.name !== "when") return;
  const time = form.elements.starts_at;
  time.required = event.target.value === "later";
  if (time.required) time.focus();
});
