// Block Kit: each block drawn, in a message or in a modal.

import { h } from "./dom.js";
import { input } from "./inputs.js";
import { text } from "./mrkdwn.js";

/** `press(button, element)` is what a press of one of its buttons does. */
export function draw(block, press) {
  switch (block.type) {
    case "section":
      return section(block, press);
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
        block.elements.map((e) => button(e, press)),
      );
    case "input":
      return input(block, press);
    case "image":
      return h("p", { class: "context" }, `🖼 ${block.alt_text}`);
    default:
      return undrawn(block);
  }
}

function section(block, press) {
  const fields = block.fields?.map((field) => h("p", {}, text(field)));
  return h(
    "div",
    { class: "section" },
    h(
      "div",
      {},
      block.text && h("p", {}, text(block.text)),
      fields && h("div", { class: "fields" }, fields),
    ),
    block.accessory && button(block.accessory, press),
  );
}

function button(element, press) {
  if (element.type !== "button") return undrawn(element);
  return h(
    "button",
    {
      type: "button",
      class: `button ${element.style ?? ""}`,
      "aria-label": element.accessibility_label,
      onclick: (event) => {
        if (element.url) window.open(element.url, "_blank", "noopener");
        press(event.currentTarget, element);
      },
    },
    text(element.text),
  );
}

const undrawn = (thing) =>
  h("p", { class: "context" }, `(This page does not draw a ${thing.type}.)`);
