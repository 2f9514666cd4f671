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
  if ("repair" in button.dataset) repairPasswords();
});

// A blank copied along, a full-width letter: say so and offer the repaired form (detection.password.repaired).
const passwordFields = () => document.querySelectorAll("#password-fields input[name=password], #password-fields input[name=confirmation]");
const WIDE = /[\uff01-\uff5e\u3000]/g;
const narrow = (text) => text.replace(WIDE, (letter) => letter.normalize("NFKC"));
const repaired = (text) => narrow(text).trim();

function lookAtPasswords() {
  const note = document.getElementById("repair");
  const texts = [...passwordFields()].map((field) => field.value);
  const faults = {
    blank: texts.some((text) => text !== text.trim()),
    wide: texts.some((text) => text.trim() !== narrow(text.trim())),
  };
  for (const line of note.querySelectorAll("[data-fault]")) line.hidden = !faults[line.dataset.fault];
  note.hidden = !faults.blank && !faults.wide;
}

function repairPasswords() {
  for (const field of passwordFields()) field.value = repaired(field.value);
  lookAtPasswords();
  document.getElementById("id_password").focus();
}

document.addEventListener("input", (event) => {
  // While somebody types, a blank may be one between two words: only what is pasted is looked at at once.
  const note = document.getElementById("repair");
  if (note && event.target.closest("#password-fields .pair") && (!note.hidden || event.inputType === "insertFromPaste")) lookAtPasswords();
});

// 表示: show what was typed, in both fields.
document.addEventListener("change", (event) => {
  if (event.target.closest("#password-fields .pair")) lookAtPasswords();
  if (event.target.id !== "show-passwords") return;
  for (const field of passwordFields()) {
    field.type = event.target.checked ? "text" : "password";
  }
});

// Long work: say that it goes on, and send it once. Buttons are switched off after the form's own value was taken.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (!navigator.onLine) {
    // The browser's own page would take what was typed away.
    event.preventDefault();
    showOffline();
    document.getElementById("offline")?.scrollIntoView({ block: "center" });
    return;
  }
  if (!("busy" in form.dataset) || event.defaultPrevented) return;
  form.querySelector(".busy > div").hidden = false;
  setTimeout(() => { for (const button of form.querySelectorAll("button")) button.disabled = true; }, 0);
});
// Back from the answer: the page as the browser kept it must be usable again.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const part of document.querySelectorAll("form[data-busy] .busy > div")) part.hidden = true;
  for (const button of document.querySelectorAll("form[data-busy] button")) button.disabled = false;
});

function showOffline() {
  const note = document.getElementById("offline");
  if (note) note.hidden = navigator.onLine;
}
window.addEventListener("offline", showOffline);
window.addEventListener("online", showOffline);

// A part of the page could not be fetched: say so until one can.
for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failure, () => { document.getElementById("no-answer").hidden = false; });
}
document.addEventListener("htmx:afterOnLoad", (event) => {
  if (event.detail.successful) document.getElementById("no-answer").hidden = true;
});
