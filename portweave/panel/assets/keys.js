// Keys, and the dialog that lists them.

import { html, useLayoutEffect } from "./vendor/htm-preact.js";
import { found, linksOf, rowsOf } from "./model.js";
import { go, route, routed, serviceAddress, setQuery, stackAddress, worktreeOf } from "./router.js";
import { knownOf, run } from "./service_actions.js";
import { instanceOf } from "./format.js";
import { isUp } from "./states.js";
import { isOpen, state } from "./store.js";
import { Dialog, closeMenus } from "./widgets.js";

const KEYS = [
  ["/", "search"],
  ["j, k", "next, previous stack or service"],
  ["Enter", "expand a stack, show a service"],
  ["l", "log"],
  ["w", "why"],
  ["e", "environment"],
  ["g", "graph of the stack"],
  ["r", "restart, or start"],
  ["s", "stop"],
  ["o", "open in a new tab"],
  ["Escape", "to the stack, to the list"],
  ["?", "these keys"],
];

export function Help({ onClose }) {
  return html`<${Dialog} title="Keys" kind="help" onClose=${onClose}>
    <dl>${KEYS.map(([key, what]) => html`<div key=${key}><dt>${key.split(", ").map((one) => html`<kbd key=${one}>${one}</kbd>`)}</dt><dd>${what}</dd></div>`)}</dl>
    <p class="note">Letters act on the focused stack or service.</p>
    <p class="buttons"><button type="button" onClick=${onClose} autofocus>Close</button></p>
  <//>`;
}

export function useKeys({ search, showHelp }) {
  // Listeners are added in layout effects, before the next key. Other effects run only after the
  // next paint, which may be late.
  useLayoutEffect(() => {
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (event.key === "Escape") {
        if (!closeMenus()) escape(search.current);
        return;
      }
      if (event.target.closest("input, textarea, select, [popover]")) return;
      if (event.key === "/") {
        const field = search.current || document.querySelector("main input[type=search]");
        if (field) event.preventDefault();
        field?.focus();
      } else if (event.key === "?") {
        event.preventDefault();
        showHelp();
      } else if (event.key === "j" || event.key === "k") {
        move(event.key === "j" ? 1 : -1);
      } else if (act(event.key)) {
        event.preventDefault();
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}

function escape(field) {
  if (field && document.activeElement === field) setQuery({ q: "" });
  else if (route.page === "service") go(stackOf(routed()));
  else if (route.page !== "list") go("#/");
}

function stackOf(at) {
  return at ? stackAddress(at.worktree) : "#/";
}

/** The keys of all rows of the view, also of those that are not drawn. */
function rowKeys() {
  if (route.page !== "list") return [...document.querySelectorAll("[data-row]")].map((one) => one.dataset.key);
  const keys = [];
  const sought = route.query.get("q") || "";
  const filter = route.query.get("state") || "";
  for (const { project, stacks } of found(sought, filter)) {
    keys.push(`project ${project.id}`);
    if (!rowAt(`project ${project.id}`) || rowAt(`project ${project.id}`).ariaExpanded === "false") continue;
    for (const { worktree, rows } of stacks) {
      keys.push(worktree.id);
      const drawn = rowAt(worktree.id);
      const open = drawn ? drawn.ariaExpanded === "true" : isOpen(worktree.id);
      if (open) keys.push(...rows.map((row) => `${worktree.id} ${instanceOf(row)}`));
    }
  }
  return keys;
}

function rowAt(key) {
  return [...document.querySelectorAll("[data-row]")].find((one) => one.dataset.key === key);
}

let wanted = "";

function move(step) {
  const keys = rowKeys();
  if (!keys.length) return;
  const at = keys.indexOf(document.activeElement?.dataset?.key);
  const next = at < 0 ? (step > 0 ? 0 : keys.length - 1) : Math.max(0, Math.min(at + step, keys.length - 1));
  wanted = keys[next];
  focusRow(wanted, 20);
}

/** Focus a row; a card that is not drawn is scrolled to, and drawn soon. */
function focusRow(key, tries) {
  if (wanted !== key) return;
  const row = rowAt(key);
  if (row) {
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    return;
  }
  document.getElementById(`card-${key.split(" ")[0]}`)?.scrollIntoView({ block: "nearest" });
  if (tries > 0) requestAnimationFrame(() => focusRow(key, tries - 1));
}

/** The worktree and the row that the keys are about: the focused one, or the page's. */
function subject() {
  const key = document.activeElement?.closest("[data-key]")?.dataset.key || "";
  const [id, name] = key.split(" ");
  let worktree = worktreeOf(id);
  let instance = name;
  if (!worktree) {
    const at = routed();
    if (!at) return null;
    worktree = at.worktree;
    instance = route.service;
  }
  return { worktree, row: instance ? rowsOf(worktree).find((row) => instanceOf(row) === instance) : null };
}

/** Act on the subject of a key; return whether it has done something. */
function act(key) {
  const at = subject();
  if (!at) return false;
  const { worktree, row } = at;
  if (key === "g") {
    go(stackAddress(worktree, "graph"));
    return true;
  }
  if (key === "l") {
    go(row ? serviceAddress(worktree, instanceOf(row), "logs") : stackAddress(worktree, "logs"));
    return true;
  }
  if (!row) return false;
  if (key === "w" || key === "e") {
    go(serviceAddress(worktree, instanceOf(row), key === "w" ? "why" : "environment"));
    return true;
  }
  if (key === "o") {
    const link = linksOf(row, knownOf(worktree, row))[0];
    if (link) open(link.url, "_blank", "noreferrer");
    return Boolean(link);
  }
  const isLive = Boolean(state.stacks.get(worktree.id)?.isKnown);
  if (isLive && key === "r") run(worktree, row, isUp(row) ? "restart" : "start");
  else if (isLive && key === "s" && isUp(row)) run(worktree, row, "stop");
  else return false;
  return true;
}
