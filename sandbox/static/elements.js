// Interactive elements: buttons that act, and fields whose value a modal or a message sends along.
import { confirmFirst } from "./confirm.js";
import { h } from "./dom.js";
import { textNodes, unescape } from "./mrkdwn.js";
import { state } from "./store.js";

export function control(block, element, surface, id) {
  const make = MAKERS[element.type];
  if (!make) return h("div", { class: "unknown", role: "alert" }, `The sandbox cannot show the element “${element.type}”`);
  return make(block, element, surface, id);
}

const keyOf = (block, element) => `${block.block_id}/${element.action_id}`;
const kept = (block, element, surface) => surface.values?.[block.block_id]?.[element.action_id];
const words = (object) => unescape(object.text);

// A field's change: in an input block it waits for the submission, elsewhere the app hears of it at once.
function changed(block, element, surface, read) {
  return async () => {
    if (block.type === "input" && !block.dispatch_action) return;
    const value = read();
    if (value === "" || (Array.isArray(value) && !value.length && element.type !== "checkboxes")) return;
    if (await confirmFirst(element.confirm)) await surface.act(block, element, value);
  };
}

function field(block, element, surface, node, read) {
  surface.fields.set(keyOf(block, element), read);
  node.addEventListener("change", changed(block, element, surface, read));
  return node;
}

function button(block, element, surface) {
  const style = element.style ? `button ${element.style}` : "button";
  const props = { class: style, "aria-label": element.accessibility_label, "data-action": element.action_id };
  const press = async (event) => {
    const node = event.currentTarget;
    if (!(await confirmFirst(element.confirm))) return;
    node.classList.add("busy");
    node.setAttribute("aria-busy", "true");
    const delivered = await surface.act(block, element, element.value ?? null);
    node.classList.remove("busy");
    node.removeAttribute("aria-busy");
    if (delivered && !delivered.acknowledged) {
      node.parentElement.querySelectorAll(".press-failed").forEach((one) => one.remove());
      node.after(h("span", { class: "press-failed", role: "alert" }, `⚠ ${delivered.error ?? "no answer"}`));
    }
  };
  if (element.url && /^https?:/i.test(element.url))
    return h("a", { ...props, href: element.url, target: "_blank", rel: "noopener noreferrer", onclick: press }, textNodes(element.text), " ↗");
  return h("button", { ...props, type: "button", onclick: press }, textNodes(element.text));
}

const option = (one, chosen) => h("option", { value: one.value, selected: chosen === one.value }, words(one.text));

function select(options, placeholder, chosen, label) {
  return (block, element, surface, id) => {
    const node = h("select", { id, "aria-label": id ? null : label, "data-action": element.action_id },
      h("option", { value: "", selected: !chosen }, placeholder), options);
    const wrap = h("span", { class: "select" }, node);
    return field(block, element, surface, wrap, () => node.value);
  };
}

function staticSelect(block, element, surface, id) {
  const chosen = (kept(block, element, surface)?.selected_option ?? element.initial_option)?.value;
  const placeholder = element.placeholder ? words(element.placeholder) : "Choose…";
  const options = element.option_groups
    ? element.option_groups.map((group) => h("optgroup", { label: words(group.label) }, group.options.map((one) => option(one, chosen))))
    : element.options.map((one) => option(one, chosen));
  return select(options, placeholder, chosen, placeholder)(block, element, surface, id);
}

// Asks the app for options while one types, and lets one of them be chosen.
function externalSelect(block, element, surface, id) {
  const before = kept(block, element, surface)?.selected_option ?? element.initial_option;
  const least = element.min_query_length ?? 3;
  const choices = h("select", { "aria-label": "Options found", "data-action": element.action_id }, before && option(before, before.value));
  const query = h("input", { id, type: "search", autocomplete: "off", "data-action": `${element.action_id}-query`, placeholder: element.placeholder ? words(element.placeholder) : `Type ${least} letters…` });
  choices.hidden = !before;
  let waiting = null;
  query.addEventListener("change", (event) => event.stopPropagation());
  query.addEventListener("input", () => {
    clearTimeout(waiting);
    if (query.value.length < least) return;
    waiting = setTimeout(async () => {
      const { body = {} } = (await surface.suggest?.(element, query.value)) ?? {};
      const found = [...(body.options ?? []), ...(body.option_groups ?? []).flatMap((one) => one.options)];
      choices.replaceChildren(h("option", { value: "" }, found.length ? `${found.length} found, choose…` : "Nothing found"), ...found.map((one) => option(one, null)));
      choices.hidden = false;
    }, 200);
  });
  const wrap = h("span", { class: "typed select external" }, query, choices);
  return field(block, element, surface, wrap, () => choices.value);
}

// The same for several: what is ticked stays ticked while one looks for more.
function multiExternalSelect(block, element, surface, id) {
  const before = kept(block, element, surface)?.selected_options ?? element.initial_options ?? [];
  const chosen = new Map(before.map((one) => [one.value, one]));
  const least = element.min_query_length ?? 3;
  const list = h("fieldset", { class: "choices", "aria-label": "Options found", "data-action": element.action_id });
  const query = h("input", { id, type: "search", autocomplete: "off", "data-action": `${element.action_id}-query`, placeholder: element.placeholder ? words(element.placeholder) : `Type ${least} letters…` });
  const tickable = (one) => {
    const box = h("input", { type: "checkbox", value: one.value, checked: chosen.has(one.value) });
    box.addEventListener("change", () => (box.checked ? chosen.set(one.value, one) : chosen.delete(one.value)));
    return h("label", { class: "choice" }, box, h("span", {}, textNodes(one.text)));
  };
  const show = (found) => {
    const others = found.filter((one) => !chosen.has(one.value));
    list.replaceChildren(...[...chosen.values(), ...others].map(tickable));
    list.hidden = !list.childElementCount;
  };
  show([]);
  let waiting = null;
  query.addEventListener("change", (event) => event.stopPropagation());
  query.addEventListener("input", () => {
    clearTimeout(waiting);
    if (query.value.length < least) return;
    waiting = setTimeout(async () => {
      const { body = {} } = (await surface.suggest?.(element, query.value)) ?? {};
      show([...(body.options ?? []), ...(body.option_groups ?? []).flatMap((one) => one.options)]);
    }, 200);
  });
  const wrap = h("span", { class: "typed select external" }, query, list);
  return field(block, element, surface, wrap, () => [...chosen.keys()]);
}

function directory(kind, list) {
  return (block, element, surface, id) => {
    const chosen = kept(block, element, surface)?.[`selected_${kind}`] ?? element[`initial_${kind}`];
    const placeholder = element.placeholder ? words(element.placeholder) : `Choose a ${kind}…`;
    const options = list().map(([value, text]) => h("option", { value, selected: value === chosen }, text));
    return select(options, placeholder, chosen, placeholder)(block, element, surface, id);
  };
}

function boxes(type, choices, chosenOf) {
  return (block, element, surface) => {
    const chosen = chosenOf(kept(block, element, surface), element);
    const group = `group-${keyOf(block, element)}`;
    const inputs = choices(element).map((one) => ({ one, box: h("input", { type, name: group, value: one.value, checked: chosen.includes(one.value) }) }));
    const node = h("fieldset", { class: "choices", "aria-label": element.placeholder ? words(element.placeholder) : null, "data-action": element.action_id },
      inputs.map(({ one, box }) => h("label", { class: "choice" }, box,
        h("span", {}, textNodes(one.text), one.description && h("small", {}, textNodes(one.description))))));
    const read = () => inputs.filter(({ box }) => box.checked).map(({ one }) => one.value);
    return field(block, element, surface, node, type === "radio" ? () => read()[0] ?? "" : read);
  };
}

const people = () => state.cast.people.map((one) => [one.id, `${one.real_name} (@${one.name})`]);
const channels = () => state.cast.channels.map((one) => [one.id, `#${one.name}`]);
const listed = (list) => () => list().map(([value, text]) => ({ value, text: { type: "plain_text", text } }));
const values = (options) => (options ?? []).map((one) => one.value);

function typed(type, initial, selected, inputmode) {
  return (block, element, surface, id) => {
    const before = kept(block, element, surface);
    const value = (before ? before[selected] : element[initial]) ?? "";
    const props = { id, value, placeholder: element.placeholder && words(element.placeholder), inputmode, "data-action": element.action_id, "aria-label": id ? null : element.action_id };
    const node = element.multiline ? h("textarea", { ...props, rows: 4 }) : h("input", { ...props, type, autocomplete: "off" });
    if (element.max_length) node.setAttribute("maxlength", element.max_length);
    node.value = value;
    return field(block, element, surface, h("span", { class: "typed" }, node), () => node.value);
  };
}

function instant(block, element, surface, id) {
  const seconds = kept(block, element, surface)?.selected_date_time ?? element.initial_date_time;
  const node = h("input", { id, type: "datetime-local", "data-action": element.action_id });
  if (seconds) node.value = new Date(seconds * 1000 - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  const read = () => (node.value ? String(Math.floor(new Date(node.value).getTime() / 1000)) : "");
  return field(block, element, surface, h("span", { class: "typed" }, node), read);
}

function overflow(block, element, surface) {
  const menu = h("details", { class: "overflow" }, h("summary", { "aria-label": "More actions" }, "⋯"),
    h("div", { class: "overflow-menu" }, element.options.map((one) => h("button", {
      type: "button",
      onclick: async () => {
        menu.open = false;
        if (one.url && /^https?:/i.test(one.url)) window.open(one.url, "_blank", "noopener");
        if (await confirmFirst(element.confirm)) await surface.act(block, element, one.value);
      },
    }, textNodes(one.text)))));
  return menu;
}

const MAKERS = {
  button,
  overflow,
  static_select: staticSelect,
  external_select: externalSelect,
  multi_external_select: multiExternalSelect,
  users_select: directory("user", people),
  channels_select: directory("channel", channels),
  conversations_select: directory("conversation", channels),
  radio_buttons: boxes("radio", (element) => element.options, (before, element) => {
    const one = before ? before.selected_option : element.initial_option;
    return one ? [one.value] : [];
  }),
  checkboxes: boxes("checkbox", (element) => element.options, (before, element) => values(before ? before.selected_options : element.initial_options)),
  multi_static_select: boxes("checkbox", (element) => element.options ?? element.option_groups.flatMap((one) => one.options), (before, element) => values(before ? before.selected_options : element.initial_options)),
  multi_users_select: boxes("checkbox", listed(people), (before, element) => (before ? before.selected_users : element.initial_users) ?? []),
  multi_channels_select: boxes("checkbox", listed(channels), (before, element) => (before ? before.selected_channels : element.initial_channels) ?? []),
  multi_conversations_select: boxes("checkbox", listed(channels), (before, element) => (before ? before.selected_conversations : element.initial_conversations) ?? []),
  plain_text_input: typed("text", "initial_value", "value"),
  email_text_input: typed("text", "initial_value", "value", "email"),
  url_text_input: typed("text", "initial_value", "value", "url"),
  number_input: typed("text", "initial_value", "value", "decimal"),
  datepicker: typed("date", "initial_date", "selected_date"),
  timepicker: typed("time", "initial_time", "selected_time"),
  datetimepicker: instant,
};
