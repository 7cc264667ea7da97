// Puts the page together and draws it again whenever something changed.
import { composer, placeholder } from "./composer.js";
import { h } from "./dom.js";
import { failures } from "./inspector.js";
import { drawHome } from "./home.js";
import { drawMessages } from "./messages.js";
import { drawModal } from "./modal.js";
import { drawPanel, requestsButton } from "./panel.js";
import { drawSidebar } from "./sidebar.js";
import { channelNow, channelOf, listen, refresh, start, state, watch } from "./store.js";

const part = (id) => document.getElementById(id);
let box = null;
let drawnPlace = null;
let drawnTopbar = null;

function drawTopbar() {
  const sign = [state.place, state.user, state.panel, failures()].join(" ");
  if (sign === drawnTopbar) return;
  drawnTopbar = sign;
  const focused = part("topbar").contains(document.activeElement) ? document.activeElement.id : null;
  const channel = channelOf(state.place);
  const title = state.place === "home" ? `${state.cast.bot.name} · Home` : (channel ? `#${channel.name}` : state.cast.bot.name);
  const about = channel?.topic || (channel ? "" : state.place === "home" ? "" : "Your talk with the app");
  part("topbar").replaceChildren(
    h("button", { type: "button", id: "menu-button", class: "icon menu", "aria-label": "Menu", onclick: () => document.body.classList.toggle("menu-open") }, "☰"),
    h("div", { class: "place" }, h("h1", {}, title), about && h("p", {}, about)),
    requestsButton());
  if (focused) part(focused)?.focus();
}

function drawTimeline() {
  const timeline = part("timeline");
  const home = state.place === "home";
  const drawn = `${state.place} ${state.user}`;
  if (drawn !== drawnPlace) {
    timeline.replaceChildren();
    drawnPlace = drawn;
  }
  part("composer").hidden = home;
  if (home) return drawHome(timeline);
  const empty = !state.screen.messages.length;
  if (empty) {
    const place = channelOf(channelNow());
    const blank = h("div", { class: "empty" }, h("h2", {}, place ? `This is the beginning of #${place.name}` : "Nothing was said yet"),
      h("p", {}, state.cast.commands.length ? `Try ${state.cast.commands[0].name} to ask the app for something.` : "Say something."));
    timeline.replaceChildren(blank);
    return null;
  }
  timeline.querySelector(".empty")?.remove();
  return drawMessages(timeline, state.screen.messages);
}

function draw() {
  drawSidebar(part("sidebar"));
  drawTopbar();
  drawTimeline();
  drawPanel(part("panel"));
  drawModal();
  box.text.placeholder = placeholder(false);
}

// Whoever reads the last message goes on seeing it when the space around it changes.
function keepAtEnd(timeline) {
  let atEnd = true;
  timeline.addEventListener("scroll", () => {
    atEnd = timeline.scrollHeight - timeline.scrollTop - timeline.clientHeight < 60;
  });
  new ResizeObserver(() => {
    if (atEnd && state.place !== "home") timeline.scrollTop = timeline.scrollHeight;
  }).observe(timeline);
}

async function main() {
  await start();
  box = composer("composer");
  part("composer").append(box.node);
  part("scrim").addEventListener("click", () => document.body.classList.remove("menu-open"));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.body.classList.remove("menu-open");
  });
  document.addEventListener("visibilitychange", () => !document.hidden && refresh());
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.overflow[open],details.shortcuts[open],details.persona[open]"))
      if (!open.contains(event.target)) open.open = false;
  });
  keepAtEnd(part("timeline"));
  watch(draw);
  draw();
  await refresh();
  listen();
  if (innerWidth > 700) box.text.focus();
}

main().catch((error) => {
  part("notice").textContent = `This page could not start: ${error.message}`;
});
