// The page: follows the feed, and hands each part what it shows.

import { byId, h, say } from "./dom.js";
import { showModal } from "./modal.js";
import { showSessions, tick } from "./session.js";
import { showSlack } from "./slack.js";
import { showAccess, showMail, showSwitches } from "./world.js";

const state = { messages: [], views: [], sessions: [], locks: [], letters: [], total: 0, trouble: "" };
let ahead = 0; // the server's clock against ours, in seconds
const who = byId("who");

const PARTS = {
  world: [meet],
  messages: [() => showSlack(state, who.value)],
  views: [() => showModal(state, who.value)],
  sessions: [sessions],
  total: [sessions],
  locks: [sessions],
  letters: [() => showMail(state)],
  access: [() => showAccess(state)],
  switches: [() => showSwitches(state)],
  trouble: [() => trouble(state.trouble && `The world does not answer just now: ${state.trouble}`)],
};

follow();
setInterval(() => tick(Date.now() / 1000 + ahead), 250);

async function follow() {
  for (let number = 0; ;) {
    try {
      const answer = await fetch(`feed?since=${number}`);
      const told = await answer.json();
      number = told.number;
      ahead = told.now - Date.now() / 1000;
      Object.assign(state, told.news);
      if (!("trouble" in told.news) && !state.trouble) trouble("");
      for (const show of new Set(Object.keys(told.news).flatMap((name) => PARTS[name] ?? [])))
        show();
      tick(told.now);
    } catch (error) {
      console.warn(error);
      trouble(
        "The demo has stopped. Start it with “make demo” and open the address that it prints.",
      );
      await new Promise((go) => setTimeout(go, 2000));
    }
  }
}

function sessions() {
  showSessions(state, () => {
    sessions();
    tick(Date.now() / 1000 + ahead);
  });
}

function trouble(said) {
  say(byId("trouble"), said);
}

/** Who lives here, and how short time is. */
function meet() {
  const { people, glasses, report_after, tail } = state.world;
  const before = who.value || sessionStorage.getItem("who");
  who.replaceChildren(
    ...people.map((p) => h("option", { value: p.id }, `${p.name} (${short(p)})`)),
  );
  if (people.some((p) => p.id === before)) who.value = before;
  const lasts = glasses.flatMap((g) => g.durations);
  byId("short").replaceChildren(
    h("b", {}, "Time is short here: "),
    `a session lasts ${Math.min(...lasts)} to ${Math.max(...lasts)} s instead of an hour, ` +
      `the wait for CloudTrail ${report_after} s instead of 15 minutes, credentials ${tail} s ` +
      "instead of an hour. The rest is real: the app, deployed on an AWS on this machine.",
  );
  introduce();
}

function may(p) {
  if (!p.known) return "in Slack only";
  if (!p.may.length) return "may break no glass";
  const all = p.may.length === state.world.glasses.length;
  return `may break ${all ? "every glass" : p.may.join(" and ")}`;
}

const short = (p) => may(p).replace("may break ", "");

function introduce() {
  const p = state.world.people.find((each) => each.id === who.value);
  const known = p.known ? `${p.email} ${may(p)}` : `Identity Center does not know ${p.email}`;
  byId("who-may").textContent = p.stands
    ? `${p.name} has standing access to ${p.stands}: it was there before and must stay.`
    : `${known}. Choose anybody: some may, some may not.`;
}

who.addEventListener("change", () => {
  sessionStorage.setItem("who", who.value);
  introduce();
  showSlack(state, who.value);
  showModal(state, who.value);
});
