// Small parts that several views have.

import { html, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { busy as pending, dismiss, toasts } from "./actions.js";
import { Icon } from "./icons.js";
import { toneOf } from "./states.js";
import { useTopic } from "./topics.js";

const WIDTH = 72;
const HEIGHT = 20;

/** A plot of the last samples; text beside it says the same. */
export function Plot({ samples, column, least }) {
  if (samples.length < 2) return html`<span class="plot" aria-hidden="true"></span>`;
  const first = samples[0][0];
  const span = Math.max(60, samples[samples.length - 1][0] - first);
  const end = samples[samples.length - 1][0];
  const most = Math.max(least, ...samples.map((sample) => sample[column]));
  const points = samples.map((sample) => {
    const x = WIDTH - ((end - sample[0]) / span) * WIDTH;
    const y = HEIGHT - 1 - (sample[column] / most) * (HEIGHT - 3);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const left = points[0].split(",")[0];
  return html`<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true">
    <polygon points="${left},${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}" />
    <polyline points=${points.join(" ")} />
  </svg>`;
}

/** The state of a service; a change is marked for a second. */
export function StateWord({ state }) {
  const before = useRef(state);
  const [isMarked, setMarked] = useState(false);
  useLayoutEffect(() => {
    if (before.current === state) return undefined;
    before.current = state;
    setMarked(true);
    const timer = setTimeout(() => setMarked(false), 1000);
    return () => clearTimeout(timer);
  }, [state]);
  return html`<span class="word ${toneOf(state)} ${isMarked ? "changed" : ""}">${state}</span>`;
}

/**
 * A button that shows its progress. With an icon, `name` says in words what it does; without one
 * its name is its text.
 */
export function Action({ busy, icon, label, doing, onClick, kind = "", disabled = false, name }) {
  const isBusy = Boolean(busy && pending.has(busy));
  const text = label && isBusy ? doing || pending.get(busy) : label;
  return html`<button
    type="button"
    class="${kind} ${icon && !label ? "icon-only" : ""}"
    onClick=${onClick}
    disabled=${disabled}
    aria-busy=${isBusy}
    aria-label=${label ? undefined : name}
    title=${name}
  >
    ${icon && html`<${Icon} name=${icon} />`}${text && html`<span class="label">${text}</span>`}
  </button>`;
}

/** A menu of actions; it opens beside its button, inside the window. */
export function Menu({ name, children }) {
  const button = useRef(null);
  const list = useRef(null);
  const [isOpen, setOpen] = useState(false);
  useLayoutEffect(() => {
    const menu = list.current;
    const toggled = (event) => {
      const opens = event.newState === "open";
      setOpen(opens);
      if (opens) place(menu, button.current);
      else menu.classList.remove("placed");
    };
    menu.addEventListener("toggle", toggled);
    return () => menu.removeEventListener("toggle", toggled);
  }, []);
  const press = (event) => {
    const all = items(list.current);
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || event.target.matches("input")) return;
    event.preventDefault();
    all[(to + all.length) % all.length].focus();
  };
  const click = (event) => {
    if (event.target.closest(".menu > button, .menu > a")) hide(list.current, button.current);
  };
  return html`<button
      type="button"
      class="quiet icon-only"
      ref=${button}
      aria-label=${name}
      title=${name}
      aria-haspopup="true"
      aria-expanded=${isOpen}
      onClick=${() => list.current.togglePopover()}
    >
      <${Icon} name="more" />
    </button>
    <div class="menu" popover="auto" ref=${list} onKeyDown=${press} onClick=${click} role="group" aria-label=${name}>
      ${isOpen && children}
    </div>`;
}

function hide(menu, button) {
  menu.hidePopover();
  if (menu.contains(document.activeElement) || document.activeElement === document.body) button.focus();
}

function items(menu) {
  return [...menu.querySelectorAll("button, a, input")].filter((one) => one.checkVisibility());
}

const EDGE = 8;

function place(menu, button) {
  const at = button.getBoundingClientRect();
  // The items are drawn before the next frame.
  requestAnimationFrame(() => {
    const { width, height } = menu.getBoundingClientRect();
    const left = Math.max(EDGE, Math.min(at.right - width, innerWidth - width - EDGE));
    const below = at.bottom + 4;
    const fits = below + height <= innerHeight - EDGE;
    const top = fits ? below : Math.max(EDGE, at.top - 4 - height);
    menu.style.left = `${left}px`;
    menu.style.top = `${top}px`;
    menu.classList.add("placed");
    items(menu)[0]?.focus();
  });
}

/** Close open menus; return whether there was one. */
export function closeMenus() {
  const menus = document.querySelectorAll(".menu:popover-open");
  for (const menu of menus) hide(menu, menu.previousElementSibling);
  return menus.length > 0;
}

/** A modal dialog; it keeps the focus, and returns it when it closes. */
export function Dialog({ title, kind = "", onClose, children }) {
  const ref = useRef(null);
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return html`<dialog ref=${ref} class=${kind} aria-labelledby="dialog-title" onCancel=${onClose}>
    <h2 id="dialog-title">${title}</h2>
    ${children}
  </dialog>`;
}

/** Ask for confirmation of an action that cannot be undone. */
export function Confirm({ title, children, action, onYes, onNo }) {
  return html`<${Dialog} title=${title} kind="confirm" onClose=${onNo}>
    ${children}
    <p class="buttons">
      <button type="button" onClick=${onNo} autofocus>Cancel</button>
      <button type="button" class="danger" onClick=${onYes}>${action}</button>
    </p>
  <//>`;
}

/** Grey blocks in the place of what is loading. */
export function Skeleton({ lines = 3 }) {
  return html`<div class="skeleton" aria-hidden="true">
    ${Array.from({ length: lines }, (_, at) => html`<span key=${at}></span>`)}
  </div>`;
}

export function Toasts() {
  useTopic("toasts");
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.shown.map(
      (one) => html`<div key=${one.id} class="toast ${one.tone}">
        <p>${one.text}</p>
        <button type="button" class="quiet icon-only" aria-label="Dismiss" onClick=${() => dismiss(one.id)}><${Icon} name="close" /></button>
      </div>`,
    )}
  </div>`;
}
