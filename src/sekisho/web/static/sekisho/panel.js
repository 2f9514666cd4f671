// Small comforts; every page works without them.
"use strict";

// Times are shown in the browser's own zone from the next page on (ViewerZoneMiddleware).
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `sekisho_zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copy).textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // No clipboard (plain http on another host): select it, so that Ctrl-C does the same.
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    return;
  }
  const before = button.textContent;
  button.textContent = button.dataset.done;
  setTimeout(() => { button.textContent = before; }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy) copy(button);
  if ("print" in button.dataset) window.print();
});

// 表示: show what was typed, in both fields.
document.addEventListener("change", (event) => {
  if (event.target.id !== "show-passwords") return;
  for (const field of document.querySelectorAll("#password-fields input[name=password], #password-fields input[name=confirmation]")) {
    field.type = event.target.checked ? "text" : "password";
  }
});

// A part of the page could not be fetched: say so until one can.
for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failure, () => { document.getElementById("no-answer").hidden = false; });
}
document.addEventListener("htmx:afterOnLoad", (event) => {
  if (event.detail.successful) document.getElementById("no-answer").hidden = true;
});
