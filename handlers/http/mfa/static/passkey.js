// Asks the browser's authenticator, and puts its answer into the form: a challenge is fetched when the button is pressed.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const known = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

const ASK = {
  get: (options) =>
    navigator.credentials.get({
      publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: known(options.allowCredentials) },
    }),
  create: (options) =>
    navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: known(options.excludeCredentials),
      },
    }),
};

const SAID = {
  NotAllowedError: "Nothing was signed: it was cancelled, took too long, or no passkey of yours is at hand. Try again.",
  InvalidStateError: "This authenticator holds a passkey of yours already. Use another one.",
  SecurityError: "This page was not reached under its own address, so the browser asks no passkey.",
};

function plain(credential) {
  const response = { clientDataJSON: text(credential.response.clientDataJSON) };
  for (const name of ["authenticatorData", "signature", "userHandle", "attestationObject"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response };
}

async function options(form) {
  const answer = await fetch(form.dataset.options, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ method: "passkey" }),
    credentials: "same-origin",
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.message);
  return said;
}

async function sign(form, say) {
  say("One moment…");
  const asked = await options(form);
  say("Follow your browser: it asks for your passkey now.");
  const credential = await ASK[form.dataset.passkey](asked.options);
  say("Signed; being checked…");
  form.elements.challenge.value = asked.challenge;
  form.elements.answer.value = JSON.stringify(plain(credential));
  form.submit();
}

function prepare(form) {
  const button = form.querySelector("button");
  const state = form.querySelector(".state");
  const say = (words, wrong = false) => {
    state.textContent = words;
    state.classList.toggle("error", wrong);
  };
  form.hidden = false;
  form.nextElementSibling?.matches(".no-passkey") && form.nextElementSibling.remove();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    sign(form, say).catch((error) => {
      const offline = error instanceof TypeError || error instanceof SyntaxError;
      say(SAID[error.name] ?? (offline ? "The server did not answer. Try again." : error.message), true);
      button.disabled = false;
      button.focus();
    });
  });
  // Back from another page, as it was left: it can be pressed again.
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      button.disabled = false;
      say("");
    }
  });
}

if (window.PublicKeyCredential) document.querySelectorAll("form[data-passkey]").forEach(prepare);
