// Slack's modal: the topmost view that a person has open, in a dialog of its own.

import { draw } from "./blocks.js";
import { byId, h, post, say } from "./dom.js";
import { complain, missing, remembered, values } from "./inputs.js";
import { know, text } from "./mrkdwn.js";
import { press, send } from "./press.js";

const NO_CONNECTION = "We had some trouble connecting. Try again?"; // Slack's own words

const dialog = byId("modal");
const drafts = new Map(); // by view: fills in what was typed into it
const gone = new Set(); // views that were closed here; the feed may tell of them once more
let who = null;
let view = null; // what the dialog shows

export function showModal(state, viewer) {
  who = viewer;
  know(state.world);
  const mine = state.views.find((each) => each.to === who)?.view;
  if (!mine || gone.has(mine.id)) return vanish();
  if (mine.id === view?.id && mine.hash === view.hash) return;
  if (view) drafts.set(view.id, remembered(dialog));
  const at = mine.id === view?.id && name(document.activeElement);
  view = mine;
  dialog.replaceChildren(form());
  drafts.get(view.id)?.(dialog);
  if (!dialog.open) dialog.showModal();
  focus(at);
}

function form() {
  const pressed = (button, element) =>
    press(button, element, { who, view_id: view.id, values: values(dialog) });
  const quit = view.close ? text(view.close) : view.submit ? "Cancel" : "Close";
  const all = () => leave(true);
  const one = () => leave(false);
  return h(
    "form",
    { novalidate: true, onsubmit: submit },
    h(
      "header",
      {},
      h("h2", { id: "modal-title" }, text(view.title)),
      h("button", { type: "button", class: "cross", "aria-label": "Dismiss", onclick: all }, "✕"),
    ),
    h(
      "div",
      { class: "blocks" },
      view.blocks.map((block) => draw(block, pressed)),
    ),
    h("p", { class: "warn", role: "alert", id: "modal-trouble", hidden: true }),
    h(
      "footer",
      { class: "actions" },
      h("button", { type: "button", class: "button", onclick: one }, quit),
      view.submit && h("button", { class: "button primary" }, text(view.submit)),
    ),
  );
}

/** Names what can have the keyboard, to find it again when the view is drawn anew. */
const name = (element) => element.closest("[data-block]")?.dataset.block ?? element.textContent;

/** Where it was; else, as in Slack, the first input, or the button that goes on. */
function focus(at) {
  const all = [...dialog.querySelectorAll("[data-action], button")];
  const first = ["[data-action]", "footer .primary", "footer button"];
  const again = at && all.find((element) => name(element) === at);
  (again || first.map((css) => dialog.querySelector(css)).find(Boolean)).focus();
}

async function submit(event) {
  event.preventDefault();
  const go = dialog.querySelector("footer .primary");
  if (go.ariaDisabled === "true") return;
  const needed = missing(dialog);
  complain(dialog, needed);
  if (Object.keys(needed).length) return;
  go.ariaDisabled = "true";
  const told = await send("submit", { who, view_id: view.id, values: values(dialog) });
  const trouble = told ? told.trouble : NO_CONNECTION;
  const errors = told?.errors ?? {};
  say(byId("modal-trouble"), trouble ?? "");
  complain(dialog, errors);
  go.ariaDisabled = String(!trouble && !Object.keys(errors).length); // if all is well, it goes
}

/** Closes this view, or with it all that lie under it. */
function leave(whole) {
  const { id } = view;
  gone.add(id);
  vanish();
  post("close", { who, view_id: id, whole }).catch((error) => {
    gone.delete(id);
    byId("answer").textContent = `The modal did not close: ${error.message}`;
  });
}

function vanish() {
  view = null;
  if (dialog.open) dialog.close();
}

dialog.addEventListener("close", () => view && leave(false)); // Escape
