// The page of a service: overview, log, explanation, environment.

import { html } from "./vendor/htm-preact.js";
import { ago, instanceOf } from "./format.js";
import { Environment } from "./environment.js";
import { Icon } from "./icons.js";
import { Logs } from "./logs.js";
import { endedBadly, hostOf, linksOf, rowsOf } from "./model.js";
import { Overview } from "./overview.js";
import { route, serviceAddress } from "./router.js";
import { ServiceButtons, keyOf, knownOf, up } from "./service_actions.js";
import { Crumbs, Tabs } from "./stack_page.js";
import { isTrouble, toneOf } from "./states.js";
import { state } from "./store.js";
import { useTopic } from "./topics.js";
import { Action, StateWord } from "./widgets.js";
import { Why } from "./why.js";

const TABS = [
  ["overview", "Overview"],
  ["logs", "Logs"],
  ["why", "Why"],
  ["environment", "Environment"],
];

export function ServicePage({ worktree, project }) {
  const { id } = worktree;
  const name = route.service;
  useTopic(`stack ${id}`, `busy ${id}`, `busy ${id} ${name}`, "route");
  const stack = state.stacks.get(id);
  const isLive = Boolean(stack?.isKnown);
  const row = rowsOf(worktree).find((one) => instanceOf(one) === name);
  if (!row) {
    return html`<div class="page">
      <${Crumbs} project=${project} worktree=${worktree} />
      <h1 tabindex="-1" data-heading>${name}</h1>
      <p class="note">This stack has no service ${name}${stack ? " now" : ""}.</p>
      ${route.tab === "logs" && html`<${Logs} key=${name} worktree=${worktree} service=${name} />`}
    </div>`;
  }
  const links = linksOf(row, knownOf(worktree, row));
  const tone = toneOf(row.state);
  return html`<div class="page ${route.tab === "logs" ? "full" : ""}" data-service=${name} data-key=${keyOf(worktree, row)}>
    <${Crumbs} project=${project} worktree=${worktree} />
    <header class="page-head">
      <h1 tabindex="-1" data-heading>${name}</h1>
      <p class="summary"><span class="dot ${tone}" aria-hidden="true"></span><${StateWord} state=${row.state} /></p>
      ${links[0] && html`<a class="button" href=${links[0].url} target="_blank" rel="noreferrer"><${Icon} name="open" /><span class="label">${hostOf(links[0].url)}</span></a>`}
      ${!stack && worktree.canStart && html`<${Action} busy=${id} icon="start" label="Start stack" onClick=${() => up(worktree)} />`}
      <${ServiceButtons} worktree=${worktree} row=${row} isLive=${isLive} labels=${true} />
    </header>
    ${row.reason && route.tab !== "why" && html`<p class=${isTrouble(row) ? `problem ${tone}` : "note"}>${row.reason}</p>`}
    ${!stack && worktree.lastEnd && html`<${LastEnd} worktree=${worktree} />`}
    <${Tabs} tabs=${TABS} addressOf=${(tab) => serviceAddress(worktree, name, tab)} label="Views of the service" />
    ${route.tab === "logs"
      ? html`<${Logs} key=${name} worktree=${worktree} service=${name} />`
      : html`<${Tab} key=${`${route.tab} ${name}`} tab=${route.tab} worktree=${worktree} row=${row} isLive=${isLive} />`}
  </div>`;
}

function Tab({ tab, worktree, row, isLive }) {
  if (tab === "overview") return html`<${Overview} worktree=${worktree} row=${row} isLive=${isLive} />`;
  if (!isLive) return html`<p class="note">The stack is not running. Its logs are kept.</p>`;
  const Part = tab === "why" ? Why : Environment;
  return html`<${Part} worktree=${worktree.id} service=${instanceOf(row)} state=${row.state} />`;
}

function LastEnd({ worktree }) {
  const { at, text } = worktree.lastEnd;
  return html`<p class=${endedBadly(worktree) ? "problem" : "note"}>The stack ended ${ago(at)}${text ? `: ${text}` : "."}</p>`;
}
