// What stands beside the conversation: a thread, the request inspector, or a linked page.
import { composer, placeholder } from "./composer.js";
import { h } from "./dom.js";
import { drawInspector, failures } from "./inspector.js";
import { drawMessages } from "./messages.js";
import { openPanel, state } from "./store.js";

let built = null;

export function drawPanel(parent) {
  parent.hidden = !state.panel;
  document.body.classList.toggle("panel-open", Boolean(state.panel));
  const wanted = state.panel === "thread" ? `thread ${state.thread} ${state.user}` : state.panel;
  if (built !== wanted) {
    built = wanted;
    parent.replaceChildren(...(state.panel ? build() : []));
  }
  if (state.panel === "thread") drawMessages(parent.querySelector(".thread"), state.screen.thread, true);
  if (state.panel === "requests") drawInspector(parent.querySelector(".panel-body"));
}

function build() {
  const link = state.cast.links.find((one) => one.url === state.panel);
  const title = link?.title ?? (state.panel === "thread" ? "Thread" : "Requests");
  const head = h("header", { class: "panel-head" }, h("h2", {}, title),
    link && h("a", { href: link.url, target: "_blank", rel: "noopener noreferrer" }, "New tab ↗"),
    h("button", { type: "button", class: "icon", "aria-label": `Close ${title}`, onclick: () => openPanel(state.panel) }, "✕"));
  if (link) return [head, h("iframe", { class: "frame", src: link.url, title: link.title, referrerpolicy: "no-referrer" })];
  if (state.panel === "requests") return [head, h("div", { class: "panel-body" })];
  const box = composer("thread-composer", () => state.thread);
  box.text.placeholder = placeholder(true);
  return [head, h("div", { class: "thread", role: "log", "aria-label": "Thread", tabindex: "0" }), h("div", { class: "composer" }, box.node)];
}

export function requestsButton() {
  const failed = failures();
  return h("button", { type: "button", class: failed ? "tool failing" : "tool", id: "requests-button", "aria-pressed": String(state.panel === "requests"), onclick: () => openPanel("requests") },
    "Requests", failed > 0 && h("span", { class: "count", "aria-label": `${failed} failed` }, failed));
}
