// The session: its state in the machine, what it waits for, its row in the log and its receipt.

import { byId, clock, h, keep, seconds } from "./dom.js";

/** What the machine's table says of each state: in words, what is done in it, what it waits for. */
let states = {};
const LATE = 60; // seconds past the end, from which on it is called overdue, as on the cards

const TIMES = [
  ["asked_at", "Asked"],
  ["allowed_at", "Allowed"],
  ["denied_at", "Denied"],
  ["grant_asked_at", "Grant asked"],
  ["granted_at", "Granted"],
  ["deadline", "Deadline"],
  ["ended_at", "Ended"],
  ["revoke_asked_at", "Delete asked"],
  ["revoke_succeeded_at", "Delete done"],
  ["gone_at", "Seen to be gone"],
  ["reported_at", "Reported"],
  ["concluded_at", "Concluded"],
];
const LOOKS = {
  queue: "a wake-up of the queue",
  sweep: "the sweep",
  stream: "the stream",
  route: "the route",
};

const ASKED = { end: "End now pressed", extend: "Extend pressed", reason: "Reason given" };

let chosen = null; // a session's id; null follows the newest
let follows = null; // whose newest: of the person who pressed here, else of anybody
let current = null;
let live = []; // sessions whose access may be open

document.addEventListener("broke", (event) => {
  [chosen, follows] = [null, event.detail];
});

export function showSessions(state, redraw) {
  states = state.world.states;
  const all = state.sessions;
  current = all.find((s) => s.id === chosen) ?? newest(all) ?? null;
  const choose = (id) => {
    chosen = id;
    redraw();
  };
  keep(
    byId("sessions"),
    all.slice(0, 5).map((s) => brief(s)),
    (s) => s.id,
    (s) =>
      h(
        "button",
        { class: "tab", "aria-pressed": String(s.here), onclick: () => choose(s.id) },
        h("span", { class: `dot ${s.state}`, "data-over": s.over, "aria-hidden": "true" }),
        h("span", {}, `${s.name} · ${s.glass}`, h("small", {}, ` ${clock(s.at)}`)),
        h("span", { class: "unseen" }, ` ${states[s.state].words}`),
      ),
  );
  live = all.filter((s) => states[s.state].locks);
  showMachine();
  showLog(state, choose);
}

/** The follower's newest, else anybody's; what was denied because it is open shows what is open. */
function newest(all) {
  const last = all.find((s) => s.slack_user === follows) ?? all[0];
  if (last?.state !== "DENIED") return last;
  if (!last.reason?.startsWith("It is already open")) return last;
  const theirs = (s) => s.slack_user === last.slack_user && s.glass === last.glass;
  return all.find((s) => theirs(s) && s.state !== "DENIED") ?? last;
}

const brief = (s) => ({
  id: s.id,
  name: s.who.split(" ")[0],
  glass: s.glass || "?",
  state: s.state,
  at: s.asked_at,
  over: states[s.state].locks ? overSince(s) : null,
  here: s === current,
});

/** The states that the session has passed, oldest first. */
function passes(session) {
  return session ? [{ state: "REQUESTED", at: session.asked_at }, ...session.path] : [];
}

function showMachine() {
  const passed = passes(current);
  const svg = document.querySelector("svg.machine");
  const lit = (selector, css, on) =>
    svg
      .querySelectorAll(selector)
      .forEach((element) => element.classList.toggle(css, on(element.dataset)));
  const edges = passed
    .slice(1)
    .map((step, i) => ({ edge: `${passed[i].state} ${step.state}`, event: step.event }));
  lit("[data-state]", "been", (d) => passed.some((s) => s.state === d.state));
  lit("[data-state]", "here", (d) => current?.state === d.state);
  lit("[data-edge]", "taken", (d) => edges.some((e) => e.edge === d.edge));
  svg.querySelectorAll("[data-event]").forEach((e) =>
    e.classList.toggle(
      "taken",
      edges.some(
        (t) => t.event === e.dataset.event && t.edge === e.closest("[data-edge]").dataset.edge,
      ),
    ),
  );
  const first = (name) => passed.find((s) => s.state === name);
  svg.querySelectorAll("[data-at]").forEach((e) => {
    e.textContent = first(e.dataset.at) ? clock(first(e.dataset.at).at) : "";
  });
  svg.querySelectorAll("[data-took]").forEach((e) => {
    const step = first(e.dataset.took);
    e.textContent =
      step && step !== passed[0]
        ? `+${seconds((new Date(step.at) - new Date(passed[0].at)) / 1000)}`
        : "";
  });
  svg.setAttribute(
    "aria-label",
    current
      ? `The state machine. This session passed ${passed.map((s) => s.state).join(", ")}.`
      : "The state machine. No session yet.",
  );
  const pill = byId("state");
  pill.hidden = !current;
  pill.textContent = pill.dataset.word = states[current?.state]?.words ?? "";
  pill.className = `pill ${current?.state ?? ""}`;
  if (current && states[current.state].locks) pill.dataset.over = overSince(current);
  else delete pill.dataset.over;
  const news = current
    ? `Session of ${brief(current).name} on ${current.glass}: ${states[current.state].words}`
    : "";
  if (byId("said").textContent !== news) byId("said").textContent = news;
}

/** Every second, and whenever something has changed. */
export function tick(now) {
  const box = byId("clock");
  showOpen(now);
  for (const pill of document.querySelectorAll(".pill[data-over]")) {
    const late = Math.floor(now - pill.dataset.over);
    const overdue = late >= LATE;
    const said = overdue ? `OVERDUE ${minutes(late)}` : pill.dataset.word;
    if (pill.textContent !== said) pill.textContent = said;
    pill.classList.toggle("overdue", overdue);
  }
  for (const glass of document.querySelectorAll(".glass.open")) {
    const held = live.filter((s) => s.glass === glass.dataset.glass);
    const late = Math.max(0, ...held.map((s) => Math.floor(now - overSince(s))));
    const pill = glass.querySelector(".pill");
    pill.textContent = late >= LATE ? "still open" : "open";
    pill.classList.toggle("overdue", late >= LATE);
  }
  for (const dot of document.querySelectorAll(".dot[data-over]"))
    dot.classList.toggle("overdue", now - dot.dataset.over >= LATE);
  if (!current) {
    const how = "Press “Break Glass Prod” in Slack, and watch.";
    const what = h("p", { class: "what" }, "Nobody has broken a glass yet.");
    box.replaceChildren(h("div", {}, what, h("p", { class: "hint" }, how)));
    return;
  }
  const { says: what, waits: then } = states[current.state];
  const left = current.due == null ? null : Math.max(0, Math.ceil(current.due - now));
  const counts = left != null && then;
  const rows = [["what", current.state === "DENIED" ? `${what} ${reason(current)}` : what]];
  if (counts) rows.push(["hint", then]);
  const times = current.tries === 1 ? "once" : `${current.tries} times`;
  const tried = current.tries && current.last_error ? `Tried ${times}: ${current.last_error.replace(/\.+$/, "")}.` : "";
  const late = states[current.state].locks ? Math.floor(now - overSince(current)) : 0;
  const past = late >= LATE ? `OVERDUE ${minutes(late)}.` : "";
  const next = counts ? "It tries again." : "It never gives up.";
  if (tried || past) rows.push(["warn", [tried, past, next].join(" ")]);
  const lines = JSON.stringify([rows, counts && left]);
  if (box.print !== lines) {
    box.print = lines;
    box.replaceChildren(
      h(
        "div",
        {},
        rows.map(([css, said]) => h("p", { class: css }, said)),
      ),
      counts
        ? h("p", { class: "left", role: "timer", "aria-label": `${left} seconds` }, minutes(left))
        : "",
    );
  }
}

/** The header: whose access is open, and for how long; what is overdue in red. */
function showOpen(now) {
  const bar = byId("now");
  const each = live.map((s) => {
    const late = Math.floor(now - overSince(s));
    const who = `${brief(s).name} · ${s.glass || "?"}`;
    if (late >= LATE) return { said: `${who} OVERDUE ${minutes(late)}`, css: "overdue" };
    const left = late > 0 ? `taking back ${minutes(late)}` : minutes(-late);
    return { said: `${who} ${left}`, css: s.state };
  });
  const said = each.map((e) => e.said).join("  ") || "Nobody is in";
  if (bar.textContent !== said)
    bar.replaceChildren(
      ...(each.length ? each : [{ said, css: "CLOSED" }]).map((e) =>
        h("span", { class: `pill ${e.css}` }, e.said),
      ),
    );
}

/** The moment at which access should have ended. */
const overSince = (s) =>
  Math.min(...[s.deadline, s.ended_at].filter(Boolean).map((at) => new Date(at) / 1000));

/** A reason, its times on this clock. */
const reason = (s) =>
  (s.reason ?? "").replace(/\b(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC\b/g, (_, day, time) =>
    clock(`${day}T${time}Z`),
  );

const minutes = (left) => `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;

function showLog(state, choose) {
  byId("log-count").textContent =
    state.total > state.sessions.length
      ? `the newest ${state.sessions.length} of ${state.total} presses`
      : `every press, for good: ${state.total ?? 0}`;
  const rows = state.sessions.map((s) => ({
    ...brief(s),
    who: s.who,
    at: s.asked_at,
    over: states[s.state].locks ? overSince(s) : null,
    how: reason(s) || ended(s),
    lag: s.lag_gone,
  }));
  keep(
    byId("rows"),
    rows,
    (s) => s.id,
    (s) =>
      h(
        "tr",
        { class: s.here ? "here" : "" },
        h(
          "td",
          {},
          h(
            "button",
            { class: "link", "aria-pressed": String(s.here), onclick: () => choose(s.id) },
            clock(s.at),
          ),
        ),
        h("td", {}, s.who),
        h("td", {}, s.glass),
        h("td", {}, pillOf(s)),
        h("td", { class: "roomy" }, s.how),
        h("td", { class: "roomy number" }, s.lag == null ? "" : seconds(Number(s.lag))),
      ),
  );
  byId("locks").textContent = state.locks.length
    ? state.locks.map((row) => JSON.stringify(row)).join("\n")
    : "None: no access is held.";
  showReceipt();
}

/** A state in plain words; while access may be open it counts from the end on. */
const pillOf = (s) =>
  h(
    "span",
    { class: `pill ${s.state}`, "data-over": s.over, "data-word": states[s.state].words },
    states[s.state].words,
  );

function ended(s) {
  const by = s.ended_by ? ` by ${s.ended_by}` : "";
  return s.ended_how ? `${s.ended_how}${by}; found by ${found(s.ended_look)}` : "";
}

/** Whose look it was, and how long after access should have ended. */
function found(look, lag) {
  const after = lag == null ? "" : `, ${seconds(Number(lag))} after its end`;
  return look && `${LOOKS[look] ?? look}${after}`;
}

function showReceipt() {
  const box = byId("receipt");
  const print = JSON.stringify(current);
  if (box.print === print) return;
  box.print = print;
  if (!current) return box.replaceChildren();
  const s = current;
  const { who, path, due, asks, row: undecided, ...row } = s; // the table has it without these
  const open = box.querySelector("details")?.open;
  const facts = [
    ["Session", h("code", {}, s.id)],
    [
      "Access",
      s.permission_set && `${s.permission_set} on ${s.account_name ?? ""} (${s.account_id})`,
    ],
    ["Stood before", s.standing && (s.standing === "yes" ? "yes, so it stays" : "no")],
    ...TIMES.map(([name, label]) => [label, s[name] && clock(s[name])]),
    ...asks.map((each) => [
      ASKED[each.kind],
      `${clock(each.at)} by ${each.who}: ${each.outcome || "not decided yet"}`,
    ]),
    ["How it ended", ended(s)],
    ["First delete asked by", found(s.revoke_look, s.lag_asked)],
    ["Seen to be gone by", found(s.gone_look, s.lag_gone)],
    ["CloudTrail events", s.reported_at && String(s.report_events ?? 0)],
    ["Why not", reason(s)],
  ].filter(([, value]) => value);
  box.replaceChildren(
    h("h3", {}, "Its steps"),
    h(
      "ol",
      { class: "steps" },
      passes(s).map((step) =>
        h(
          "li",
          {},
          h("time", { datetime: step.at }, clock(step.at)),
          h("b", {}, step.state),
          step.event ? ` ${step.event}` : " pressed",
          step.look && h("span", { class: "hint" }, ` ${LOOKS[step.look] ?? step.look}`),
        ),
      ),
    ),
    h("h3", {}, "Its receipt"),
    h(
      "dl",
      {},
      facts.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))),
    ),
    h(
      "details",
      { open: open ?? false },
      h("summary", {}, "The row as it stands in the table"),
      h(
        "pre",
        { tabindex: "0", "aria-label": "The row" },
        JSON.stringify(undecided ?? row, null, 2),
      ),
    ),
  );
}
