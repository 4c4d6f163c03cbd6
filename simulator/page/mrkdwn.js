// Slack's text: mrkdwn, emoji, mentions, and dates in the reader's own zone.

import { h } from "./dom.js";

const EMOJI = {
  rotating_light: "🚨",
  hourglass: "⌛",
  hourglass_flowing_sand: "⏳",
  triangular_flag_on_post: "🚩",
  alarm_clock: "⏰",
  red_circle: "🔴",
  no_entry: "⛔",
  no_entry_sign: "🚫",
  lock: "🔒",
  unlock: "🔓",
  fire: "🔥",
  x: "❌",
  warning: "⚠️",
  white_check_mark: "✅",
  closed_lock_with_key: "🔐",
  information_source: "ℹ️",
  broom: "🧹",
  mag: "🔍",
  wrench: "🔧",
};
const TOKEN = new RegExp(
  [
    /```([\s\S]+?)```/,
    /`([^`\n]+)`/,
    /<([^>\n]+)>/,
    /(?<![\w*])\*(?!\s)([^*\n]+)(?<!\s)\*(?![\w*])/,
    /(?<!\w)_(?!\s)([^_\n]+)(?<!\s)_(?!\w)/,
    /(?<![\w~])~(?!\s)([^~\n]+)(?<!\s)~(?![\w~])/,
    /:([a-z0-9_+-]+):/,
  ]
    .map((token) => token.source)
    .join("|"),
);

let world = { people: [], channels: {} };

/** Whom and what a text can mention. */
export const know = (people_and_channels) => (world = people_and_channels);

/** A text object of Block Kit, as what `h` takes for children. */
export function text(object) {
  return object.type === "mrkdwn" ? mrkdwn(object.text) : emojis(object.text);
}

/** Slack's mrkdwn as nodes: never as HTML, so nothing in it can be more than text. */
export function mrkdwn(source) {
  const nodes = [];
  for (let rest = source; rest;) {
    const found = TOKEN.exec(rest);
    if (!found) {
      nodes.push(unescape(rest));
      break;
    }
    nodes.push(unescape(rest.slice(0, found.index)));
    const [all, block, code, angle, bold, italic, struck, emoji] = found;
    if (block) nodes.push(h("pre", {}, unescape(block)));
    else if (code) nodes.push(h("code", {}, unescape(code)));
    else if (angle) nodes.push(entity(angle));
    else if (bold) nodes.push(h("b", {}, mrkdwn(bold)));
    else if (italic) nodes.push(h("i", {}, mrkdwn(italic)));
    else if (struck) nodes.push(h("s", {}, mrkdwn(struck)));
    else nodes.push(symbol(emoji));
    rest = rest.slice(found.index + all.length);
  }
  return nodes.filter((node) => node !== "");
}

function entity(inside) {
  const [what, label] = inside.split(/\|(.*)/s);
  if (what.startsWith("!date^")) return date(what, label);
  if (what.startsWith("@")) {
    const person = world.people.find((p) => p.id === what.slice(1));
    return h("span", { class: "mention" }, `@${person?.name ?? label ?? what.slice(1)}`);
  }
  if (what.startsWith("#"))
    return h(
      "span",
      { class: "mention" },
      `#${world.channels[what.slice(1)] ?? label ?? what.slice(1)}`,
    );
  if (what.startsWith("!"))
    return h("span", { class: "mention" }, `@${what.slice(1).split("^")[0]}`);
  if (/^(https?|mailto):/.test(what))
    return h(
      "a",
      { href: unescape(what), rel: "noreferrer", target: "_blank" },
      unescape(label ?? what),
    );
  return `<${inside}>`;
}

const DATES = {
  date_num: { dateStyle: "short" },
  date: { dateStyle: "long" },
  date_short: { dateStyle: "medium" },
  date_long: { dateStyle: "full" },
  date_pretty: { dateStyle: "long" },
  date_short_pretty: { dateStyle: "medium" },
  date_long_pretty: { dateStyle: "full" },
  time: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  time_secs: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
};

/** `!date^EPOCH^{format}^link`, in the reader's own zone. */
function date(what, fallback) {
  const [, epoch, format] = what.split("^");
  const moment = new Date(epoch * 1000);
  if (isNaN(moment)) return unescape(fallback ?? "");
  const said = format.replace(/\{(\w+)\}/g, (all, name) =>
    name in DATES ? new Intl.DateTimeFormat(undefined, DATES[name]).format(moment) : all,
  );
  return h("time", { datetime: moment.toISOString(), title: moment.toLocaleString() }, said);
}

const emojis = (said) => said.replace(/:([a-z0-9_+-]+):/g, (all, name) => EMOJI[name] ?? all);
const symbol = (name) =>
  name in EMOJI
    ? h("span", { role: "img", "aria-label": name.replaceAll("_", " ") }, EMOJI[name])
    : `:${name}:`;
const unescape = (said) =>
  said.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
