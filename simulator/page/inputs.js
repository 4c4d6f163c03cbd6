// Input blocks: what can be filled in, what is filled in, and what is wrong with it.

import { h } from "./dom.js";
import { text } from "./mrkdwn.js";

const NEEDED = "Please complete this required field.";
const CONTROLS = { plain_text_input: line, static_select: choice };

let drawn = 0; // so many inputs; each has an id of its own

/** `press(field, element)` is what Enter does where the block says that it is a press. */
export function input(block, press) {
  const { element } = block;
  const id = `input-${++drawn}`;
  const make = CONTROLS[element.type];
  if (!make) return h("p", { class: "context" }, `(This page does not draw a ${element.type}.)`);
  const control = make(element, {
    id,
    "data-action": element.action_id ?? "action",
    "aria-required": String(!block.optional),
    "aria-describedby": `${block.hint ? `${id}-hint ` : ""}${id}-wrong`,
  });
  if (block.dispatch_action && press)
    control.onkeydown = (event) => {
      if (event.key !== "Enter" || !control.value) return;
      event.preventDefault();
      press(control, { action_id: element.action_id, value: control.value });
    };
  return h(
    "div",
    { class: "input", "data-block": block.block_id },
    h("label", { for: id }, text(block.label), block.optional && " (optional)"),
    control,
    block.hint && h("p", { class: "hint", id: `${id}-hint` }, text(block.hint)),
    h("p", { class: "warn", id: `${id}-wrong`, hidden: true }),
  );
}

function line(element, attributes) {
  const control = h(element.multiline ? "textarea" : "input", {
    ...attributes,
    type: !element.multiline && "text",
    rows: element.multiline && 4,
    maxlength: element.max_length ?? 3000,
    placeholder: element.placeholder?.text,
    autocomplete: "off",
  });
  control.value = element.initial_value ?? "";
  control.read = () => ({ type: element.type, value: control.value || null });
  return control;
}

function choice(element, attributes) {
  const options = element.options ?? element.option_groups.flatMap((group) => group.options);
  const option = (o) => h("option", { value: o.value }, text(o.text));
  const control = h(
    "select",
    attributes,
    h("option", { value: "" }, element.placeholder ? text(element.placeholder) : "Select an item"),
    element.options?.map(option),
    element.option_groups?.map((group) =>
      h("optgroup", { label: group.label.text }, group.options.map(option)),
    ),
  );
  control.value = element.initial_option?.value ?? "";
  control.read = () => ({
    type: element.type,
    selected_option: options.find((o) => o.value === control.value) ?? null,
  });
  return control;
}

const blocks = (within) => [...within.querySelectorAll("[data-block]")];
const control = (block) => block.querySelector("[data-action]");

/** What is filled in, as Slack's `state.values`. */
export function values(within) {
  return Object.fromEntries(
    blocks(within).map((block) => {
      const { dataset, read } = control(block);
      return [block.dataset.block, { [dataset.action]: read() }];
    }),
  );
}

/** A function that fills in again what is filled in now, where the same block still asks for it. */
export function remembered(within) {
  const before = blocks(within);
  return (again) => {
    for (const block of blocks(again)) {
      const old = before.find((b) => b.dataset.block === block.dataset.block);
      if (old && control(old).dataset.action === control(block).dataset.action)
        control(block).value = control(old).value;
    }
  };
}

/** By block, what is still to be filled in. */
export function missing(within) {
  const needed = blocks(within).filter((block) => control(block).ariaRequired === "true");
  const empty = needed.filter((block) => !control(block).value);
  return Object.fromEntries(empty.map((block) => [block.dataset.block, NEEDED]));
}

/** Says under each block what is wrong with it, and goes to the first. */
export function complain(within, errors) {
  for (const block of blocks(within)) {
    const wrong = errors[block.dataset.block] ?? "";
    const line = block.querySelector(".warn");
    line.textContent = wrong;
    line.hidden = !wrong;
    control(block).ariaInvalid = String(Boolean(wrong));
  }
  within.querySelector("[aria-invalid=true]")?.focus();
}
