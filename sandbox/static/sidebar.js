// Who one is, where one can go, what else is open on this machine, and whether all is connected.
import { h } from "./dom.js";
import { avatar } from "./messages.js";
import { become, go, me, openPanel, state } from "./store.js";

let drawn = null;

// Drawn anew only when something in it changed, so that no press or focus is lost under someone's hands.
export function drawSidebar(parent) {
  const { user, place: at, panel, live, screen } = state;
  const sign = JSON.stringify([user, at, panel, live, screen.unread, screen.reachable, screen.sockets]);
  if (sign === drawn) return;
  drawn = sign;
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.name : null;
  const open = parent.querySelector(".persona")?.open ?? false;
  const bot = state.cast.bot;
  parent.replaceChildren(
    h("div", { class: "team" }, h("img", { src: "/static/icon.svg", alt: "", width: 28, height: 28 }),
      h("div", {}, h("strong", {}, state.cast.team), h("span", {}, "Sandbox workspace"))),
    persona(open),
    h("div", { class: "scroll" },
      group("Channels", state.cast.channels.filter((one) => one.id in state.screen.unread || one.id === state.place || !Object.keys(state.screen.unread).length)
        .map((one) => place(one.id, h("span", { class: "hash", "aria-hidden": "true" }, "#"), one.name))),
      group("App", [
        place(me().direct, avatar(bot.id, "tiny"), bot.name),
        state.cast.home && place("home", h("span", { class: "hash", "aria-hidden": "true" }, "⌂"), "Home"),
      ]),
      state.cast.links.length > 0 && group("Open beside", state.cast.links.map((one) =>
        h("div", { class: "side-link" },
          entry(one.url, state.panel === one.url, () => openPanel(one.url), h("span", { class: "hash", "aria-hidden": "true" }, "◫"), one.title),
          h("a", { href: one.url, target: "_blank", rel: "noopener noreferrer", "aria-label": `${one.title} in a new tab`, title: "In a new tab" }, "↗"))))),
    h("div", { class: `connection ${state.live ? "on" : "off"}`, role: "status" }, h("i", { "aria-hidden": "true" }), connection()));
  if (focused) parent.querySelector(`[data-name="${CSS.escape(focused)}"]`)?.focus();
}

function connection() {
  if (!state.live) return "Reconnecting…";
  if (!state.screen.reachable) return "No app is connected";
  const sockets = state.screen.sockets;
  return sockets ? `App by Socket Mode (${sockets})` : "App by HTTP";
}

function persona(open) {
  const now = me();
  const details = h("details", { class: "persona" },
    h("summary", { "data-name": "persona", "aria-label": `You are ${now.real_name}. Be someone else` }, avatar(now.id),
      h("span", { class: "who" }, h("strong", {}, now.real_name), h("small", {}, now.title || `@${now.name}`)), h("span", { class: "chevron", "aria-hidden": "true" }, "⌄")),
    h("div", { class: "personas", role: "radiogroup", "aria-label": "Be someone" }, state.cast.people.map((one) =>
      h("button", {
        type: "button", role: "radio", "aria-checked": String(one.id === now.id), "data-name": `be ${one.name}`,
        onclick: () => {
          details.open = false;
          become(one.id);
        },
      }, avatar(one.id, "small"), h("span", { class: "who" }, h("strong", {}, one.real_name), h("small", {}, `${one.title || `@${one.name}`} · ${one.tz}`))))));
  details.open = open;
  return details;
}

const group = (title, entries) => h("section", {}, h("h2", {}, title), entries);

function place(id, sign, name) {
  const unread = state.place === id ? 0 : (state.screen.unread[id] ?? 0);
  return entry(id, state.place === id, () => {
    document.body.classList.remove("menu-open");
    go(id);
  }, sign, name, unread);
}

function entry(id, current, act, sign, name, unread = 0) {
  return h("button", {
    type: "button", class: unread ? "entry unread" : "entry", "data-name": id, "aria-current": current ? "page" : null, onclick: act,
  }, sign, h("span", { class: "entry-name" }, name), unread > 0 && h("span", { class: "count", "aria-label": `${unread} unread` }, unread));
}
