// Passkeys (WebAuthn) with the browser's own dialog. Loaded only by pages that use them, after mfa/js/webauthn-json.js.
"use strict";

// Where the browser knows no passkeys the forms stay hidden; every page has another way.
const able = window.PublicKeyCredential && webauthnJSON.supported();

function optionsOnPage() {
  return JSON.parse(document.getElementById("passkey-options").textContent);
}

async function challenge(form) {
  if (form.dataset.passkey !== "sign-in") return optionsOnPage();
  const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`no challenge: ${answer.status}`);
  return answer.json();
}

async function credential(form) {
  const options = await challenge(form);
  return form.dataset.passkey === "create"
    ? webauthnJSON.create(options.creation_options)
    : webauthnJSON.get(options.request_options);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.hidden = !able;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const failed = form.querySelector("[data-passkey-failed]");
    failed.hidden = true;
    try {
      form.elements.credential.value = JSON.stringify(await credential(form));
    } catch {
      // Cancelled, timed out, or no passkey for this panel on the device: the browser does not tell which.
      failed.hidden = false;
      return;
    }
    form.submit();
  });
}
