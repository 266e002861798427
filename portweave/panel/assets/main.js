// The page: the bar at the top, and the view that the address names.

import { html, render, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { size } from "./format.js";
import { Icon } from "./icons.js";
import { Help, useKeys } from "./keys.js";
import { List } from "./list.js";
import { Memory } from "./memory.js";
import { troubleCount } from "./model.js";
import { route, routed, setQuery } from "./router.js";
import { ServicePage } from "./service_page.js";
import { StackPage } from "./stack_page.js";
import { start, state, watchWorktree } from "./store.js";
import { useTopic } from "./topics.js";
import { Action, Toasts } from "./widgets.js";

function App() {
  useTopic("route", "worktrees");
  const [help, setHelp] = useState(false);
  const search = useRef(null);
  useKeys({ search, showHelp: () => setHelp(true) });
  const at = route.page === "stack" || route.page === "service" ? routed() : null;
  useLayoutEffect(() => watchWorktree(at ? at.worktree.id : ""), [at && at.worktree.id]);
  const view = route.words.join("/");
  const drawn = useRef(view);
  useLayoutEffect(() => {
    if (drawn.current === view) return;
    const back = drawn.current;
    drawn.current = view;
    moveFocus(back);
  }, [view]);

  return html`<a class="skip" href="#main" onClick=${skip}>To the content</a>
    <header class="top">
      <a class="home" href="#/"><img src="/icon.svg" alt="" width="22" height="22" />portweave</a>
      <nav aria-label="Views">
        <a href="#/" aria-current=${route.page === "list" ? "page" : undefined}>Stacks</a>
        <a href="#/memory" aria-current=${route.page === "memory" ? "page" : undefined}>Memory</a>
      </nav>
      ${route.page === "list" && html`<${Search} field=${search} />`}
      <div class="top-end">
        <${Totals} />
        <${Connection} />
        <${Theme} />
        <button type="button" class="quiet icon-only" aria-label="Keys" title="Keys (?)" onClick=${() => setHelp(true)}>?</button>
      </div>
    </header>
    <main id="main" tabindex="-1"><${View} at=${at} /></main>
    ${help && html`<${Help} onClose=${() => setHelp(false)} />`}
    <${Lost} />
    <${Toasts} />`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

/** Focus the link to the view that was left, or else the heading of this one. */
function moveFocus(before) {
  const left = `#/${before.split("/").map(encodeURIComponent).join("/")}`;
  const link = route.page === "list" && [...document.querySelectorAll("main a")].find((one) => one.getAttribute("href") === left);
  const heading = document.querySelector("main [data-heading]");
  (link || heading || document.getElementById("main")).focus({ preventScroll: true });
}

function View({ at }) {
  if (route.page === "memory") return html`<${Memory} />`;
  if (route.page === "list") return html`<${List} />`;
  const Page = route.page === "stack" ? StackPage : ServicePage;
  if (at) return html`<${Page} key=${`${at.worktree.id} ${route.service}`} ...${at} />`;
  if (!state.projects) return html`<div class="page" aria-busy="true"><p class="sr" role="status">Loading …</p><div class="skeleton"><span></span><span></span><span></span></div></div>`;
  return html`<div class="empty">
    <h1 tabindex="-1" data-heading>No such stack</h1>
    <p>${route.project} ${route.namespace} has no ports and does not run.</p>
    <p><a href="#/">All stacks</a></p>
  </div>`;
}

function Search({ field }) {
  return html`<label class="search">
    <span class="sr">Search projects, worktrees, services, states and reasons</span>
    <input
      type="search"
      ref=${field}
      placeholder="Search …  ( / )"
      value=${route.query.get("q") || ""}
      onInput=${(event) => setQuery({ q: event.target.value })}
    />
  </label>`;
}

function Totals() {
  useTopic("states", "stacks", "worktrees", "route");
  const bad = troubleCount();
  const rows = [...state.stacks.values()].flatMap((stack) => stack.services);
  const memory = rows.reduce((sum, row) => sum + (row.rssBytes || 0), 0);
  useLayoutEffect(() => {
    const name = route.service || route.namespace;
    document.title = `${bad ? `(${bad}) ` : ""}${name ? `${name} – ` : ""}portweave`;
    document.querySelector("link[rel=icon]").href = bad ? "/icon-trouble.svg" : "/icon.svg";
  }, [bad, route]);
  return html`<p class="totals">
    <span>${state.stacks.size} running</span>
    ${bad > 0 && route.page !== "list" && html`<a class="pill bad" href="#/?state=trouble">${bad} in trouble</a>`}
    ${memory > 0 && html`<span class="memory-total">${size(memory)}</span>`}
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
  return html`<p class="connection" role="status"><span class="dot ${tone}" aria-hidden="true"></span><span>${word}</span></p>`;
}

function Lost() {
  useTopic("connection");
  return (
    state.connection === "lost" &&
    html`<p class="problem lost">
      The panel does not answer, so what is shown may be old. The page tries again; if the panel has ended,
      <code> portweave panel</code> starts it.
    </p>`
  );
}

const THEMES = ["system", "light", "dark"];

function Theme() {
  const [chosen, setChosen] = useState(document.documentElement.dataset.theme || "system");
  const next = () => {
    const theme = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("portweave.theme", theme);
    } catch {
      // Without storage the choice holds until the page is reloaded.
    }
    setChosen(theme);
  };
  return html`<${Action} kind="quiet" icon=${chosen} name=${`Theme: ${chosen}`} onClick=${next} />`;
}

const app = document.getElementById("app");
app.replaceChildren();
render(html`<${App} />`, app);
start();
