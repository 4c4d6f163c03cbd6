// The world outside: who has access as Identity Center has it, the mailbox, and what can be broken.

import { byId, clock, h, keep, post, say } from "./dom.js";

let letter = null; // the chosen letter's number; null follows the newest
let form = "html";

// Who has access -----------------------------------------------------------------------------------

export function showAccess(state) {
  const { world, access } = state;
  const name = (id) => world.people.find((p) => p.principal_id === id)?.name ?? id;
  const glassOf = (e) =>
    world.glasses.find((g) => g.account_id === e.account_id && g.set_arn === e.set_arn);
  const what = (e) => {
    const g = glassOf(e);
    return g ? `${g.set} on ${g.account}` : `${e.set_arn} on ${e.account_id}`;
  };
  const list = world.glasses.map((g) => ({
    ...g,
    inside: access.inside.filter((e) => glassOf(e) === g).map((e) => ({ ...e, who: name(e.who) })),
    under_way: access.under_way
      .filter((e) => glassOf(e) === g)
      .map((e) => ({ ...e, who: name(e.who) })),
  }));
  keep(
    byId("access-list"),
    list,
    (glass) => glass.name,
    (glass) => {
      const open = glass.inside.some((e) => e.by === "Break Glass");
      const state = open ? "open" : glass.inside.length ? "standing" : "closed";
      return h(
        "li",
        { class: `glass ${state}`, "data-glass": glass.name },
        h("span", { class: "leaf", "aria-hidden": "true" }, h("span", {})),
        h(
          "div",
          {},
          h("p", { class: "head" }, h("b", {}, glass.name), ` ${glass.set} on ${glass.account}`),
          glass.inside.map((e) =>
            h(
              "p",
              {},
              h("b", {}, e.who),
              e.by === "Break Glass"
                ? ` has been in since ${clock(e.at)}`
                : " stands here for good; not ours to take",
            ),
          ),
          glass.under_way.map((e) =>
            h(
              "p",
              { class: "hint" },
              e.kind === "create" ? `opening for ${e.who} …` : `closing behind ${e.who} …`,
            ),
          ),
          !glass.inside.length &&
            !glass.under_way.length &&
            h("p", { class: "hint" }, "Nobody is in."),
        ),
        h("span", { class: `pill ${state}` }, state === "standing" ? "standing" : state),
      );
    },
  );
  keep(
    byId("history"),
    access.history.map((e, i) => ({ ...e, i })).reverse(),
    (e) => `${e.at} ${e.i}`,
    (e) =>
      h(
        "li",
        {},
        h("time", {}, clock(e.at)),
        ` ${e.event}: ${name(e.who)}, ${what(e)}`,
        h("span", { class: "hint" }, ` by ${e.by}`),
      ),
  );
}

// The mailbox -------------------------------------------------------------------------------------

export function showMail(state) {
  const letters = state.letters;
  const current = letters[letter ?? letters.length - 1];
  byId("mail-count").textContent = letters.length === 1 ? "1 letter" : `${letters.length} letters`;
  const list = letters.map((l) => ({ ...l, here: l === current })).reverse();
  keep(
    byId("letters"),
    list,
    (l) => l.number,
    (l) =>
      h(
        "li",
        {},
        h(
          "button",
          {
            class: "letter",
            "aria-pressed": String(l.here),
            onclick: () => {
              letter = l.number;
              showMail(state);
            },
          },
          h("span", { class: "hint" }, `${clock(l.at)} · to ${l.to.join(", ")}`),
          h("b", {}, l.subject),
        ),
      ),
  );
  keep(
    byId("letter"),
    [current ? { ...current, form } : { number: -1 }],
    (l) => l.number,
    (l) =>
      l.number < 0
        ? h(
            "p",
            { class: "hint empty" },
            "No letter yet. The report comes when access is closed and CloudTrail has caught up.",
          )
        : open(l, state),
  );
}

function open(l, state) {
  const tab = (kind, label) =>
    h(
      "button",
      {
        class: "tab",
        "aria-pressed": String(l.form === kind),
        onclick: () => {
          [letter, form] = [l.number, kind];
          showMail(state);
        },
      },
      label,
    );
  const address = `mail/${l.number}.${l.form === "html" ? "html" : "txt"}`;
  return h(
    "article",
    { "aria-label": l.subject },
    h("h3", {}, l.subject),
    h("p", { class: "hint" }, `from ${l.from} to ${l.to.join(", ")}, ${clock(l.at)}`),
    h(
      "div",
      { class: "tabs" },
      tab("html", "HTML"),
      tab("text", "Text"),
      l.attachments.map((a, i) =>
        h(
          "a",
          { class: "attachment", href: `mail/${l.number}/${i}`, download: a.name },
          `${a.name.replace(/^bg-\w+-/, "")}, ${Math.ceil(a.size / 1024)} KB`,
        ),
      ),
    ),
    l.form === "html"
      ? h("iframe", {
          src: address,
          sandbox: "allow-same-origin",
          title: `The letter: ${l.subject}`,
          onload: fit,
        })
      : text(address),
  );
}

/** No scripts run in the frame; its origin is ours only so that its height can be read. */
function fit(event) {
  const inside = event.target.contentDocument?.documentElement;
  if (inside) event.target.style.height = `${Math.min(inside.scrollHeight + 4, 720)}px`;
}

function text(address) {
  const box = h("pre", { class: "text", tabindex: "0", "aria-label": "The letter's text" }, "…");
  fetch(address)
    .then((answer) => answer.text())
    .then((said) => {
      box.textContent = said;
    });
  return box;
}

// Break something ---------------------------------------------------------------------------------

export function showSwitches(state) {
  const on = state.switches;
  keep(byId("switches"), state.world.switches, (s) => s.name, knob);
  for (const input of byId("switches").querySelectorAll("input")) {
    input.checked = on[input.dataset.switch];
  }
  byId("heal").disabled = !Object.values(on).includes(true);
  const waits = on.queue && on.sweep;
  const said = !waits
    ? ""
    : on.stream || on.ttl
      ? "Now nobody looks: the queue, the sweep and the stream with its TTL are all that could. " +
        "Let the sweep or the stream work again, and access ends at its first look."
      : "A new press waits now, for nobody decides it. What is open still closes: TTL takes the " +
        "lease, and the stream has it looked at.";
  say(byId("blind"), said);
}

function knob(s) {
  const input = h("input", {
    type: "checkbox",
    role: "switch",
    "data-switch": s.name,
    "aria-describedby": `says-${s.name}`,
    onchange: turn,
  });
  const says = h("span", { class: "hint", id: `says-${s.name}` }, s.says);
  const shape = h("span", { class: "knob", "aria-hidden": "true" });
  const words = h("span", {}, h("b", {}, s.title), says);
  return h("li", {}, h("label", { class: "switch" }, input, shape, words));
}

async function turn(event) {
  const input = event.target;
  await post("switch", { name: input.dataset.switch, broken: input.checked }).catch(told);
}

const told = (error) => {
  byId("killed").textContent = `That did not work: ${error.message}`;
};

byId("heal").addEventListener("click", () => post("heal").catch(told));
byId("kill").addEventListener("click", async () => {
  try {
    const { killed } = await post("kill");
    byId("killed").textContent =
      killed === 0
        ? "no worker was running"
        : `killed at ${clock(Date.now() / 1000)}; the next look goes on`;
  } catch (error) {
    told(error);
  }
});
