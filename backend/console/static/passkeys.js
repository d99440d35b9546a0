// Passkeys: the form asks the server for a challenge, the browser answers it, and the form carries the answer.
// Without script these forms stay hidden; every other way of signing in works without it.
"use strict";

const fromBase64 = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const toBase64 = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const withIds = (list) => (list || []).map((each) => ({ ...each, id: fromBase64(each.id) }));

const ask = {
  async create(options) {
    const made = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: fromBase64(options.challenge),
        user: { ...options.user, id: fromBase64(options.user.id) },
        excludeCredentials: withIds(options.excludeCredentials),
      },
    });
    return described(made, {
      attestationObject: toBase64(made.response.attestationObject),
      transports: made.response.getTransports?.() ?? [],
    });
  },
  async get(options) {
    const given = await navigator.credentials.get({
      publicKey: {
        ...options,
        challenge: fromBase64(options.challenge),
        allowCredentials: withIds(options.allowCredentials),
      },
    });
    return described(given, {
      authenticatorData: toBase64(given.response.authenticatorData),
      signature: toBase64(given.response.signature),
      userHandle: given.response.userHandle ? toBase64(given.response.userHandle) : null,
    });
  },
};

const described = (credential, response) => ({
  id: credential.id,
  rawId: toBase64(credential.rawId),
  type: credential.type,
  authenticatorAttachment: credential.authenticatorAttachment,
  clientExtensionResults: credential.getClientExtensionResults(),
  response: { clientDataJSON: toBase64(credential.response.clientDataJSON), ...response },
});

async function fill(form) {
  const secret = form.querySelector("[name=csrf]")?.value;
  const answer = await fetch(form.dataset.challenge, {
    method: "POST",
    headers: { Accept: "application/json", ...(secret ? { "X-CSRF-Token": secret } : {}) },
  });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const { ticket, options } = await answer.json();
  form.elements.ticket.value = ticket;
  form.elements.answer.value = JSON.stringify(await ask[form.dataset.passkey](options));
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  form.hidden = false;
  let asking = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (asking) return; // One answer fits one ticket: a second click must not change it meanwhile.
    asking = true;
    const said = form.querySelector("[data-passkey-said]");
    said.textContent = "";
    try {
      await fill(form);
      form.submit();
    } catch {
      said.textContent = said.dataset.passkeySaid;
    } finally {
      asking = false;
    }
  });
}
