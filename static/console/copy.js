// <button data-copies="id" data-copied="…">: the field's value goes to the clipboard.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copies);
  if (field.select) field.select();
  else getSelection().selectAllChildren(field);
  try {
    await navigator.clipboard.writeText(field.value ?? field.textContent);
    toast(button.dataset.copied);
  } catch {
    // Without https browsers give no clipboard: what is selected can be copied by hand.
    toast(document.documentElement.lang === "ko" ? "선택해 두었어요. 복사해 주세요." : "It is selected: copy it.");
  }
});
