// Slack's mrkdwn as DOM nodes. Only text nodes and elements made here: nothing in a message can become markup.
import { formatDate, fullTime } from "./dates.js";
import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { channelOf, nameOf, state } from "./store.js";

export const unescape = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

export function mrkdwn(text) {
  const parts = text.split(/```\n?([\s\S]*?)\n?```/g);
  return parts.flatMap((part, index) => (index % 2 ? [h("pre", {}, unescape(part.replace(/<([^<>|]+)\|?([^<>]*)>/g, (w, t, l) => l || t)))] : lines(part)));
}

function lines(text) {
  const nodes = [];
  let quoted = [];
  const flush = () => {
    if (quoted.length) nodes.push(h("blockquote", {}, quoted.flatMap((line, n) => (n ? [h("br"), ...inline(line)] : inline(line)))));
    quoted = [];
  };
  text.split("\n").forEach((line, index, all) => {
    const quote = line.match(/^&gt; ?(.*)$/);
    if (quote) {
      quoted.push(quote[1]);
      return;
    }
    const after = quoted.length > 0;
    flush();
    if (index > 0 && !after) nodes.push(h("br"));
    if (line || index < all.length - 1) nodes.push(...inline(line));
  });
  flush();
  return nodes;
}

const TOKEN =
  /`([^`\n]+)`|<([^<>\n]+)>|:([a-z0-9_+-]+):|(?<![\w*])\*(\S|\S[^*\n]*?\S)\*(?![\w*])|(?<![\w_])_(\S|\S[^_\n]*?\S)_(?![\w_])|(?<![\w~])~(\S|\S[^~\n]*?\S)~(?![\w~])/g;

export function inline(text) {
  const nodes = [];
  let last = 0;
  for (const found of text.matchAll(TOKEN)) {
    if (found.index > last) nodes.push(unescape(text.slice(last, found.index)));
    nodes.push(token(found));
    last = found.index + found[0].length;
  }
  if (last < text.length) nodes.push(unescape(text.slice(last)));
  return nodes;
}

function token([whole, code, reference, shortcode, bold, italic, struck]) {
  if (code !== undefined) return h("code", {}, unescape(code));
  if (reference !== undefined) return referred(reference);
  if (shortcode !== undefined) return emojiNode(shortcode) ?? whole;
  if (bold !== undefined) return h("strong", {}, inline(bold));
  if (italic !== undefined) return h("em", {}, inline(italic));
  return h("s", {}, inline(struck));
}

export function emojiNode(name) {
  const sign = emoji(name);
  return sign ? h("span", { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " ") }, sign) : null;
}

function referred(reference) {
  const bar = reference.indexOf("|");
  const target = bar < 0 ? reference : reference.slice(0, bar);
  const label = bar < 0 ? null : unescape(reference.slice(bar + 1));
  if (target.startsWith("@")) return mention(target.slice(1));
  if (target.startsWith("#")) return h("span", { class: "mention" }, `#${channelOf(target.slice(1))?.name ?? label ?? target.slice(1)}`);
  if (target.startsWith("!date^")) return dated(target, label);
  if (target.startsWith("!subteam^")) {
    const group = state.cast.usergroups.find((one) => one.id === target.slice(9));
    return h("span", { class: "mention" }, `@${group?.handle ?? label?.replace(/^@/, "") ?? target.slice(9)}`);
  }
  if (target.startsWith("!")) return h("span", { class: "mention loud" }, `@${target.slice(1)}`);
  if (/^(https?:|mailto:)/i.test(target)) return link(unescape(target), label);
  return unescape(`<${reference}>`);
}

export const mention = (id) =>
  h("span", { class: id === state.user ? "mention mine" : "mention" }, `@${nameOf(id)}`);

export const link = (url, label) =>
  /^(https?:|mailto:)/i.test(url) ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, label ?? url) : `${label ?? url}`;

function dated(target, label) {
  const [, seconds, format, url] = target.split("^");
  const text = formatDate(seconds, unescape(format ?? ""));
  if (text === null) return label ?? target;
  const time = h("time", { title: fullTime(seconds), datetime: new Date(Number(seconds) * 1000).toISOString() }, text);
  return url ? h("a", { href: /^https?:/i.test(url) ? url : null, target: "_blank", rel: "noopener noreferrer" }, time) : time;
}

// A text object of either type.
export const textNodes = (object) =>
  object.type === "mrkdwn" ? mrkdwn(object.text) : plain(object);

function plain(object) {
  if (object.emoji === false) return [object.text];
  return object.text.split(/(:[a-z0-9_+-]+:)/g).map((part) => (part.startsWith(":") && emojiNode(part.slice(1, -1))) || unescape(part));
}
