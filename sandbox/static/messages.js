// Messages: who, when, what, its thread, and "only visible to you" where it is.
import { renderBlocks } from "./blocks.js";
import { clock, dayName, fullTime } from "./dates.js";
import { h, hueOf, initials, reconcile } from "./dom.js";
import { emojiNode, mrkdwn } from "./mrkdwn.js";
import { gesture, nameOf, openThread, personOf, state } from "./store.js";

const GROUP_SECONDS = 300;

export function avatar(id, size = "") {
  const bot = id === state.cast.bot.id;
  const name = personOf(id)?.real_name ?? nameOf(id);
  return h("span", { class: `avatar ${size} ${bot ? "bot" : ""}`, hue: hueOf(id), "aria-hidden": "true" }, initials(name));
}

// Messages as rows, with a divider where a day begins and without a head where someone goes on speaking.
export function drawMessages(parent, messages, inThread = false) {
  const rows = [];
  let before = null;
  for (const message of messages) {
    const day = dayName(message.ts);
    if (!inThread && (!before || dayName(before.ts) !== day)) rows.push({ key: `day ${day}`, day });
    const goesOn = before && before.user === message.user && !before.ephemeral && !message.ephemeral && message.ts - before.ts < GROUP_SECONDS && !before.reply_count;
    rows.push({ key: message.ts, message, goesOn: goesOn && dayName(before.ts) === day });
    before = message;
  }
  const nearEnd = parent.scrollHeight - parent.scrollTop - parent.clientHeight < 120;
  const last = parent.lastElementChild?.dataset.key;
  const mine = messages.at(-1)?.user === state.user || messages.at(-1)?.ephemeral;
  reconcile(parent, rows, (row) => ({ key: row.key, sign: `${state.user} ${inThread} ${JSON.stringify(row)}` }), (row) =>
    row.day ? h("div", { class: "day", role: "separator" }, h("span", {}, row.day)) : messageRow(row, inThread));
  if (nearEnd || (mine && parent.lastElementChild?.dataset.key !== last)) parent.scrollTop = parent.scrollHeight;
}

function messageRow({ message, goesOn }, inThread) {
  const app = message.bot_id || message.user === "USLACKBOT";
  const head = goesOn
    ? null
    : h("div", { class: "message-head" },
        h("strong", {}, personOf(message.user)?.real_name ?? message.username ?? nameOf(message.user)),
        app && h("span", { class: "badge" }, "App"),
        h("time", { title: fullTime(message.ts) }, clock(message.ts)));
  return h("article", {
    class: ["message", goesOn && "goes-on", message.ephemeral && "ephemeral"].filter(Boolean).join(" "),
    "data-ts": message.ts,
    "aria-label": `${nameOf(message.user)}, ${clock(message.ts)}`,
  },
    goesOn ? h("span", { class: "gutter" }, clock(message.ts)) : avatar(message.user),
    h("div", { class: "message-body" },
      message.ephemeral && h("p", { class: "only-you" }, "Only visible to you"),
      head,
      content(message),
      message.reactions && h("div", { class: "reactions" }, message.reactions.map((one) => h("span", { class: "reaction" }, emojiNode(one.name) ?? `:${one.name}:`, ` ${one.count}`))),
      !inThread && message.reply_count > 0 && h("button", { type: "button", class: "replies", onclick: () => openThread(message.ts) },
        message.reply_users.slice(0, 3).map((id) => avatar(id, "tiny")),
        `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`)),
    !inThread && !message.ephemeral && tools(message));
}

function content(message) {
  const fields = new Map();
  const surface = {
    fields,
    suggest: (element, query) => gesture("options", { channel: message.channel, ts: message.ts, action_id: element.action_id, query }),
    act: (block, element, value) =>
      gesture("click", { channel: message.channel, ts: message.ts, action_id: element.action_id, block_id: block.block_id, value, states: statesOf(fields, block, element) }),
  };
  const text = message.text && (!message.blocks?.length || message.bot_id === undefined);
  return h("div", { class: "content" },
    text && h("div", { class: "text" }, mrkdwn(message.text), message.edited && h("span", { class: "edited" }, " (edited)")),
    message.blocks?.length ? renderBlocks(message.blocks, surface) : null);
}

// What was chosen elsewhere in the same message goes along with a press.
function statesOf(fields, block, element) {
  const states = {};
  for (const [key, read] of fields) {
    const value = read();
    if (key !== `${block.block_id}/${element.action_id}` && value.length) states[key] = value;
  }
  return states;
}

function tools(message) {
  const shortcuts = state.cast.shortcuts.filter((one) => one.type === "message");
  return h("div", { class: "tools" },
    h("button", { type: "button", "aria-label": "Reply in thread", title: "Reply in thread", onclick: () => openThread(message.ts) }, "↩"),
    shortcuts.map((one) => h("button", { type: "button", title: one.name, onclick: () => gesture("shortcut", { callback_id: one.callback_id, channel: message.channel, ts: message.ts }) }, one.name)));
}
