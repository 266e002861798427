// A worktree with its services, as a card of the list.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { busy } from "./actions.js";
import { facts, loadFacts } from "./facts.js";
import { ago, instanceOf, size } from "./format.js";
import { Icon } from "./icons.js";
import { countStates, endedBadly, rowsOf, titleOf } from "./model.js";
import { stackAddress } from "./router.js";
import { StackMenu, down, prune, up } from "./service_actions.js";
import { ServiceRow } from "./service_row.js";
import { isTrouble, toneOf } from "./states.js";
import { isOpen, setOpen, state } from "./store.js";
import { useTopic } from "./topics.js";
import { Action, Confirm, Menu, Skeleton } from "./widgets.js";

// Facts from git, the disk and GitHub are slow to get, so they are refreshed seldom.
const FACTS_MS = 300000;
const HEADINGS = [
  ["name", "Service"],
  ["state", "State"],
  ["address", "Address"],
  ["up", "Up for"],
  ["restarts", "Restarts"],
  ["cpu", "CPU"],
  ["memory", "Memory"],
];

export function StackCard({ worktree, project, rows, isPart, isForced, hasRows }) {
  const { id } = worktree;
  useTopic("open", `stack ${id}`, `facts ${id}`, `busy ${id}`);
  const open = isForced || isOpen(id);
  const stack = state.stacks.get(id);
  const region = `services-${id}`;
  const title = titleOf(worktree);
  // The list is drawn again when a state changes; usage changes between.
  const names = new Set(rows.map((row) => row.fullName));
  const shown = isPart ? rowsOf(worktree).filter((row) => names.has(row.fullName)) : rowsOf(worktree);
  useEffect(() => {
    if (!open) return undefined;
    loadFacts(id);
    const timer = setInterval(() => document.hidden || loadFacts(id), FACTS_MS);
    return () => clearInterval(timer);
  }, [open]);
  return html`<article class="stack" data-root=${worktree.worktreeRoot} aria-labelledby=${`title-${id}`}>
    <header>
      <h3>
        <button
          type="button"
          class="quiet icon-only fold"
          data-row
          data-key=${id}
          aria-expanded=${open}
          aria-controls=${region}
          aria-label=${`Services of ${title}`}
          onClick=${() => setOpen([id], !open)}
        >
          <${Icon} name="fold" />
        </button>
        <a id=${`title-${id}`} class="title" href=${stackAddress(worktree)}>${worktree.branch && html`<${Icon} name="branch" />`}${title}</a>
      </h3>
      <p class="summary"><${Summary} stack=${stack} worktree=${worktree} /></p>
      <${StackButtons} worktree=${worktree} project=${project} />
    </header>
    <div id=${region} hidden=${!open}>
      ${open &&
      hasRows &&
      html`<${Details} worktree=${worktree} />
        <${Problems} worktree=${worktree} stack=${stack} />
        <${ServiceTable} worktree=${worktree} project=${project} rows=${shown} />
        ${isPart && html`<p class="note">Other services do not match.</p>`}`}
    </div>
  </article>`;
}

export function ServiceTable({ worktree, project, rows }) {
  const stack = state.stacks.get(worktree.id);
  if (stack && !stack.isKnown && !stack.problem) return html`<${Skeleton} lines=${Math.max(1, worktree.services.length)} />`;
  if (!rows.length) return html`<p class="note">No services.</p>`;
  return html`<table role="table" class="services">
    <caption class="sr">Services of ${project.name} ${titleOf(worktree)}</caption>
    <thead role="rowgroup">
      <tr role="row">
        ${HEADINGS.map(([name, text]) => html`<th role="columnheader" scope="col" key=${name} class="cell-${name}">${text}</th>`)}
        <th role="columnheader" scope="col" class="cell-acts"><span class="sr">Actions</span></th>
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map((row) => html`<${ServiceRow} key=${row.fullName} worktree=${worktree} row=${row} isLive=${Boolean(stack?.isKnown)} />`)}
    </tbody>
  </table>`;
}

/** The buttons of a stack, and their dialogs. */
export function StackButtons({ worktree, project, isPage = false }) {
  const { id } = worktree;
  useTopic(`busy ${id}`);
  const [asking, setAsking] = useState("");
  const stack = state.stacks.get(id);
  const title = titleOf(worktree);
  // A stack that starts can be stopped at once.
  const isEnding = busy.get(id) === "Stopping …";
  return html`<div class="acts">
    ${stack
      ? html`<${Action} busy=${isEnding ? id : ""} icon="stop" kind="quiet" label="Stop" onClick=${() => setAsking("down")} />`
      : worktree.canStart &&
        html`<${Action}
          busy=${id}
          icon="start"
          label="Start"
          onClick=${() => {
            setOpen([id], true);
            up(worktree);
          }}
        />`}
    ${!isPage && html`<a class="button quiet" href=${stackAddress(worktree, "logs")}><${Icon} name="logs" /><span class="label">Logs</span></a>`}
    <${Menu} name=${`More of ${title}`}><${StackMenu} worktree=${worktree} facts=${facts.get(id)} ask=${setAsking} /><//>
    ${asking === "down" &&
    html`<${Confirm}
      title=${`Stop ${project.name} ${title}?`}
      action="Stop the stack"
      onNo=${() => setAsking("")}
      onYes=${() => {
        setAsking("");
        down(worktree);
      }}
    >
      <p>All its services stop, even if the stack runs in the foreground of a terminal.</p>
    <//>`}
    ${asking === "prune" &&
    html`<${Confirm}
      title=${`Release the ports of ${title}?`}
      action="Release ports"
      onNo=${() => setAsking("")}
      onYes=${() => {
        setAsking("");
        prune(worktree);
      }}
    >
      <p>Its next start may get other ports. No file is removed.${ports(worktree) && ` Its ports are ${ports(worktree)}.`}</p>
    <//>`}
  </div>`;
}

function ports(worktree) {
  return worktree.services.filter((one) => one.port).map((one) => one.port).join(", ");
}

/** What is wrong with a worktree as a whole. */
export function Problems({ worktree, stack }) {
  return html`${worktree.problem && html`<p class="problem">${worktree.problem}</p>`}
    ${stack?.problem && html`<p class="problem">${stack.problem}</p>`}
    ${!stack &&
    worktree.lastEnd?.isBad &&
    html`<p class=${endedBadly(worktree) ? "problem" : "note"}>Ended ${ago(worktree.lastEnd.at)}: ${worktree.lastEnd.text}</p>`}`;
}

export function Summary({ stack, worktree }) {
  if (!stack) {
    if (worktree.isGone) return html`<span class="pill idle">folder deleted</span>`;
    const end = worktree.lastEnd;
    return html`<span class="pill idle">not running</span>
      ${end && html`<span class=${endedBadly(worktree) ? "pill bad" : "muted"} title=${end.text || ""}>${end.isBad ? "ended badly" : "ended"} ${ago(end.at)}</span>`}`;
  }
  if (stack.problem) return html`<span class="pill bad">no answer</span>`;
  const memory = stack.services.reduce((sum, row) => sum + (row.rssBytes || 0), 0);
  // A single service in trouble is named.
  const subject = (name, count) => {
    const row = stack.services.find((one) => one.state === name);
    return count === 1 && isTrouble(row) ? instanceOf(row) : count;
  };
  return html`${countStates(stack.services).map(
    ([name, count]) => html`<span key=${name} class="pill ${toneOf(name)}">${subject(name, count)} ${name}</span>`,
    )}
    ${memory > 0 && html`<span class="muted">${size(memory)}</span>`}`;
}

/** The hash, the path and what git, the disk and GitHub tell. */
export function Details({ worktree }) {
  useTopic(`facts ${worktree.id}`);
  const found = facts.get(worktree.id);
  const request = found?.pullRequest;
  return html`<p class="facts">
    <span class="path">${worktree.worktreeRoot}</span>
    ${worktree.namespace !== titleOf(worktree) && html`<span class="tag">${worktree.namespace}</span>`}
    ${worktree.definitionFile && html`<span class="tag">by ${worktree.definitionFile}</span>`}
    ${worktree.startOptions && html`<span class="tag" title="Start repeats the last start options">up ${worktree.startOptions}</span>`}
    ${!found && html`<span class="muted">loading …</span>`}
    ${found?.workingTreeClean === false && html`<span class="tag warn">uncommitted changes</span>`}
    ${found?.workingTreeClean === true && html`<span class="tag">clean</span>`}
    ${found?.diskSizeBytes != null && html`<span class="tag">${size(found.diskSizeBytes)} on disk</span>`}
    ${request && html`<${Request} request=${request} />`}
    ${found?.safeToPrune && html`<span class="tag good">safe to prune</span>`}
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

// Cards far outside the window are not drawn.

const MARGIN = "800px 0px";
const heights = new Map();
const MOST_HEIGHTS = 2000;
const ROW_HEIGHT = 37;
const HEAD_HEIGHT = 46;
const OPEN_HEIGHT = 64;
// What is drawn in one frame, in rows; a collapsed card counts as one.
const ROWS_A_FRAME = 24;
const seers = new Map();
let waiting = [];

// A page that draws many cards at once would not react meanwhile.
function drawNext() {
  let rows = 0;
  while (waiting.length && rows < ROWS_A_FRAME) {
    const [weight, draw] = waiting.shift();
    rows += weight;
    draw();
  }
  if (waiting.length) requestAnimationFrame(drawNext);
}

function drawSoon(weight, draw) {
  waiting.push([weight, draw]);
  if (waiting.length === 1) requestAnimationFrame(drawNext);
}

const observer = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) seers.get(entry.target)?.(entry.isIntersecting);
  },
  { rootMargin: MARGIN },
);

/** A card that is drawn while it is near the window; elsewhere an empty box has its height. */
export function LazyCard({ isNear, ...card }) {
  const { worktree, rows, isForced } = card;
  const ref = useRef(null);
  const [isSeen, setSeen] = useState(isNear);
  const open = isForced || isOpen(worktree.id);
  // Many cards may be expanded at once, so the rows of each are drawn in its turn.
  const [hasRows, setHasRows] = useState(isNear && open);
  const now = useRef({});
  Object.assign(now.current, { open, weight: open ? rows.length : 1 });
  const key = `${worktree.id} ${open} ${rows.length}`;
  useLayoutEffect(() => {
    const element = ref.current;
    const draw = () => {
      if (!now.current.isWanted) return;
      setSeen(true);
      setHasRows(now.current.open);
    };
    now.current.drawSoon = () => drawSoon(now.current.weight, draw);
    seers.set(element, (seen) => {
      // The focus stays where it is.
      if (!seen && element.contains(document.activeElement)) return;
      now.current.isWanted = seen;
      if (seen) {
        now.current.drawSoon();
        return;
      }
      if (element.offsetHeight) remember(element.dataset.height, element.offsetHeight);
      setSeen(false);
      setHasRows(false);
    });
    observer.observe(element);
    return () => {
      now.current.isWanted = false;
      observer.unobserve(element);
      seers.delete(element);
    };
  }, []);
  useLayoutEffect(() => {
    if (isSeen && open && !hasRows) now.current.drawSoon();
  }, [isSeen, open, hasRows]);
  useLayoutEffect(() => {
    const isWhole = isSeen && hasRows === open;
    ref.current.style.minHeight = isWhole ? "" : `${heights.get(key) || HEAD_HEIGHT + (open ? OPEN_HEIGHT + rows.length * ROW_HEIGHT : 0)}px`;
  });
  return html`<div class="slot" id=${`card-${worktree.id}`} ref=${ref} data-height=${key}>${isSeen && html`<${StackCard} ...${card} hasRows=${hasRows} />`}</div>`;
}

function remember(key, height) {
  if (heights.size >= MOST_HEIGHTS) heights.clear();
  heights.set(key, height);
}
