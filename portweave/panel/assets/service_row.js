// One instance of a service, as a row of its worktree's table.

import { html } from "./vendor/htm-preact.js";
import { instanceOf, percent, since, size } from "./format.js";
import { hostOf, linksOf } from "./model.js";
import { serviceAddress } from "./router.js";
import { ServiceButtons, keyOf, knownOf } from "./service_actions.js";
import { isTrouble, isUp, toneOf } from "./states.js";
import { useTopic } from "./topics.js";
import { Plot, StateWord } from "./widgets.js";

export function ServiceRow({ worktree, row, isLive }) {
  const name = instanceOf(row);
  useTopic(`busy ${keyOf(worktree, row)}`);
  const tone = toneOf(row.state);
  const samples = row.samples || [];
  const links = linksOf(row, knownOf(worktree, row));
  const showsError = row.lastError && row.state !== "completed" && isUp(row) && !(row.reason || "").includes(row.lastError);
  return html`<tr role="row" class="service ${tone}" data-service=${name}>
      <th role="rowheader" scope="row" class="cell-name">
        <a data-row data-key=${`${worktree.id} ${name}`} href=${serviceAddress(worktree, name)}>${name}</a>
      </th>
      <td role="cell" class="cell-state">
        <span class="dot ${tone}" aria-hidden="true"></span><${StateWord} state=${row.state} />
      </td>
      <td role="cell" class="cell-address"><${Address} row=${row} link=${links[0]} /></td>
      <td role="cell" class="cell-up number" title="Running for">${row.pid ? since(row.startedAt) : ""}</td>
      <td role="cell" class="cell-restarts number ${row.restarts > 0 ? "some" : ""}" title="Restarts">${row.restarts || ""}</td>
      <td role="cell" class="cell-cpu use" title="CPU">
        <span>${row.pid ? percent(row.cpuPercent) : ""}</span><${Plot} samples=${samples} column=${1} least=${10} />
      </td>
      <td role="cell" class="cell-memory use" title="Memory">
        <span>${row.pid ? size(row.rssBytes) : ""}</span><${Plot} samples=${samples} column=${2} least=${1e6} />
      </td>
      <td role="cell" class="cell-acts"><${ServiceButtons} worktree=${worktree} row=${row} isLive=${isLive} /></td>
    </tr>
    ${(row.reason || showsError) &&
    html`<tr role="row" class="told ${isTrouble(row) ? tone : "idle"}">
      <td role="cell" colspan="8">
        ${row.reason &&
        html`<a class="reason" href=${serviceAddress(worktree, name, "why")}><span class="sr">Why ${name} is ${row.state}: </span>${row.reason}</a>`}
        ${showsError &&
        html`<a class="error-line" href=${serviceAddress(worktree, name, "logs")}><span class="sr">Last error of ${name}: </span>${row.lastError}</a>`}
      </td>
    </tr>`}`;
}

/** The name of a service as a link, then its port. */
export function Address({ row, link }) {
  const host = link && hostOf(link.url);
  const says = host && row.port != null && host.endsWith(`:${row.port}`);
  return html`${link && html`<a class="host" href=${link.url} target="_blank" rel="noreferrer">${host}</a>`}
    ${row.port != null && !says && html`<span class="port">:${row.port}</span>`}`;
}
