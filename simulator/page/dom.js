// Makes elements, and keeps lists of them up to date without touching what has not changed.

/** h("p", {class: "hint", onclick: f}, "text", element, …) */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") element.style.cssText = value; // the page's policy forbids the attribute
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** One child of `parent` for each item, in order; only new and changed items are made anew. */
export function keep(parent, items, key, make) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    const print = JSON.stringify(item);
    let child = old.get(name);
    if (child?.print !== print) {
      const fresh = make(item);
      fresh.dataset.key = name;
      fresh.print = print;
      if (child) {
        if (at === child) at = fresh;
        replace(child, fresh);
      }
      child = fresh;
    }
    old.delete(name);
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
  for (const child of old.values()) child.remove();
}

/** Keeps the keyboard where it was, if what had it is still there. */
function replace(old, fresh) {
  const name = old.contains(document.activeElement) && document.activeElement.textContent;
  old.replaceWith(fresh);
  if (name) [...fresh.querySelectorAll("button")].find((b) => b.textContent === name)?.focus();
}

export const byId = (id) => document.getElementById(id);

/** Sets a line of text, hidden while it is empty; the same text twice is not told twice. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** A moment in the reader's own zone: ISO text or epoch seconds. */
export const clock = (moment) =>
  CLOCK.format(new Date(typeof moment === "number" ? moment * 1000 : moment));

export const seconds = (number) => `${number < 10 ? number.toFixed(1) : Math.round(number)} s`;

export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error ?? answer.statusText);
  return told;
}
