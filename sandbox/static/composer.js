// Where one types: messages, and slash commands completed from the manifest.
import { h } from "./dom.js";
import { channelNow, channelOf, gesture, nameOf, refresh, state } from "./store.js";

// Builds a composer; `thread` returns the thread it answers in, or null.
export function composer(id, thread = () => null) {
  let matches = [];
  let chosen = 0;
  const list = h("ul", { class: "completions", role: "listbox", id: `${id}-list`, "aria-label": "Commands and people", hidden: true });
  const hint = h("p", { class: "usage", "aria-live": "polite" });
  const problem = h("p", { class: "composer-problem", role: "alert", hidden: true });
  const text = h("textarea", {
    id: `${id}-text`, rows: 1, "aria-label": "Message", autocomplete: "off", spellcheck: "true",
    role: "combobox", "aria-autocomplete": "list", "aria-controls": `${id}-list`, "aria-expanded": "false",
  });
  const send = h("button", { type: "submit", class: "send", "aria-label": "Send", title: "Send (Enter)" }, "↑");
  const menu = thread() === null && state.cast.shortcuts.some((one) => one.type === "global") ? shortcuts() : null;
  const form = h("form", { class: "composer-box", novalidate: true }, list, problem, h("div", { class: "composer-row" }, menu, text, send), hint);

  const close = () => {
    matches = [];
    list.hidden = true;
    text.setAttribute("aria-expanded", "false");
    text.removeAttribute("aria-activedescendant");
  };

  function complete() {
    matches = candidates(text);
    chosen = Math.min(chosen, Math.max(matches.length - 1, 0));
    list.hidden = !matches.length;
    text.setAttribute("aria-expanded", String(Boolean(matches.length)));
    list.replaceChildren(...matches.map((one, index) => h("li", {
      id: `${id}-option-${index}`, role: "option", "aria-selected": String(index === chosen),
      onmousedown: (event) => {
        event.preventDefault();
        chosen = index;
        take();
      },
    }, h("strong", {}, one.label), one.usage && h("code", {}, one.usage), h("span", {}, one.description))));
    if (matches.length) text.setAttribute("aria-activedescendant", `${id}-option-${chosen}`);
    else text.removeAttribute("aria-activedescendant");
    hint.textContent = usage(text.value);
  }

  function take() {
    const one = matches[chosen];
    const before = text.value.slice(0, text.selectionStart);
    const after = text.value.slice(text.selectionStart);
    const kept = before.slice(0, before.length - one.typed.length);
    text.value = `${kept}${one.insert} ${after.trimStart()}`;
    const at = kept.length + one.insert.length + 1;
    text.setSelectionRange(at, at);
    chosen = 0;
    complete();
    text.focus();
  }

  async function submit() {
    const typed = text.value;
    if (!typed.trim() || send.disabled) return;
    problem.hidden = true;
    send.disabled = true;
    form.classList.add("busy");
    const command = typed.trimStart().match(/^(\/\S+)\s*([\s\S]*)$/);
    const channel = channelNow();
    let delivered;
    if (command && thread()) delivered = { refused: "Slash commands do not work in threads." };
    else if (command) delivered = await gesture("command", { command: command[1], text: command[2], channel });
    else delivered = await gesture("say", { text: typed, channel, thread_ts: thread() });
    send.disabled = false;
    form.classList.remove("busy");
    if (delivered.refused) {
      problem.textContent = delivered.refused;
      problem.hidden = false;
    } else if (text.value === typed) {
      text.value = "";
      grow();
      complete();
    }
    refresh();
  }

  const grow = () => {
    text.style.height = "auto";
    text.style.height = `${Math.min(text.scrollHeight, 200)}px`;
  };
  text.addEventListener("input", () => {
    chosen = 0;
    problem.hidden = true;
    complete();
    grow();
  });
  text.addEventListener("blur", close);
  text.addEventListener("keydown", (event) => {
    const listed = matches.length > 0;
    if (listed && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      chosen = (chosen + (event.key === "ArrowDown" ? 1 : matches.length - 1)) % matches.length;
      complete();
    } else if (listed && (event.key === "Tab" || (event.key === "Enter" && matches[chosen].typed !== matches[chosen].insert))) {
      event.preventDefault();
      take();
    } else if (listed && event.key === "Escape") close();
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit();
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  return { node: form, text };
}

function candidates(text) {
  const before = text.value.slice(0, text.selectionStart);
  if (/^\/\S*$/.test(before))
    return state.cast.commands
      .filter((one) => one.name.startsWith(before))
      .map((one) => ({ typed: before, insert: one.name, label: one.name, usage: one.usage_hint, description: one.description }));
  const at = before.match(/(?:^|\s)@([\w.-]*)$/);
  if (!at) return [];
  const named = [...state.cast.people.map((one) => ({ name: one.name, about: one.real_name })), { name: state.cast.bot.name, about: "App" }];
  return named
    .filter((one) => one.name.startsWith(at[1]))
    .slice(0, 8)
    .map((one) => ({ typed: `@${at[1]}`, insert: `@${one.name}`, label: `@${one.name}`, description: one.about }));
}

function usage(typed) {
  const name = typed.match(/^(\/\S+)\s/)?.[1];
  const command = state.cast.commands.find((one) => one.name === name);
  return command?.usage_hint ? `${command.name} ${command.usage_hint}` : "";
}

function shortcuts() {
  const menu = h("details", { class: "shortcuts" }, h("summary", { "aria-label": "Shortcuts", title: "Shortcuts" }, "⚡"),
    h("div", { class: "overflow-menu" }, state.cast.shortcuts.filter((one) => one.type === "global").map((one) =>
      h("button", {
        type: "button",
        onclick: () => {
          menu.open = false;
          gesture("shortcut", { callback_id: one.callback_id });
        },
      }, h("strong", {}, one.name), h("small", {}, one.description)))));
  return menu;
}

export function placeholder(thread) {
  if (thread) return "Reply in thread";
  const channel = channelOf(channelNow());
  return channel ? `Message #${channel.name}, or / for a command` : `Message ${nameOf(state.cast.bot.id)}, or / for a command`;
}
