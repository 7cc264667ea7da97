// The page's state and its talk with the server: what one person sees, and the gestures they make.
export const state = {
  cast: null,
  screen: { unread: {}, messages: [], thread: [], modals: [], home: null, requests: [], reachable: true },
  requests: [],
  user: null,
  place: null, // a channel id, or "home"
  thread: null,
  panel: null, // null, "thread", "requests" or a link's url
  live: false,
};

const watchers = new Set();
export const watch = (run) => watchers.add(run);
export const redraw = () => watchers.forEach((run) => run());

export const me = () => state.cast.people.find((one) => one.id === state.user);
export const personOf = (id) => state.cast.people.find((one) => one.id === id);
export const channelOf = (id) => state.cast.channels.find((one) => one.id === id);
export const channelNow = () => (state.place === "home" ? me().direct : state.place);

export function nameOf(id) {
  if (id === state.cast.bot.id) return state.cast.bot.name;
  if (id === "USLACKBOT") return "workspace";
  return personOf(id)?.name ?? id;
}

export async function gesture(name, body) {
  let answer;
  try {
    answer = await fetch(`/control/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user: state.user, ...body }),
    });
  } catch {
    return { acknowledged: false, error: "the sandbox does not answer", errors: {} };
  }
  const content = await answer.json().catch(() => ({}));
  if (answer.status === 409) return { acknowledged: false, refused: content.refused, error: content.refused, errors: {} };
  return content;
}

let running = false;
let again = false;

// Asks for the screen; calls that come together become one more.
export async function refresh() {
  if (running) {
    again = true;
    return;
  }
  running = true;
  try {
    do {
      again = false;
      await load();
    } while (again);
  } finally {
    running = false;
  }
}

async function load() {
  const asked = { user: state.user, channel: channelNow(), thread: state.thread };
  const query = new URLSearchParams({ user: asked.user, channel: asked.channel });
  query.set("after", String(state.requests.at(-1)?.id ?? 0));
  if (asked.thread) query.set("thread", asked.thread);
  const answer = await fetch(`/screen?${query}`).catch(() => null);
  if (!answer?.ok) return;
  const screen = await answer.json();
  if (asked.user !== state.user || asked.channel !== channelNow() || asked.thread !== state.thread) {
    again = true;
    return;
  }
  const known = state.requests.at(-1)?.id ?? 0;
  state.requests = [...state.requests, ...screen.requests.filter((one) => one.id > known)].slice(-500);
  state.screen = screen;
  if (channelOf(state.place) && !(state.place in screen.unread)) {
    go(state.cast.channels.find((one) => one.id in screen.unread)?.id ?? me().direct); // not a member of that channel
    return;
  }
  redraw();
  await markRead(screen, asked);
}

async function markRead(screen, asked) {
  const last = screen.messages.at(-1);
  if (state.place === "home" || !last || !screen.unread[asked.channel] || document.hidden) return;
  await gesture("read", { channel: asked.channel, ts: last.ts });
}

// Listens for changes, and comes back when the connection is lost.
export function listen(delay = 250) {
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}/live`);
  socket.addEventListener("open", () => {
    delay = 250;
    state.live = true;
    redraw();
  });
  socket.addEventListener("message", () => refresh());
  socket.addEventListener("close", () => {
    state.live = false;
    redraw();
    setTimeout(() => listen(Math.min(delay * 2, 5000)), delay);
  });
}

export function go(place) {
  state.place = place;
  state.thread = null;
  if (state.panel === "thread") state.panel = null;
  remember();
  redraw();
  refresh();
  if (place === "home") gesture("open_home", {});
}

export function become(user) {
  const inDirect = state.place === me().direct;
  state.user = user;
  if (inDirect) state.place = me().direct;
  remember();
  redraw();
  refresh();
  if (state.place === "home") gesture("open_home", {});
}

export function openThread(ts) {
  state.thread = ts;
  state.panel = "thread";
  refresh();
}

export function openPanel(panel) {
  state.panel = state.panel === panel ? null : panel;
  if (state.panel !== "thread") state.thread = null;
  redraw();
}

function remember() {
  sessionStorage.setItem("user", state.user);
  sessionStorage.setItem("place", state.place);
}

export async function start() {
  state.cast = await (await fetch("/cast")).json();
  const saved = sessionStorage.getItem("user");
  state.user = personOf(saved) ? saved : state.cast.people[0]?.id;
  const linked = location.hash.match(/^#\/([^/]+)/)?.[1] ?? sessionStorage.getItem("place");
  const places = [...state.cast.channels.map((one) => one.id), me().direct, "home"];
  state.place = places.includes(linked) ? linked : (state.cast.channels[0]?.id ?? me().direct);
  document.title = `${state.cast.team} · sandbox`;
}
