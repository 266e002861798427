// The actions on a service and on a stack, which lists, pages and keys share.

import { html, useState } from "./vendor/htm-preact.js";
import { act, copy, toast } from "./actions.js";
import { send } from "./api.js";
import { loadFacts } from "./facts.js";
import { instanceOf, plural } from "./format.js";
import { Icon } from "./icons.js";
import { linksOf, titleOf } from "./model.js";
import { serviceAddress } from "./router.js";
import { isUp } from "./states.js";
import { loadWorktrees, state } from "./store.js";
import { Action, Menu } from "./widgets.js";

export function keyOf(worktree, row) {
  return `${worktree.id} ${instanceOf(row)}`;
}

const DOING = {
  start: ["Starting …", (name) => `${name} starts`],
  stop: ["Stopping …", (name) => `${name} stopped`],
  restart: ["Restarting …", (name) => `${name} restarts`],
};

/** Start, stop or restart an instance. */
export function run(worktree, row, action) {
  const name = instanceOf(row);
  const [doing, done] = DOING[action];
  const body = { worktree: worktree.id, action, service: name };
  return act(keyOf(worktree, row), doing, "/api/v1/service", body, done(name));
}

/** Start, stop or restart all services of a running stack. */
export function runAll(worktree, action) {
  const [doing, done] = DOING[action];
  const body = { worktree: worktree.id, action, all: true };
  return act(worktree.id, doing, "/api/v1/service", body, done(`All of ${titleOf(worktree)}`));
}

export async function up(worktree) {
  await act(worktree.id, "Starting …", "/api/v1/stack", { worktree: worktree.id, action: "up" }, `${titleOf(worktree)} is ready`);
  // The list tells how a stack ended that did not become ready.
  await loadWorktrees();
}

export function down(worktree) {
  const body = { worktree: worktree.id, action: "down" };
  // `down` does not wait until a start is complete.
  return act(worktree.id, "Stopping …", "/api/v1/stack", body, `${titleOf(worktree)} stopped`, { atOnce: true });
}

export async function refresh(worktree) {
  await Promise.all([loadFacts(worktree.id, true), loadWorktrees()]);
  toast(`${titleOf(worktree)} refreshed`);
}

const REASONS = {
  "no-editor-found": "no editor was found. Set PORTWEAVE_EDITOR to the command of your editor.",
  "unsupported-platform": "no supported terminal was found.",
  "launch-failed": "it could not be started.",
};

export async function launch(worktree, target) {
  try {
    const done = await send("/api/open", { target, worktreeRoot: worktree.worktreeRoot });
    toast(done.launched ? `Opened in ${target}` : `Not opened: ${REASONS[done.reason] || done.reason}`, done.launched ? "info" : "bad");
  } catch (error) {
    toast(error.message, "bad");
  }
}

export async function prune(worktree) {
  const { gitCommonDir, namespace, worktreeRoot } = worktree;
  const body = { confirm: true, gitCommonDir, namespace, worktreeRoot };
  const done = (answer) => (answer.removed ? `Ports of ${namespace} released` : "It had no ports");
  if (await act(worktree.id, "Releasing …", "/api/prune", body, done)) loadWorktrees();
}

export function knownOf(worktree, row) {
  return worktree.services.find((one) => one.name === row.name);
}

/** The buttons of a service: start or restart, stop, log, and a menu. */
export function ServiceButtons({ worktree, row, isLive, labels = false }) {
  const name = instanceOf(row);
  const key = keyOf(worktree, row);
  const runs = isUp(row);
  const first = runs ? "restart" : "start";
  const isAgain = !runs && row.state !== "stopped" && knownOf(worktree, row)?.oneshot;
  const word = runs ? "Restart" : isAgain ? "Run again" : "Start";
  const kind = labels ? "" : "quiet";
  return html`<div class="acts">
    ${isLive &&
    html`<${Action}
        busy=${key}
        kind=${kind}
        icon=${first}
        label=${labels ? word : ""}
        name=${isAgain ? `Run ${name} again` : `${word} ${name}`}
        onClick=${() => run(worktree, row, first)}
      />
      ${runs
        ? html`<${Action} kind=${kind} icon="stop" label=${labels ? "Stop" : ""} name=${`Stop ${name}`} onClick=${() => run(worktree, row, "stop")} />`
        : !labels && html`<span class="no-button"></span>`}`}
    ${!labels &&
    html`<a class="button quiet icon-only" href=${serviceAddress(worktree, name, "logs")} aria-label=${`Logs of ${name}`} title=${`Logs of ${name}`}>
      <${Icon} name="logs" />
    </a>`}
    <${Menu} name=${`More of ${name}`}><${ServiceMenu} worktree=${worktree} row=${row} isLive=${isLive} /><//>
  </div>`;
}

function ServiceMenu({ worktree, row, isLive }) {
  const name = instanceOf(row);
  const known = knownOf(worktree, row);
  const links = linksOf(row, known);
  return html`${links.map(
      (link) => html`<a key=${link.url} href=${link.url} target="_blank" rel="noreferrer">Open ${link.envVar || link.url}</a>`,
    )}
    ${isLive && html`<a href=${serviceAddress(worktree, name, "why")}>Why?</a>`}
    ${isLive && html`<a href=${serviceAddress(worktree, name, "environment")}>Environment</a>`}
    ${isLive && !(row.instance > 1) && html`<${Scale} worktree=${worktree} row=${row} />`}
    <hr />
    <button type="button" onClick=${() => copy(name, "Name")}>Copy name</button>
    ${row.port != null && html`<button type="button" onClick=${() => copy(String(row.port), "Port")}>Copy port</button>`}
    ${links.length > 0 && html`<button type="button" onClick=${() => copy(links[0].url, "URL")}>Copy URL</button>`}
    <button type="button" onClick=${() => copy(worktree.worktreeRoot, "Path")}>Copy path</button>
    ${known?.command && html`<button type="button" onClick=${() => copy(known.command, "Command")}>Copy command</button>`}
    <button type="button" onClick=${() => copy(`portweave logs -f ${name}`, "Command")}>Copy logs command</button>`;
}

function Scale({ worktree, row }) {
  const [count, setCount] = useState("");
  const apply = (event) => {
    event.preventDefault();
    const number = Number(count);
    if (count === "" || !Number.isInteger(number) || number < 0) return;
    event.target.closest(".menu").hidePopover();
    const body = { worktree: worktree.id, service: row.name, count: number };
    act(`${worktree.id} ${row.name}`, "Scaling …", "/api/v1/scale", body, `${row.name} has ${plural(number, "instance")}`);
  };
  return html`<form class="scale" onSubmit=${apply}>
    <label>Instances <input type="number" min="0" max="100" value=${count} onInput=${(event) => setCount(event.target.value)} /></label>
    <button type="submit">Scale</button>
  </form>`;
}

/** The items of a stack's menu. */
export function StackMenu({ worktree, facts, ask }) {
  const stack = state.stacks.get(worktree.id);
  const isLive = Boolean(stack?.isKnown);
  return html`${isLive &&
    html`<button type="button" onClick=${() => runAll(worktree, "start")}>Start all</button>
      <button type="button" onClick=${() => runAll(worktree, "restart")}>Restart all</button>
      <button type="button" onClick=${() => runAll(worktree, "stop")}>Stop all</button>
      <hr />`}
    ${state.launch.editor && !worktree.isGone && html`<button type="button" onClick=${() => launch(worktree, "editor")}>Open in editor</button>`}
    ${state.launch.terminal && !worktree.isGone && html`<button type="button" onClick=${() => launch(worktree, "terminal")}>Open in terminal</button>`}
    <button type="button" onClick=${() => copy(worktree.worktreeRoot, "Path")}>Copy path</button>
    <button type="button" onClick=${() => copy(worktree.namespace, "Name")}>Copy name</button>
    ${!worktree.isGone && html`<button type="button" onClick=${() => refresh(worktree)}>Refresh</button>`}
    ${facts?.kind === "linked" &&
    worktree.gitCommonDir &&
    html`<button type="button" onClick=${() => copy(facts.removeCommand, "Command")}>Copy remove command</button>`}
    ${!stack && worktree.lastUsedAt && html`<button type="button" class="danger" onClick=${() => ask("prune")}>Release ports …</button>`}`;
}
