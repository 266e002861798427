// The page.

import { html, render, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { plural, size } from "./format.js";
import { Drawer } from "./drawer.js";
import { Memory } from "./memory.js";
import { setOpen, start, state, useTopic, worktrees } from "./store.js";
import { closeMenus, Toasts } from "./widgets.js";
import { Project } from "./worktree.js";

const KEYS = [
  ["/", "search"],
  ["j, k", "next, previous project or worktree"],
  ["Enter", "expand or collapse"],
  ["Escape", "close the side view"],
  ["?", "these keys"],
];

function App() {
  const [sought, setSought] = useState("");
  const [view, setView] = useState(location.hash === "#memory" ? "memory" : "worktrees");
  const [shown, setShown] = useState(null);
  const [help, setHelp] = useState(false);
  const search = useRef(null);
  const back = useRef(null);

  const show = (what) => {
    const from = document.activeElement;
    // An item of a closed menu cannot have the focus.
    back.current = from.closest("details.menu")?.querySelector("summary") || from;
    setShown(what);
  };
  const close = () => {
    setShown(null);
    const to = back.current?.isConnected ? back.current : document.getElementById("main");
    to.focus();
  };

  // Event listeners are added in layout effects, before the next key or click. Other effects run
  // only after the next paint, which may be late.
  useLayoutEffect(() => {
    const go = () => setView(location.hash === "#memory" ? "memory" : "worktrees");
    addEventListener("hashchange", go);
    return () => removeEventListener("hashchange", go);
  }, []);

  useLayoutEffect(() => {
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (event.key === "Escape") {
        if (closeMenus()) return;
        if (help) setHelp(false);
        else if (shown) close();
        else if (document.activeElement === search.current) setSought("");
        return;
      }
      if (event.target.closest("input, textarea, select")) return;
      if (event.key === "/") {
        event.preventDefault();
        search.current.focus();
      } else if (event.key === "?") {
        setHelp((was) => !was);
      } else if (event.key === "j" || event.key === "k") {
        const rows = [...document.querySelectorAll("[data-row]")];
        const at = rows.indexOf(document.activeElement);
        const next = event.key === "j" ? at + 1 : at < 0 ? rows.length - 1 : at - 1;
        rows[Math.max(0, Math.min(next, rows.length - 1))]?.focus();
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [shown, help]);

  return html`<a class="skip" href="#main">To the list</a>
    <header class="top">
      <h1><img src="/icon.svg" alt="" width="24" height="24" />portweave</h1>
      <nav aria-label="Views">
        <a href="#worktrees" aria-current=${view === "worktrees" ? "page" : undefined}>Worktrees</a>
        <a href="#memory" aria-current=${view === "memory" ? "page" : undefined}>Memory</a>
      </nav>
      <label class="search">
        <span class="sr">Search projects, worktrees and services</span>
        <input
          type="search"
          ref=${search}
          placeholder="Search …  ( / )"
          value=${sought}
          onInput=${(event) => setSought(event.target.value)}
        />
      </label>
      <${Totals} />
      <${Connection} />
      <button type="button" class="round" aria-label="Keys" aria-expanded=${help} onClick=${() => setHelp((was) => !was)}>?</button>
    </header>
    ${help &&
    html`<section class="help" aria-label="Keys">
      <dl>${KEYS.map(([key, what]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`)}</dl>
    </section>`}
    <div class=${shown ? "body with-drawer" : "body"}>
      <main id="main" tabindex="-1">
        ${view === "memory" ? html`<${Memory} show=${show} />` : html`<${List} sought=${sought} show=${show} />`}
      </main>
      ${shown && html`<${Drawer} shown=${shown} show=${setShown} close=${close} />`}
    </div>
    <${Toasts} />`;
}

function List({ sought, show }) {
  useTopic("worktrees");
  if (state.problem && !state.projects) {
    return html`<div class="empty"><h2>Cannot read the list</h2><p>${state.problem}</p></div>`;
  }
  if (!state.projects) return html`<p class="note">Loading worktrees …</p>`;
  if (!state.projects.length) {
    return html`<div class="empty">
      <h2>No worktree has ports yet</h2>
      <p>Go to a project that has a <code>Procfile</code> or a <code>portweave.yaml</code>, and run</p>
      <pre>portweave up</pre>
      <p>It appears here automatically.</p>
    </div>`;
  }
  const words = sought.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const found = state.projects
    .map((project) => ({ project, worktrees: project.worktrees.filter((one) => fits(project, one, words)) }))
    .filter((one) => one.worktrees.length);
  const keys = [...state.projects.map((one) => `project ${one.id}`), ...worktrees().map((one) => one.id)];
  return html`${state.problem && html`<p class="problem" role="alert">${state.problem}</p>`}
    <div class="bulk">
      <button type="button" onClick=${() => setOpen(keys, true)}>Open all</button>
      <button type="button" onClick=${() => setOpen(worktrees().map((one) => one.id), false)}>Close all</button>
    </div>
    ${found.length === 0 && html`<p class="empty">Nothing matches “${sought}”.</p>`}
    ${found.map(
      (one) => html`<${Project} key=${one.project.id} ...${one} show=${show} forced=${words.length > 0 && found.length <= 3} />`,
    )}`;
}

function fits(project, worktree, words) {
  const text = [project.name, worktree.namespace, worktree.branch, worktree.worktreeRoot]
    .concat(worktree.services.flatMap((one) => [one.name, one.port]))
    .join(" ")
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

function Totals() {
  useTopic("stacks");
  const rows = [...state.stacks.values()].flatMap((stack) => stack.services);
  const bad = rows.filter((row) => ["failed", "blocked", "unhealthy", "backoff"].includes(row.state)).length;
  const memory = rows.reduce((sum, row) => sum + (row.rssBytes || 0), 0);
  return html`<p class="totals">
    <span>${plural(state.stacks.size, "stack")}</span>
    ${bad > 0 && html`<span class="pill bad">${bad} with problems</span>`}
    ${memory > 0 && html`<span>${size(memory)}</span>`}
  </p>`;
}

const CONNECTIONS = {
  connecting: ["busy", "connecting"],
  live: ["good", "live"],
  lost: ["bad", "connection lost"],
};

function Connection() {
  useTopic("connection");
  const [tone, word] = CONNECTIONS[state.connection];
  return html`<p class="connection" role="status"><span class="dot ${tone}" aria-hidden="true"></span>${word}</p>
    ${state.connection === "lost" &&
    html`<p class="problem lost">
      The panel does not answer, so what is shown may be old. It is asked again and again; if it has ended,
      <code> portweave panel</code> starts it.
    </p>`}`;
}

const app = document.getElementById("app");
app.replaceChildren();
render(html`<${App} />`, app);
start();
