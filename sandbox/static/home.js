// The app's Home tab for this person.
import { renderBlocks } from "./blocks.js";
import { h } from "./dom.js";
import { gesture, state } from "./store.js";

export function drawHome(parent) {
  const view = state.screen.home;
  const sign = `home ${state.user} ${view?.hash ?? "none"}`;
  if (parent.firstElementChild?.sign === sign) return;
  const surface = {
    fields: new Map(),
    values: view?.state.values,
    suggest: (element, query) => gesture("options", { place: "home", action_id: element.action_id, query }),
    act: (block, element, value) => gesture("click", { place: "home", action_id: element.action_id, block_id: block.block_id, value }),
  };
  const node = view
    ? h("div", { class: "home" }, renderBlocks(view.blocks, surface))
    : h("div", { class: "empty" }, h("h2", {}, "Nothing here yet"), h("p", {}, "The app has not published a Home for you. It is told each time you open this tab."));
  node.sign = sign;
  parent.replaceChildren(node);
}
