// The overview of a service: how it is run and probed, its usage, and its runs.

import { html, useEffect, useState } from "./vendor/htm-preact.js";
import { copy } from "./actions.js";
import { Chart } from "./chart.js";
import { ago, clock, day, instanceOf, percent, plural, precise, size } from "./format.js";
import { Icon } from "./icons.js";
import { useLoaded } from "./loaded.js";
import { hostOf, linksOf } from "./model.js";
import { serviceAddress } from "./router.js";
import { knownOf } from "./service_actions.js";
import { toneOf } from "./states.js";
import { Changes } from "./why.js";
import { Skeleton } from "./widgets.js";

// Probes are asked again at least this often; nothing tells the page of a good answer.
const AGAIN_MS = 10000;
const WINDOW_S = 900;

export function Overview({ worktree, row, isLive }) {
  const service = instanceOf(row);
  const query = new URLSearchParams({ worktree: worktree.id, service });
  const [turn, setTurn] = useState(0);
  const [found, problem] = useLoaded(`/api/v1/details?${query}`, row.state, row.pid, turn);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setTurn((count) => count + 1), AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  if (problem && !found) return html`<p class="problem">${problem}</p>`;
  if (!found) return html`<div class="cards" aria-busy="true"><div class="card"><${Skeleton} lines=${6} /></div><div class="card"><${Skeleton} lines=${6} /></div></div>`;
  const samples = joined(found.samples, row.samples || []);
  const starts = found.runs.map((run) => Date.parse(run.startedAt) / 1000);
  return html`<div class="cards">
      <section class="card" aria-labelledby="about"><h2 id="about">Service</h2><${About} worktree=${worktree} row=${row} plan=${found.plan} /></section>
      <section class="card" aria-labelledby="probes"><h2 id="probes">Probes</h2><${Probes} plan=${found.plan} isLive=${isLive} /></section>
      ${(isLive || samples.length > 0) &&
      html`<section class="card" aria-labelledby="cpu">
          <h2 id="cpu">CPU</h2>
          <${Chart} label="CPU" samples=${samples} column=${1} least=${10} format=${percent} starts=${starts} span=${WINDOW_S} />
        </section>
        <section class="card" aria-labelledby="memory">
          <h2 id="memory">Memory</h2>
          <${Chart} label="Memory" samples=${samples} column=${2} least=${1e6} format=${size} starts=${starts} span=${WINDOW_S} />
        </section>`}
    </div>
    ${isLive && html`<${Differences} worktree=${worktree.id} service=${service} state=${row.state} />`}
    <section class="card" aria-labelledby="runs"><h2 id="runs">Runs</h2><${Runs} runs=${found.runs} /></section>`;
}

function Differences({ worktree, service, state }) {
  const [found] = useLoaded(`/api/v1/why?${new URLSearchParams({ worktree, service })}`, state);
  if (!found?.lastGoodAt || !found.differences?.length) return null;
  return html`<section class="card prose" aria-label="Changes"><${Changes} found=${found} /></section>`;
}

function joined(loaded, live) {
  const last = loaded.length ? loaded[loaded.length - 1][0] : 0;
  return [...loaded, ...live.filter((sample) => sample[0] > last)];
}

function About({ worktree, row, plan }) {
  const known = knownOf(worktree, row);
  const command = plan?.command ?? known?.command;
  const folder = plan?.workingDir ?? worktree.worktreeRoot;
  const needs = plan?.needs ?? known?.needs ?? [];
  const links = linksOf(row, known);
  return html`<dl class="about">
    ${command && html`<${Fact} name="Command" text=${command} isCode=${true} />`}
    <${Fact} name="Folder" text=${folder} isCode=${true} />
    ${links.length > 0 &&
    html`<div>
      <dt>Address</dt>
      <dd class="lines-of">
        ${links.map(
          (link) => html`<a key=${link.url} href=${link.url} target="_blank" rel="noreferrer" title=${link.envVar || undefined}>${hostOf(link.url)}</a>`,
        )}
      </dd>
    </div>`}
    ${row.port != null && html`<${Fact} name="Port" text=${String(row.port)} />`}
    ${row.pid && html`<${Fact} name="Process" text=${String(row.pid)} />`}
    ${row.startedAt && row.pid && html`<div><dt>Started</dt><dd>${ago(row.startedAt)}${row.restarts ? `, after ${plural(row.restarts, "restart")}` : ""}</dd></div>`}
    ${plan && html`<div><dt>Restart</dt><dd>${plan.oneshot ? "no: it is meant to end" : plan.restart}</dd></div>`}
    ${needs.length > 0 &&
    html`<div>
      <dt>Waits for</dt>
      <dd>
        ${needs.map(
          (need, at) => html`<span key=${need.name}>
            ${at > 0 && ", "}<a href=${serviceAddress(worktree, need.name)}>${need.name}</a> (${need.condition})
          </span>`,
        )}
      </dd>
    </div>`}
    ${plan?.watch.length > 0 && html`<div><dt>Watches</dt><dd>${plan.watch.join(", ")}</dd></div>`}
  </dl>`;
}

function Fact({ name, text, isCode }) {
  const label = `Copy ${name.toLowerCase()}`;
  return html`<div>
    <dt>${name}</dt>
    <dd>
      ${isCode ? html`<code>${text}</code>` : text}${" "}
      <button type="button" class="quiet icon-only small" aria-label=${label} title=${label} onClick=${() => copy(text, name)}>
        <${Icon} name="copy" />
      </button>
    </dd>
  </div>`;
}

const KINDS = { log: "log line", notify: "notice", tcp: "port", http: "HTTP", exec: "command" };

function Probes({ plan, isLive }) {
  if (!plan) return html`<p class="note">${isLive ? "This stack's portweave does not tell its probes." : "Not running."}</p>`;
  if (!plan.probes.length) {
    const rule = plan.oneshot ? "It is complete when it ends with status 0." : "It is ready when it listens on its port, or when it has settled.";
    return html`<p class="note">No probe. ${rule}</p>`;
  }
  return html`<ul class="probes">
    ${plan.probes.map((probe) => html`<${Probe} key=${probe.kind} probe=${probe} />`)}
  </ul>`;
}

function Probe({ probe }) {
  const [tone, answer] =
    probe.passed === null ? ["idle", "not asked yet"] : probe.passed ? ["good", "passed"] : ["bad", probe.reason];
  return html`<li>
    <span class="dot ${tone}" aria-hidden="true"></span>
    <span>
      <strong>${KINDS[probe.kind] || probe.kind}</strong>${" "}<code>${probe.target}</code>
      <span class="answer ${tone}">${answer}${probe.at ? `, ${ago(probe.at)}` : ""}</span>
    </span>
  </li>`;
}

const ENDS = { backoff: "ended", lost: "portweave was killed" };
const END_TONES = { backoff: "warn", lost: "warn" };

function Runs({ runs }) {
  if (!runs.length) return html`<p class="note">No run is known.</p>`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Runs"><table class="runs">
    <caption class="sr">Runs, newest first</caption>
    <thead><tr><th scope="col">Started</th><th scope="col">Ready after</th><th scope="col">Ran for</th><th scope="col">End</th></tr></thead>
    <tbody>
      ${runs.map((run) => html`<${Run} key=${run.startedAt} run=${run} />`)}
    </tbody>
  </table></div>`;
}

function Run({ run }) {
  const began = Date.parse(run.startedAt);
  const end = run.endedAt ? Date.parse(run.endedAt) : run.end ? null : Date.now();
  const date = day(began) === day(Date.now()) ? "" : `${day(began)} `;
  return html`<tr>
    <th scope="row" title=${day(began)}>${date}${clock(began)}</th>
    <td>${run.readyAt ? precise(Date.parse(run.readyAt) - began) : "–"}</td>
    <td>${end === null ? "–" : precise(end - began)}</td>
    <td>
      ${run.end
        ? html`<span class="word ${END_TONES[run.end] || toneOf(run.end)}">${ENDS[run.end] || run.end}</span>
            ${run.exitCode != null && html`<span class="muted"> status ${run.exitCode}</span>`}
            ${run.reason && html`<span class="why-ended">${run.reason}</span>`}`
        : html`<span class="muted">runs</span>`}
    </td>
  </tr>`;
}
