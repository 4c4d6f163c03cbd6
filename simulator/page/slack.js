// Slack's pane: channels, and their messages with threads.

import { draw } from "./blocks.js";
import { byId, clock, h, keep } from "./dom.js";
import { values } from "./inputs.js";
import { know } from "./mrkdwn.js";
import { press } from "./press.js";

let world, viewer;
let channel = "C0DEPLOY";
let begun = false; // what was there before the page is read
let loaded; // the newest ts then: ephemeral messages up to it went with the reload
const read = {}; // by conversation: the ts up to which it was read

export function showSlack(state, who) {
  [world, viewer] = [state.world, who];
  know(world);
  loaded ??= Math.max(0, ...state.messages.map((m) => Number(m.ts)));
  const visible = state.messages.filter((m) => !m.to || (m.to === viewer && m.ts > loaded));
  const conversations = { ...world.channels };
  if (visible.some((m) => m.channel === viewer)) conversations[viewer] = "Break Glass";
  if (!(channel in conversations)) channel = "C0DEPLOY";
  showChannels(state, conversations, visible);
  showMessages(visible.filter((m) => m.channel === channel));
}

function showChannels(state, conversations, visible) {
  const tabs = Object.entries(conversations).map(([id, name]) => {
    const last = visible.filter((m) => m.channel === id).at(-1)?.ts ?? "0";
    if (id === channel || !begun) read[id] = last;
    read[id] ??= "0"; // a conversation that begins is unread
    const news = visible.filter((m) => m.channel === id && m.ts > read[id]);
    const unread = news.length;
    const rings = news.some((m) => (m.text ?? "").includes(`<@${viewer}>`));
    return { rings, id, name: `${id in world.channels ? "# " : ""}${name}`, here: id === channel, unread };
  });
  begun = true;
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
          h("span", { class: tab.rings ? "badge rings" : "badge" }, String(tab.unread), h("span", { class: "unseen" }, " new")),
      ),
  );
}

function showMessages(messages) {
  const box = byId("messages");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  const before = box.childElementCount && box.lastElementChild.dataset.key;
  const tops = messages.filter((m) => !m.thread_ts || m.broadcast);
  const replies = (m) =>
    messages.filter((r) => r.thread_ts === m.ts).map((r) => ({ ...r, reply: true }));
  const shown = tops.map((m) => ({ ...m, replies: replies(m) }));
  keep(box, shown, (m) => m.ts, message);
  const newest = box.lastElementChild;
  if (!newest || !(atEnd || before !== newest.dataset.key)) return;
  const tall = newest.offsetHeight > box.clientHeight; // then it is read from its beginning
  box.scrollTop = tall ? newest.offsetTop - box.offsetTop : box.scrollHeight;
}

function message(m) {
  const moment = new Date(m.ts * 1000);
  const when = h("time", { datetime: moment.toISOString() }, clock(m.ts * 1));
  const head = h(
    "p",
    { class: "head" },
    h("b", {}, m.from.name),
    m.from.app && h("span", { class: "app" }, "APP"),
    " ",
    when,
  );
  const blocks =
    m.blocks?.length || m.attachments?.length
    ? (m.blocks ?? [])
    : [{ type: "section", text: { type: "mrkdwn", text: m.text } }];
  const pressed = (button, element) =>
    press(button, element, { who: viewer, ts: m.ts, values: values(button.closest(".body")) });
  return h(
    "article",
    {
      class: m.to ? "message ephemeral" : "message",
      "aria-label": `${m.from.name}, ${clock(m.ts * 1)}`,
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
      m.broadcast && !m.reply && h("p", { class: "only" }, "replied to a thread"),
      blocks.map((block) => draw(block, pressed)),
      m.attachments?.map((bar) =>
        h(
          "div",
          { class: "bar", style: `border-color: ${/^#\w{6}$/.test(bar.color) ? bar.color : "#888"}` },
          bar.blocks?.map((block) => draw(block, pressed)),
        ),
      ),
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

