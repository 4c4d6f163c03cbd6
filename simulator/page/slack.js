// Slack's pane: channels, messages, Block Kit and mrkdwn, and the press of a button.

import { byId, h, keep, post } from "./dom.js";

const EMOJI = {
  rotating_light: "🚨",
  hourglass: "⌛",
  lock: "🔒",
  unlock: "🔓",
  fire: "🔥",
  x: "❌",
  warning: "⚠️",
  white_check_mark: "✅",
  closed_lock_with_key: "🔐",
  information_source: "ℹ️",
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
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

let world, viewer;
let channel = "C0DEPLOY";
const read = {}; // by conversation: the ts up to which it was read

export function showSlack(state, who) {
  [world, viewer] = [state.world, who];
  const visible = state.messages.filter((m) => !m.to || m.to === viewer);
  const conversations = { ...world.channels };
  if (visible.some((m) => m.channel === viewer)) conversations[viewer] = "Break Glass";
  if (!(channel in conversations)) channel = "C0DEPLOY";
  showChannels(state, conversations, visible);
  showMessages(visible.filter((m) => m.channel === channel));
}

function showChannels(state, conversations, visible) {
  const tabs = Object.entries(conversations).map(([id, name]) => {
    const last = visible.filter((m) => m.channel === id).at(-1)?.ts ?? "0";
    if (id === channel || !(id in read)) read[id] = last;
    const unread = visible.filter((m) => m.channel === id && m.ts > read[id]).length;
    return { id, name: `${id in world.channels ? "# " : ""}${name}`, here: id === channel, unread };
  });
  keep(
    byId("channels"),
    tabs,
    (tab) => tab.id,
    (tab) =>
      h(
        "button",
        {
          class: "tab",
          "aria-pressed": String(tab.here),
          onclick: () => {
            channel = tab.id;
            showSlack(state, viewer);
          },
        },
        tab.name,
        tab.unread > 0 &&
          h("span", { class: "badge" }, String(tab.unread), h("span", { class: "unseen" }, " new")),
      ),
  );
}

function showMessages(messages) {
  const box = byId("messages");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  const before = box.childElementCount && box.lastElementChild.dataset.key;
  const tops = messages.filter((m) => !m.thread_ts);
  const replies = (m) => messages.filter((reply) => reply.thread_ts === m.ts);
  const shown = tops.map((m) => ({ ...m, replies: replies(m) }));
  keep(box, shown, (m) => m.ts, message);
  if (atEnd || before !== box.lastElementChild?.dataset.key) box.scrollTop = box.scrollHeight;
}

function message(m) {
  const moment = new Date(m.ts * 1000);
  const when = h("time", { datetime: moment.toISOString() }, TIME.format(moment));
  const head = h(
    "p",
    { class: "head" },
    h("b", {}, m.from.name),
    m.from.app && h("span", { class: "app" }, "APP"),
    " ",
    when,
  );
  const blocks = m.blocks?.length
    ? m.blocks
    : [{ type: "section", text: { type: "mrkdwn", text: m.text } }];
  return h(
    "article",
    {
      class: m.to ? "message ephemeral" : "message",
      "aria-label": `${m.from.name}, ${TIME.format(moment)}`,
    },
    h(
      "span",
      { class: `avatar ${m.from.name === "Deployer" ? "deployer" : ""}`, "aria-hidden": "true" },
      m.from.name[0],
    ),
    h(
      "div",
      { class: "body" },
      m.to &&
        h(
          "p",
          { class: "only" },
          h("span", { "aria-hidden": "true" }, "👁 "),
          "Only visible to you",
        ),
      head,
      blocks.map((block) => render(block, m)),
      m.edited && h("p", { class: "edited" }, "(edited)"),
      m.replies?.length > 0 &&
        h(
          "details",
          { class: "thread", open: true },
          h("summary", {}, m.replies.length === 1 ? "1 reply" : `${m.replies.length} replies`),
          m.replies.map(message),
        ),
    ),
  );
}

function render(block, m) {
  switch (block.type) {
    case "section":
      return h(
        "div",
        { class: "section" },
        h(
          "div",
          {},
          block.text && h("p", {}, text(block.text)),
          block.fields &&
            h(
              "div",
              { class: "fields" },
              block.fields.map((f) => h("p", {}, text(f))),
            ),
        ),
        block.accessory && button(block.accessory, m),
      );
    case "header":
      return h("h3", {}, text(block.text));
    case "divider":
      return h("hr");
    case "context":
      return h(
        "p",
        { class: "context" },
        block.elements.map((e) => h("span", {}, e.type === "image" ? e.alt_text : text(e))),
      );
    case "actions":
      return h(
        "div",
        { class: "actions" },
        block.elements.map((e) => button(e, m)),
      );
    case "image":
      return h("p", { class: "context" }, `🖼 ${block.alt_text}`);
    default:
      return h("p", { class: "context" }, `(a block that this page does not draw: ${block.type})`);
  }
}

function button(element, m) {
  return h(
    "button",
    {
      class: `button ${element.style ?? ""}`,
      "aria-label": element.accessibility_label,
      onclick: (event) => press(event.currentTarget, element, m),
    },
    text(element.text),
  );
}

async function press(pressed, element, m) {
  if (pressed.ariaDisabled === "true" || (element.confirm && !(await confirmed(element.confirm))))
    return;
  pressed.ariaDisabled = "true";
  const answer = byId("answer");
  try {
    const told = await post("press", {
      who: viewer,
      ts: m.ts,
      action_id: element.action_id,
      value: element.value,
    });
    const took = `${(told.milliseconds / 1000).toFixed(2)} s`;
    const fine = told.status === 200 && told.milliseconds < 3000;
    answer.textContent = fine
      ? `The app answered in ${took}; Slack waits 3 s.`
      : `Slack would show a warning here: status ${told.status} after ${took}.`;
    if (element.action_id === "break_glass")
      document.dispatchEvent(new CustomEvent("broke", { detail: viewer }));
  } catch (error) {
    answer.textContent = `The press did not get through: ${error.message}`;
  }
  pressed.ariaDisabled = "false";
}

/** Slack's confirm dialog; resolves to whether it was confirmed. */
function confirmed(asked) {
  const dialog = byId("confirm");
  dialog.replaceChildren(
    h("h2", { id: "confirm-title" }, text(asked.title)),
    h("p", {}, text(asked.text)),
    h(
      "form",
      { method: "dialog", class: "actions" },
      h("button", { class: "button", value: "no" }, text(asked.deny)),
      h(
        "button",
        { class: `button ${asked.style ?? "primary"}`, value: "yes" },
        text(asked.confirm),
      ),
    ),
  );
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) =>
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }),
  );
}

function text(object) {
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
  time: { timeStyle: "short" },
  time_secs: { timeStyle: "medium" },
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
