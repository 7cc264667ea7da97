// The app's modals: the top of this person's stack, drawn anew only when the view itself changed.
import { renderBlocks } from "./blocks.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { textNodes } from "./mrkdwn.js";
import { gesture, refresh, state } from "./store.js";

let shown = null; // {sign, close, fields, id, values()}

export function drawModal() {
  const view = state.screen.modals.at(-1);
  const sign = view ? `${state.user} ${view.id} ${view.hash} ${state.screen.modals.length}` : null;
  if (sign === (shown?.sign ?? null)) return;
  const typed = shown && view && shown.id === view.id ? read(shown.fields) : {};
  shown?.close();
  shown = view ? open(view, sign, typed) : null;
}

const read = (fields) => Object.fromEntries([...fields].map(([key, value]) => [key, value()]));

function open(view, sign, typed) {
  const fields = new Map();
  const surface = {
    fields,
    values: view.state.values,
    suggest: (element, query) => gesture("options", { place: "modal", action_id: element.action_id, query }),
    act: (block, element, value) => gesture("click", { place: "modal", action_id: element.action_id, block_id: block.block_id, value, states: read(fields) }),
  };
  const blocks = renderBlocks(view.blocks, surface);
  restore(blocks, typed);
  const problem = h("p", { class: "dialog-problem", role: "alert", hidden: true });
  const send = h("button", { type: "submit", class: "button primary" }, view.submit ? textNodes(view.submit) : "Submit");
  const dismiss = async () => {
    await gesture("close", {});
    refresh();
  };
  const deep = state.screen.modals.length > 1;
  const close = openDialog({
    title: textNodes(view.title),
    body: [...blocks, problem],
    buttons: [
      h("button", { type: "button", class: "button", onclick: dismiss }, view.close ? textNodes(view.close) : deep ? "Back" : "Cancel"),
      view.submit && send,
    ],
    dismiss,
    back: deep ? dismiss : null,
    onsubmit: () => view.submit && submit(fields, blocks, problem, send),
  });
  return { sign, close, fields, id: view.id };
}

// Keeps what was typed when the app redraws the view under someone's hands.
function restore(blocks, typed) {
  for (const block of blocks) {
    const field = block.querySelector?.("input[type=text],textarea,select");
    const key = Object.keys(typed).find((one) => one.startsWith(`${block.dataset?.block}/`));
    if (field && key && typeof typed[key] === "string" && typed[key]) field.value = typed[key];
  }
}

async function submit(fields, blocks, problem, send) {
  send.disabled = true;
  send.classList.add("busy");
  problem.hidden = true;
  const delivered = await gesture("submit", { values: read(fields) });
  send.disabled = false;
  send.classList.remove("busy");
  showErrors(blocks, delivered.errors ?? {});
  if (!delivered.acknowledged && delivered.error !== "incomplete") {
    problem.textContent = `That did not reach the app: ${delivered.error}. Nothing you typed is lost; try again.`;
    problem.hidden = false;
  }
  refresh();
}

function showErrors(blocks, errors) {
  let first = null;
  for (const block of blocks) {
    const place = block.querySelector?.(".field-error");
    if (!place) continue;
    const error = errors[block.dataset.block];
    place.textContent = error ?? "";
    place.hidden = !error;
    block.classList.toggle("wrong", Boolean(error));
    const field = block.querySelector("input,select,textarea");
    field?.setAttribute("aria-invalid", String(Boolean(error)));
    if (error) first ??= field;
  }
  first?.focus();
}
