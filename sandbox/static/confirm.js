// The "are you sure?" in front of an action that asks for it.
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { textNodes } from "./mrkdwn.js";

export function confirmFirst(question) {
  if (!question) return Promise.resolve(true);
  return new Promise((resolve) => {
    const answer = (yes) => {
      close();
      resolve(yes);
    };
    const style = question.style === "danger" ? "button danger" : "button primary";
    const close = openDialog({
      title: textNodes(question.title),
      body: [h("div", { class: "text" }, textNodes(question.text))],
      buttons: [
        h("button", { type: "button", class: "button", onclick: () => answer(false) }, textNodes(question.deny)),
        h("button", { type: "button", class: style, onclick: () => answer(true) }, textNodes(question.confirm)),
      ],
      dismiss: () => answer(false),
      small: true,
    });
  });
}
