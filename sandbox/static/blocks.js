// Block Kit as DOM. A block this page does not know is a loud red box, never silence.
import { h } from "./dom.js";
import { control } from "./elements.js";
import { emojiNode, link, mention, mrkdwn, textNodes } from "./mrkdwn.js";
import { channelOf } from "./store.js";

// `surface` knows how to act: {act(action, value), fields: Map, values, prefix}
export const renderBlocks = (blocks, surface) => blocks.map((block) => (BLOCKS[block.type] ?? unknown)(block, surface));

const unknown = (block) =>
  h("div", { class: "unknown", role: "alert" }, h("strong", {}, `The sandbox cannot show “${block.type}”`), h("pre", {}, JSON.stringify(block, null, 2)));

const alt = (image, small) =>
  h("span", { class: small ? "image small" : "image", role: "img", "aria-label": image.alt_text, title: image.image_url }, small ? "" : `🖼 ${image.alt_text}`);

const BLOCKS = {
  section: (block, surface) =>
    h("div", { class: block.accessory ? "block section with-accessory" : "block section" },
      h("div", { class: "section-text" },
        block.text && h("div", { class: "text" }, textNodes(block.text)),
        block.fields && h("div", { class: "fields" }, block.fields.map((one) => h("div", { class: "field text" }, textNodes(one))))),
      block.accessory && h("div", { class: "accessory" }, block.accessory.type === "image" ? alt(block.accessory) : control(block, block.accessory, surface))),
  header: (block) => h("h3", { class: "block header" }, textNodes(block.text)),
  divider: () => h("hr", { class: "block" }),
  context: (block) =>
    h("div", { class: "block context" }, block.elements.map((one) =>
      one.type === "image" ? alt(one, true) : h("span", { class: "text" }, textNodes(one)))),
  actions: (block, surface) =>
    h("div", { class: "block actions" }, block.elements.map((one) => control(block, one, surface))),
  image: (block) =>
    h("figure", { class: "block" }, block.title && h("figcaption", {}, textNodes(block.title)), alt(block)),
  markdown: (block) => h("div", { class: "block text" }, mrkdwn(toMrkdwn(block.text))),
  rich_text: (block) => h("div", { class: "block text rich" }, block.elements.map(rich)),
  table: (block) =>
    h("div", { class: "block table-wrap" }, h("table", {}, h("tbody", {}, block.rows.map((row, at) =>
      h("tr", {}, row.map((cell, column) =>
        h(at ? "td" : "th", { scope: at ? null : "col", class: `align-${block.column_settings?.[column]?.align ?? "left"}` }, tableCell(cell)))))))),
  input: inputBlock,
};

const tableCell = (cell) => (cell.type === "rich_text" ? cell.elements.map(rich) : String(cell.text ?? cell.value ?? ""));

let serial = 0;

function inputBlock(block, surface) {
  const id = `field-${++serial}`;
  const element = control(block, block.element, surface, id);
  const group = element.matches("fieldset");
  const name = [textNodes(block.label), block.optional ? h("span", { class: "optional" }, " (optional)") : null];
  const error = h("p", { class: "field-error", id: `${id}-error`, role: "alert", hidden: true });
  const hint = block.hint && h("p", { class: "hint", id: `${id}-hint` }, textNodes(block.hint));
  const target = group ? element : (element.querySelector("input,select,textarea") ?? element);
  target.setAttribute("aria-describedby", `${id}-error${hint ? ` ${id}-hint` : ""}`);
  if (group) element.prepend(h("legend", {}, name));
  return h("div", { class: "block field-block", "data-block": block.block_id },
    group ? null : h("label", { for: id }, name), element, hint, error);
}

function rich(part) {
  if (part.type === "rich_text_preformatted") return h("pre", {}, part.elements.map((one) => one.text ?? one.url ?? ""));
  if (part.type === "rich_text_quote") return h("blockquote", {}, part.elements.map(richLeaf));
  if (part.type === "rich_text_list")
    return h(part.style === "ordered" ? "ol" : "ul", {}, part.elements.map((one) => h("li", {}, one.elements.map(richLeaf))));
  return h("p", {}, (part.elements ?? []).map(richLeaf));
}

function richLeaf(leaf) {
  if (leaf.type === "link") return link(leaf.url, leaf.text ?? leaf.url);
  if (leaf.type === "user") return mention(leaf.user_id);
  if (leaf.type === "channel") return h("span", { class: "mention" }, `#${channelOf(leaf.channel_id)?.name ?? leaf.channel_id}`);
  if (leaf.type === "broadcast") return h("span", { class: "mention loud" }, `@${leaf.range}`);
  if (leaf.type === "emoji") return emojiNode(leaf.name) ?? `:${leaf.name}:`;
  if (leaf.type !== "text") return h("span", { class: "unknown inline" }, leaf.type);
  let node = leaf.text;
  const style = leaf.style ?? {};
  for (const [name, tag] of [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"]]) if (style[name]) node = h(tag, {}, node);
  return node;
}

const toMrkdwn = (text) =>
  text
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replace(/^#{1,6} +(.+)$/gm, "*$1*").replace(/\*\*([^*\n]+)\*\*/g, "*$1*")
    .replace(/^[-*] +/gm, "• ").replace(/\[([^\]\n]+)\]\((https?:[^)\s]+)\)/g, "<$2|$1>");
