// Each block of the guide can be copied by one press; without a clipboard it is selected, for copying by hand.
"use strict";

const korean = document.documentElement.lang === "ko";
for (const block of document.querySelectorAll(".guide pre")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button quiet copy";
  button.textContent = korean ? "복사" : "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(block.textContent);
      button.textContent = korean ? "복사했어요" : "Copied";
    } catch {
      getSelection().selectAllChildren(block);
      button.textContent = korean ? "선택했어요" : "Selected";
    }
  });
  const around = document.createElement("div");
  around.className = "block";
  block.replaceWith(around);
  around.append(block, button);
}
