// A dialog that keeps the focus inside while it is open, and gives it back afterwards.
import { h } from "./dom.js";

const FOCUSABLE = "a[href],button:not([disabled]),input:not([disabled]),select:not([disabled]),textarea:not([disabled]),summary";
let serial = 0;

// Opens a dialog and returns the function that closes it. `dismiss` runs on Escape and on the cross.
export function openDialog({ title, body, buttons, dismiss, small = false, back = null, onsubmit = null }) {
  const id = `dialog-${++serial}`;
  const before = document.activeElement;
  const form = h("form", {
    class: small ? "dialog small" : "dialog", role: "dialog", "aria-modal": "true", "aria-labelledby": id, novalidate: true,
    onsubmit: (event) => {
      event.preventDefault();
      onsubmit?.();
    },
  },
    h("header", {}, back && h("button", { type: "button", class: "icon", "aria-label": "Back", onclick: back }, "←"),
      h("h2", { id }, title),
      h("button", { type: "button", class: "icon", "aria-label": "Close", onclick: dismiss }, "✕")),
    h("div", { class: "dialog-body" }, body),
    h("footer", {}, buttons));
  const overlay = h("div", { class: "overlay" }, form);
  overlay.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      dismiss();
    }
    if (event.key === "Tab") keepInside(event, form);
  });
  document.querySelector("#dialogs").append(overlay);
  document.querySelector("#app").inert = true;
  const first = form.querySelector(".dialog-body input,.dialog-body select,.dialog-body textarea") ?? form.querySelector("footer .primary, footer button") ?? form.querySelector("button");
  first?.focus();
  return () => {
    overlay.remove();
    if (!document.querySelector("#dialogs").children.length) document.querySelector("#app").inert = false;
    if (before?.isConnected) before.focus();
  };
}

function keepInside(event, form) {
  const all = [...form.querySelectorAll(FOCUSABLE)].filter((one) => one.offsetParent !== null);
  const edge = event.shiftKey ? all[0] : all.at(-1);
  if (document.activeElement === edge) {
    event.preventDefault();
    (event.shiftKey ? all.at(-1) : all[0]).focus();
  }
}
