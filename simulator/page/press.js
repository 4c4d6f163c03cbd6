// A press: asks first where the button says so, and tells how the app answered.

import { byId, h, post } from "./dom.js";
import { text } from "./mrkdwn.js";

/** Presses a button drawn for `element`; `where` is {who, values, and ts or view_id}. */
export async function press(pressed, element, where) {
  if (pressed.ariaDisabled === "true" || (element.confirm && !(await confirmed(element.confirm))))
    return;
  pressed.ariaDisabled = "true";
  const { action_id, value } = element;
  if ((await send("press", { ...where, action_id, value })) && action_id === "break_glass")
    document.dispatchEvent(new CustomEvent("broke", { detail: where.who }));
  pressed.ariaDisabled = "false";
}

/** Has something sent to the app, and tells how it answered; null if it did not get through. */
export async function send(path, what) {
  const line = byId("answer");
  try {
    const told = await post(path, what);
    const took = `${(told.milliseconds / 1000).toFixed(2)} s`;
    const fine = told.status === 200 && told.milliseconds < 3000;
    line.textContent = fine
      ? `The app answered in ${took}; Slack waits 3 s.`
      : `Slack would show a warning here: status ${told.status} after ${took}.`;
    return told;
  } catch (error) {
    line.textContent = `It did not get through: ${error.message}`;
    return null;
  }
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

