// Small parts that several views have.

import { html, useLayoutEffect, useRef } from "./vendor/htm-preact.js";
import { dismiss, state, useTopic } from "./store.js";

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

/** A button that shows its progress. */
export function Action({ busy, label, doing, onClick, kind = "", disabled = false, title, name }) {
  const isBusy = Boolean(busy && state.busy.has(busy));
  return html`<button
    type="button"
    class=${kind}
    onClick=${onClick}
    disabled=${disabled}
    aria-busy=${isBusy}
    aria-label=${name}
    title=${title || name}
  >
    ${isBusy ? (doing || state.busy.get(busy)) : label}
  </button>`;
}

/** A menu of actions that opens below its button. */
export function Menu({ label, name, children }) {
  const ref = useRef(null);
  useLayoutEffect(() => {
    const element = ref.current;
    const close = (event) => {
      const isInside = element.contains(event.target);
      if (isInside && !event.target.closest(".menu-items button, a")) return;
      element.open = false;
    };
    document.addEventListener("click", close);
    return () => document.removeEventListener("click", close);
  }, []);
  return html`<details class="menu" ref=${ref}>
    <summary aria-label=${name}>${label}</summary>
    <div class="menu-items">${children}</div>
  </details>`;
}

/** Close open menus; return whether there was one. */
export function closeMenus() {
  const menus = document.querySelectorAll("details.menu[open]");
  for (const menu of menus) {
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  }
  return menus.length > 0;
}

/** Ask for confirmation of an action that cannot be undone. */
export function Confirm({ title, children, action, onYes, onNo }) {
  const ref = useRef(null);
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog.showModal();
    // A modal dialog keeps the focus, and returns it when it closes.
    return () => dialog.close();
  }, []);
  return html`<dialog ref=${ref} class="confirm" aria-labelledby="confirm-title" onCancel=${onNo}>
    <h2 id="confirm-title">${title}</h2>
    ${children}
    <p class="buttons">
      <button type="button" onClick=${onNo} autofocus>Cancel</button>
      <button type="button" class="danger" onClick=${onYes}>${action}</button>
    </p>
  </dialog>`;
}

export function Toasts() {
  useTopic("toasts");
  return html`<div class="toasts" role="status" aria-live="polite">
    ${state.toasts.map(
      (one) => html`<div key=${one.id} class="toast ${one.tone}">
        <p>${one.text}</p>
        <button type="button" aria-label="Dismiss" onClick=${() => dismiss(one.id)}>×</button>
      </div>`,
    )}
  </div>`;
}
