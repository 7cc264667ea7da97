// Every call of the app and every delivery to it: newest first, failures loud.
import { h, reconcile } from "./dom.js";
import { me, state } from "./store.js";

let failuresOnly = false;

export const failures = () => state.requests.filter((one) => !one.ok).length;

export function drawInspector(parent) {
  let list = parent.querySelector(".requests");
  if (!list) {
    list = h("div", { class: "requests", role: "list" });
    const box = h("input", { type: "checkbox", onchange: () => {
      failuresOnly = box.checked;
      drawInspector(parent);
    } });
    box.checked = failuresOnly;
    parent.replaceChildren(
      h("label", { class: "filter" }, box, "Failures only"),
      h("p", { class: "legend" }, h("b", { class: "out" }, "→"), " to the app  ", h("b", { class: "in" }, "←"), " from the app"),
      list);
  }
  const shown = state.requests.filter((one) => !failuresOnly || !one.ok).slice(-200).reverse();
  reconcile(list, shown, (one) => ({ key: String(one.id), sign: String(one.id) }), row);
  if (!shown.length && !list.children.length) list.append(h("p", { class: "nothing" }, failuresOnly ? "Nothing failed." : "Nothing was sent yet."));
}

function row(one) {
  const to = one.direction === "out";
  const time = new Intl.DateTimeFormat("en-GB", { timeZone: me().tz, hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 }).format(one.at * 1000);
  const pretty = (content) => h("pre", { tabindex: "0" }, JSON.stringify(content, null, 2));
  const details = h("details", { class: one.ok ? "request" : "request failed", role: "listitem" },
    h("summary", {},
      h("b", { class: to ? "out" : "in", title: to ? "to the app" : "from the app" }, to ? "→" : "←"),
      h("span", { class: "request-name" }, one.name, one.attempt > 1 && h("em", {}, ` attempt ${one.attempt}`)),
      h("span", { class: "status" }, one.ok ? (one.status ?? "ack") : (one.error ?? one.status)),
      h("span", { class: "latency" }, `${one.elapsed_ms} ms`),
      h("time", {}, time)));
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    details.append(h("div", { class: "payloads" },
      one.note && h("p", { class: "note" }, one.note),
      h("h4", {}, to ? `Payload (${one.transport})` : "Arguments"), pretty(one.request),
      h("h4", {}, to ? "Acknowledgement" : "Answer"), pretty(one.response)));
  });
  return details;
}
