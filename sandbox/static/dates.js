// Instants in the zone of whoever looks.
import { me } from "./store.js";

const shown = (at, zone, options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }).format(at);
const dayOf = (at, zone) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(at);
const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

function pretty(at, zone, otherwise) {
  const day = 86_400_000;
  const now = Date.now();
  if (dayOf(at, zone) === dayOf(now, zone)) return "today";
  if (dayOf(at, zone) === dayOf(now - day, zone)) return "yesterday";
  if (dayOf(at, zone) === dayOf(now + day, zone)) return "tomorrow";
  return otherwise;
}

function ago(at) {
  const seconds = Math.round((at - Date.now()) / 1000);
  const [unit, size] = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]].find(
    ([, length]) => Math.abs(seconds) >= length,
  ) ?? ["second", 1];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(seconds / size), unit);
}

// What Slack's date formats say, such as "{date_short_pretty} at {time}"; null for one that Slack does not know.
export function formatDate(seconds, format) {
  const at = Number(seconds) * 1000;
  const zone = me().tz;
  if (!Number.isFinite(at)) return null;
  const long = shown(at, zone, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
  const middle = shown(at, zone, { day: "numeric", month: "long", year: "numeric" });
  const short = shown(at, zone, { day: "numeric", month: "short", year: "numeric" });
  const words = {
    date_num: dayOf(at, zone),
    date: middle,
    date_short: short,
    date_long: long,
    date_pretty: pretty(at, zone, middle),
    date_short_pretty: pretty(at, zone, short),
    date_long_pretty: pretty(at, zone, long),
    time: shown(at, zone, TIME),
    time_secs: shown(at, zone, { ...TIME, second: "2-digit" }),
    ago: ago(at),
  };
  let good = true;
  const text = format.replace(/\{(\w+)\}/g, (whole, name) => {
    good &&= name in words;
    return words[name] ?? whole;
  });
  return good ? text.replace(/^./, (first) => first.toUpperCase()) : null;
}

export const clock = (ts) => shown(Number(ts) * 1000, me().tz, TIME);
export const fullTime = (ts) =>
  `${shown(Number(ts) * 1000, me().tz, { dateStyle: "full", timeStyle: "medium" })} (${me().tz})`;
export const dayName = (ts) => {
  const at = Number(ts) * 1000;
  const name = pretty(at, me().tz, shown(at, me().tz, { weekday: "long", day: "numeric", month: "long" }));
  return name.replace(/^./, (first) => first.toUpperCase());
};
