// The list of all projects, with its filters.

import { html, useState } from "./vendor/htm-preact.js";
import { plural } from "./format.js";
import { Icon } from "./icons.js";
import { countAll, found, titleOf, troubleCount } from "./model.js";
import { route, setQuery } from "./router.js";
import { up } from "./service_actions.js";
import { LazyCard } from "./stack_card.js";
import { toneOf } from "./states.js";
import { isOpen, setOpen, state, worktrees } from "./store.js";
import { useTopic } from "./topics.js";
import { Action, Confirm, Skeleton } from "./widgets.js";

// So many rows are drawn at first, a collapsed card counting as one; the others once they are near
// the window.
const FIRST_ROWS = 24;
// While searching, so many worktrees are expanded.
const MOST_FORCED = 20;

export function List() {
  useTopic("worktrees", "states", "open", "route");
  if (state.problem && !state.projects) {
    return html`<div class="empty"><h1 tabindex="-1" data-heading>Cannot read the list</h1><p>${state.problem}</p></div>`;
  }
  if (!state.projects || !state.hasStacks) return html`<${Loading} />`;
  if (!state.projects.length) {
    return html`<div class="empty">
      <h1 tabindex="-1" data-heading>No worktree has ports yet</h1>
      <p>Go to a project that has a <code>Procfile</code> or a <code>portweave.yaml</code>, and run</p>
      <pre>portweave up</pre>
      <p>It appears here automatically.</p>
    </div>`;
  }
  const sought = route.query.get("q") || "";
  const filter = route.query.get("state") || "";
  const shown = found(sought, filter);
  const isForced = Boolean(sought.trim() || filter) && shown.reduce((sum, one) => sum + one.stacks.length, 0) <= MOST_FORCED;
  let drawn = 0;
  return html`<h1 class="sr" tabindex="-1" data-heading>Stacks</h1>
    ${state.problem && html`<p class="problem" role="alert">${state.problem}</p>`}
    <${Filters} filter=${filter} />
    ${shown.length === 0 && html`<${NoMatch} sought=${sought} filter=${filter} />`}
    ${shown.map(({ project, stacks }) => {
      const key = `project ${project.id}`;
      const open = isForced || isOpen(key);
      const cards = stacks.map((one) => {
        const isNear = drawn < FIRST_ROWS;
        drawn += isForced || isOpen(one.worktree.id) ? one.rows.length : 1;
        return html`<${LazyCard} key=${one.worktree.id} ...${one} project=${project} isForced=${isForced} isNear=${isNear} />`;
      });
      return html`<section class="project" key=${project.id} aria-label=${project.name}>
        <${ProjectHead} project=${project} stacks=${stacks} open=${open} id=${key} />
        ${open && cards}
      </section>`;
    })}`;
}

function Loading() {
  return html`<div aria-busy="true">
    <p class="sr" role="status">Loading worktrees …</p>
    ${[5, 3, 4].map((lines, at) => html`<div class="stack loading" key=${at}><${Skeleton} lines=${lines} /></div>`)}
  </div>`;
}

function NoMatch({ sought, filter }) {
  const what = [sought && `matches “${sought}”`, filter && `is ${filter === "trouble" ? "in trouble" : filter}`].filter(Boolean);
  return html`<div class="empty">
    <p>Nothing ${what.join(" and ")}.</p>
    <p><button type="button" onClick=${() => setQuery({ q: "", state: "" })}>Show all</button></p>
  </div>`;
}

function Filters({ filter }) {
  const bad = troubleCount();
  const counts = countAll();
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  const ids = worktrees().map((one) => one.id);
  const chip = (value, text, tone) => html`<button
    type="button"
    key=${value}
    class="chip ${tone}"
    aria-pressed=${filter === value}
    onClick=${() => setQuery({ state: filter === value ? "" : value })}
  >
    ${text}
  </button>`;
  return html`<div class="filters">
    <div class="chips" role="group" aria-label="States">
      ${chip("", `${total} all`, "")}
      ${(bad > 0 || filter === "trouble") && chip("trouble", `${bad} in trouble`, "bad loud")}
      ${counts.map(([name, count]) => chip(name, `${count} ${name}`, toneOf(name)))}
    </div>
    <div class="bulk">
      <button type="button" class="quiet" onClick=${() => setOpen([...ids, ...state.projects.map((one) => `project ${one.id}`)], true)}>Expand all</button>
      <button type="button" class="quiet" onClick=${() => setOpen(ids, false)}>Collapse all</button>
    </div>
  </div>`;
}

function ProjectHead({ project, stacks, open, id }) {
  const [isAsking, setAsking] = useState(false);
  const idle = project.worktrees.filter((one) => one.canStart && !one.isGone && !state.stacks.has(one.id));
  return html`<h2>
      <button type="button" class="quiet fold" data-row data-key=${id} aria-expanded=${open} onClick=${() => setOpen([id], !open)}>
        <${Icon} name="fold" />${project.name}
      </button>
      <span class="count">${plural(stacks.length, "worktree")}</span>
      ${idle.length > 1 && html`<${Action} kind="quiet push" label="Start all idle" onClick=${() => setAsking(true)} />`}
    </h2>
    ${isAsking &&
    html`<${Confirm}
      title=${`Start ${plural(idle.length, "stack")} of ${project.name}?`}
      action="Start all"
      onNo=${() => setAsking(false)}
      onYes=${() => {
        setAsking(false);
        startAll(idle);
      }}
    >
      <p>${idle.map(titleOf).join(", ")}</p>
    <//>`}`;
}

// One after another: the start of a stack uses all processors.
async function startAll(idle) {
  for (const worktree of idle) await up(worktree);
}
