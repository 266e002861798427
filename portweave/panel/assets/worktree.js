// A project with its worktrees, and a worktree with its services.

import { html, useEffect, useState } from "./vendor/htm-preact.js";
import { plural, size, toneOf } from "./format.js";
import {
  act,
  copy,
  isOpen,
  loadFacts,
  loadWorktrees,
  setOpen,
  state,
  toast,
  useTopic,
} from "./store.js";
import { send } from "./api.js";
import { ServiceRow } from "./service.js";
import { Action, Confirm, Menu } from "./widgets.js";

// Facts from git, the disk and GitHub are slow to get, so they are refreshed seldom.
const FACTS_MS = 300000;
const HEADINGS = ["Service", "State", "Port", "Up for", "Restarts", "CPU", "Memory"];

export function Project({ project, worktrees, show, forced }) {
  useTopic("open");
  const key = `project ${project.id}`;
  const open = forced || isOpen(key);
  const region = `in-${project.id.replace(/[^a-zA-Z0-9]/g, "-")}`;
  return html`<section class="project">
    <h2>
      <${Fold} id=${key} open=${open} region=${region} name=${project.name} />
      <span class="count">${plural(worktrees.length, "worktree")}</span>
    </h2>
    <div id=${region} hidden=${!open}>
      ${open &&
      worktrees.map(
        (one) => html`<${Worktree} key=${one.id} worktree=${one} project=${project} show=${show} forced=${forced} />`,
      )}
    </div>
  </section>`;
}

function Fold({ id, open, region, name }) {
  return html`<button
    type="button"
    class="fold"
    data-row
    aria-expanded=${open}
    aria-controls=${region}
    onClick=${() => setOpen([id], !open)}
  >
    <span class="arrow" aria-hidden="true"></span>${name}
  </button>`;
}

function Worktree({ worktree, project, show, forced }) {
  const { id } = worktree;
  useTopic("open", `stack ${id}`, `facts ${id}`, `busy ${id}`);
  const [asking, setAsking] = useState("");
  const open = forced || isOpen(id);
  const stack = state.stacks.get(id);
  const facts = state.facts.get(id);
  const region = `services-${id}`;
  useEffect(() => {
    if (!open) return undefined;
    loadFacts(id);
    const timer = setInterval(() => document.hidden || loadFacts(id), FACTS_MS);
    return () => clearInterval(timer);
  }, [open]);

  const rows = stack && stack.isKnown ? stack.services : idleRows(worktree);
  const showHere = (view, service) => show({ view, worktree: id, service });
  return html`<article class="worktree ${stack ? "runs" : ""}" data-root=${worktree.worktreeRoot}>
    <header>
      <h3>
        <${Fold} id=${id} open=${open} region=${region} name=${worktree.namespace} />
      </h3>
      <p class="about">
        ${(facts?.branch ?? worktree.branch) && html`<span class="branch">⎇ ${facts?.branch ?? worktree.branch}</span>`}
        <${Summary} stack=${stack} worktree=${worktree} />
      </p>
      <div class="acts">
        ${stack
          ? html`<${Action} busy=${id} label="Down" name=${`Stop the stack ${worktree.namespace}`} onClick=${() => setAsking("down")} />`
          : worktree.canStart &&
            html`<${Action}
              busy=${id}
              kind="primary"
              label="Up"
              name=${`Start the stack ${worktree.namespace}`}
              onClick=${() => {
                setOpen([id], true);
                act(id, "Starting …", "/api/v1/stack", { worktree: id, action: "up" }, `${worktree.namespace} is ready`);
              }}
            />`}
        <button type="button" aria-label=${`Logs of ${worktree.namespace}`} onClick=${() => showHere("logs", "")}>Logs</button>
        <${Menu} label="⋯" name=${`More of ${worktree.namespace}`}>
          ${state.launch.editor && !worktree.isGone && html`<button type="button" onClick=${() => launch(worktree, "editor")}>Open in editor</button>`}
          ${state.launch.terminal && !worktree.isGone && html`<button type="button" onClick=${() => launch(worktree, "terminal")}>Open in terminal</button>`}
          <button type="button" onClick=${() => copy(worktree.worktreeRoot, "Path")}>Copy path</button>
          ${!worktree.isGone && html`<button type="button" onClick=${() => refresh(worktree)}>Refresh</button>`}
          ${facts?.kind === "linked" &&
          worktree.gitCommonDir &&
          html`<button type="button" onClick=${() => copy(facts.removeCommand, "Command")}>Copy remove command</button>`}
          ${!stack && worktree.lastUsedAt && html`<button type="button" class="danger" onClick=${() => setAsking("prune")}>Release ports …</button>`}
        <//>
      </div>
    </header>
    <div id=${region} hidden=${!open}>
      ${open &&
      html`<${Facts} worktree=${worktree} facts=${facts} />
        ${worktree.problem && html`<p class="problem">${worktree.problem}</p>`}
        ${stack?.problem && html`<p class="problem">${stack.problem}</p>`}
        ${stack && !stack.isKnown && !stack.problem && html`<p class="note">Waiting for its supervisor …</p>`}
        ${rows.length === 0
          ? html`<p class="note">It has no services.</p>`
          : html`<table>
              <caption class="sr">Services of ${project.name} ${worktree.namespace}</caption>
              <colgroup>
                <col class="col-name" /><col /><col class="col-short" /><col class="col-short" />
                <col class="col-short" /><col class="col-use" /><col class="col-use" /><col class="col-acts" />
              </colgroup>
              <thead>
                <tr>
                  ${HEADINGS.map((heading) => html`<th scope="col" key=${heading}>${heading}</th>`)}
                  <th scope="col"><span class="sr">Actions</span></th>
                </tr>
              </thead>
              <tbody>
                ${rows.map(
                  (row) => html`<${ServiceRow}
                    key=${row.fullName}
                    worktree=${worktree}
                    row=${row}
                    known=${worktree.services.find((one) => one.name === row.name)}
                    isLive=${Boolean(stack?.isKnown)}
                    show=${showHere}
                  />`,
                )}
              </tbody>
            </table>`}`}
    </div>
    ${asking === "down" &&
    html`<${Confirm}
      title=${`Stop ${project.name} ${worktree.namespace}?`}
      action="Stop the stack"
      onNo=${() => setAsking("")}
      onYes=${() => {
        setAsking("");
        // `down` does not wait until a start is complete.
        act(id, "Stopping …", "/api/v1/stack", { worktree: id, action: "down" }, `${worktree.namespace} stopped`, {
          atOnce: true,
        });
      }}
    >
      <p>All its services stop, even if the stack runs in the foreground of a terminal.</p>
    <//>`}
    ${asking === "prune" &&
    html`<${Confirm}
      title=${`Release the ports of ${worktree.namespace}?`}
      action="Release ports"
      onNo=${() => setAsking("")}
      onYes=${() => {
        setAsking("");
        prune(worktree);
      }}
    >
      <p>
        Its next start may get other ports. No file is removed.
        ${worktree.services.some((one) => one.port) && html` Its ports are ${ports(worktree)}.`}
      </p>
    <//>`}
  </article>`;
}

function ports(worktree) {
  return worktree.services.filter((one) => one.port).map((one) => one.port).join(", ");
}

function idleRows(worktree) {
  return worktree.services.map((one) => ({
    name: one.name,
    instance: 1,
    fullName: `${one.name}-${worktree.namespace}`,
    state: "not running",
    port: one.port,
  }));
}

function Summary({ stack, worktree }) {
  if (!stack) return html`<span class="pill idle">${worktree.isGone ? "folder deleted" : "not running"}</span>`;
  if (stack.problem) return html`<span class="pill bad">no answer</span>`;
  const counts = new Map();
  for (const row of stack.services) counts.set(row.state, (counts.get(row.state) || 0) + 1);
  const memory = stack.services.reduce((sum, row) => sum + (row.rssBytes || 0), 0);
  return html`${[...counts].map(
      ([name, count]) => html`<span key=${name} class="pill ${toneOf(name)}">${count} ${name}</span>`,
    )}
    ${memory > 0 && html`<span class="muted">${size(memory)}</span>`}`;
}

function Facts({ worktree, facts }) {
  const request = facts?.pullRequest;
  return html`<p class="facts">
    <span class="path">${worktree.worktreeRoot}</span>
    ${worktree.definitionFile && html`<span class="tag">by ${worktree.definitionFile}</span>`}
    ${worktree.startOptions && html`<span class="tag" title="Up repeats the last start options">up ${worktree.startOptions}</span>`}
    ${!facts && html`<span class="muted">loading …</span>`}
    ${facts?.workingTreeClean === false && html`<span class="tag warn">uncommitted changes</span>`}
    ${facts?.workingTreeClean === true && html`<span class="tag">clean</span>`}
    ${facts?.diskSizeBytes != null && html`<span class="tag">${size(facts.diskSizeBytes)} on disk</span>`}
    ${request && html`<${Request} request=${request} />`}
    ${facts?.safeToPrune && html`<span class="tag good">safe to prune</span>`}
  </p>`;
}

function Request({ request }) {
  const words = [
    request.isDraft ? "draft" : request.state,
    request.checks && `checks ${request.checks}`,
    request.review,
  ].filter(Boolean);
  const text = `#${request.number} ${words.join(", ")}`;
  const tone = request.checks === "failed" ? "warn" : "";
  return request.url
    ? html`<a class="tag ${tone}" href=${request.url} title=${request.title} target="_blank" rel="noreferrer">${text}</a>`
    : html`<span class="tag ${tone}" title=${request.title}>${text}</span>`;
}

async function refresh(worktree) {
  setOpen([worktree.id], true);
  await loadFacts(worktree.id, true);
  toast(`${worktree.namespace} refreshed`);
}

const REASONS = {
  "no-editor-found": "no editor was found. Set PORTWEAVE_EDITOR to the command of your editor.",
  "unsupported-platform": "no supported terminal was found.",
  "launch-failed": "it could not be started.",
};

async function launch(worktree, target) {
  try {
    const done = await send("/api/open", { target, worktreeRoot: worktree.worktreeRoot });
    toast(done.launched ? `Opened in ${target}` : `Not opened: ${REASONS[done.reason] || done.reason}`, done.launched ? "info" : "bad");
  } catch (error) {
    toast(error.message, "bad");
  }
}

async function prune(worktree) {
  const { gitCommonDir, namespace, worktreeRoot } = worktree;
  const body = { confirm: true, gitCommonDir, namespace, worktreeRoot };
  const done = (answer) => (answer.removed ? `Ports of ${namespace} released` : "It had no ports");
  if (await act(worktree.id, "Pruning …", "/api/prune", body, done)) loadWorktrees();
}
