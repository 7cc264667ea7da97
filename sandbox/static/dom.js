// Builds elements; text only ever becomes text nodes, so nothing typed or sent can become markup.
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "hue") node.style.setProperty("--hue", value);
    else if (["value", "checked", "selected", "disabled", "multiple", "required"].includes(name)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  append(node, children);
  return node;
}

export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

// Replaces the children of `parent` by keyed items, keeping the nodes of those whose signature did not change.
export function reconcile(parent, items, signature, render) {
  const kept = new Map();
  for (const node of parent.children) if (node.dataset.key) kept.set(node.dataset.key, node);
  let cursor = parent.firstElementChild;
  for (const item of items) {
    const { key, sign } = signature(item);
    let node = kept.get(key);
    kept.delete(key);
    if (!node || node.sign !== sign) {
      const fresh = render(item);
      fresh.dataset.key = key;
      fresh.sign = sign;
      if (node) {
        if (node === cursor) cursor = node.nextElementSibling;
        node.replaceWith(fresh);
      }
      node = fresh;
    }
    if (node === cursor) cursor = cursor.nextElementSibling;
    else parent.insertBefore(node, cursor);
  }
  for (const node of kept.values()) node.remove();
  while (cursor) {
    const next = cursor.nextElementSibling;
    cursor.remove();
    cursor = next;
  }
}

export function hueOf(text) {
  let sum = 7;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}

export function initials(name) {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  return ((words[0]?.[0] ?? "?") + (words.length > 1 ? words.at(-1)[0] : "")).toUpperCase();
}
