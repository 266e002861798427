// The page of a stack: its services, their graph, and their log.

import { html, useLayoutEffect } from "./vendor/htm-preact.js";
import { loadFacts } from "./facts.js";
import { Graph } from "./graph.js";
import { Icon } from "./icons.js";
import { Logs } from "./logs.js";
import { rowsOf, titleOf } from "./model.js";
import { route, stackAddress } from "./router.js";
import { runAll } from "./service_actions.js";
import { Details, Problems, ServiceTable, StackButtons, Summary } from "./stack_card.js";
import { state } from "./store.js";
import { useTopic } from "./topics.js";
import { Action } from "./widgets.js";

const TABS = [
  ["services", "Services"],
  ["graph", "Graph"],
  ["logs", "Logs"],
];

export function StackPage({ worktree, project }) {
  const { id } = worktree;
  useTopic(`stack ${id}`, `busy ${id}`, "route");
  useLayoutEffect(() => {
    loadFacts(id);
  }, []);
  const stack = state.stacks.get(id);
  const rows = rowsOf(worktree);
  return html`<div class="page ${route.tab === "logs" ? "full" : ""}" data-root=${worktree.worktreeRoot}>
    <${Crumbs} project=${project} />
    <header class="page-head">
      <h1 tabindex="-1" data-heading>${worktree.branch && html`<${Icon} name="branch" />`}${titleOf(worktree)}</h1>
      <p class="summary"><${Summary} stack=${stack} worktree=${worktree} /></p>
      ${stack?.isKnown &&
      html`<div class="acts all">
        <${Action} kind="quiet" label="Start all" onClick=${() => runAll(worktree, "start")} />
        <${Action} kind="quiet" label="Restart all" onClick=${() => runAll(worktree, "restart")} />
        <${Action} kind="quiet" label="Stop all" onClick=${() => runAll(worktree, "stop")} />
      </div>`}
      <${StackButtons} worktree=${worktree} project=${project} isPage=${true} />
    </header>
    <${Details} worktree=${worktree} />
    <${Problems} worktree=${worktree} stack=${stack} />
    <${Tabs} tabs=${TABS} addressOf=${(tab) => stackAddress(worktree, tab)} label="Views of the stack" />
    ${route.tab === "services" && html`<div class="card"><${ServiceTable} worktree=${worktree} project=${project} rows=${rows} /></div>`}
    ${route.tab === "graph" && html`<div class="card"><${Graph} worktree=${worktree} rows=${rows} /></div>`}
    ${route.tab === "logs" && html`<${Logs} key=${id} worktree=${worktree} service="" />`}
  </div>`;
}

/** The way back, from the outermost. */
export function Crumbs({ project, worktree, children }) {
  return html`<nav class="crumbs" aria-label="Path">
    <a href="#/">Stacks</a><span aria-hidden="true">/</span><a href=${`#/?q=${encodeURIComponent(project.name)}`}>${project.name}</a>
    ${worktree && html`<span aria-hidden="true">/</span><a href=${stackAddress(worktree)}>${titleOf(worktree)}</a>`}
    ${children}
  </nav>`;
}

export function Tabs({ tabs, addressOf, label }) {
  return html`<nav class="tabs" aria-label=${label}>
    ${tabs.map(([name, text]) => html`<a key=${name} href=${addressOf(name)} aria-current=${name === route.tab ? "page" : undefined}>${text}</a>`)}
  </nav>`;
}
