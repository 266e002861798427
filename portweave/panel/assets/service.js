// One instance of a service, as a row of its worktree's table.

import { html, useState } from "./vendor/htm-preact.js";
import { instanceOf, percent, plural, since, size, toneOf } from "./format.js";
import { act, copy, useTopic } from "./store.js";
import { Action, Menu, Plot } from "./widgets.js";

const UP = new Set(["ready", "unhealthy", "starting", "waiting", "backoff"]);

export function ServiceRow({ worktree, row, known, isLive, show }) {
  const name = instanceOf(row);
  const key = `${worktree.id} ${name}`;
  useTopic(`busy ${key}`);
  const tone = toneOf(row.state);
  const isUp = UP.has(row.state);
  const samples = row.samples || [];
  const named = (known && known.links) || [];
  // A link by port alone is left out where there are others: the port itself is a link.
  const links = (
    row.url ? [{ url: row.url, envVar: "" }, ...named.filter((link) => link.envVar)] : named
  ).filter((link) => /^https?:/i.test(link.url));
  const unique = [...new Map(links.map((link) => [link.url, link])).values()];

  const run = (action, doing, done) => () =>
    act(key, doing, "/api/v1/service", { worktree: worktree.id, action, service: name }, done);

  return html`<tr class="service ${tone}" data-service=${name}>
      <th scope="row">
        <span class="dot ${tone}" aria-hidden="true"></span>
        <span class="name">${name}</span>
      </th>
      <td class="state" data-label="State">
        <span class="word ${tone}">${row.state}</span>
        ${row.reason && html`<span class="reason">${row.reason}</span>`}
        ${!row.reason &&
        row.state === "exited" &&
        row.exitCode != null &&
        html`<span class="reason">exit status ${row.exitCode}</span>`}
      </td>
      <td class="number" data-label="Port">
        ${row.port == null
          ? "–"
          : html`<a href=${`http://localhost:${row.port}/`} target="_blank" rel="noreferrer">${row.port}</a>`}
      </td>
      <td class="number" data-label="Up for">${row.pid ? since(row.startedAt) : "–"}</td>
      <td class="number ${row.restarts > 0 ? "some" : ""}" data-label="Restarts">${row.restarts ?? "–"}</td>
      <td class="use" data-label="CPU">
        <span>${row.pid ? percent(row.cpuPercent) : "–"}</span>
        <${Plot} samples=${samples} column=${1} least=${10} />
      </td>
      <td class="use" data-label="Memory">
        <span>${row.pid ? size(row.rssBytes) : "–"}</span>
        <${Plot} samples=${samples} column=${2} least=${1e6} />
      </td>
      <td class="acts-cell"><div class="acts">
        ${isLive &&
        html`<${Action}
            busy=${key}
            label=${isUp ? "Restart" : "Start"}
            name=${`${isUp ? "Restart" : "Start"} ${name}`}
            onClick=${isUp
              ? run("restart", "Restarting …", `${name} restarts`)
              : run("start", "Starting …", `${name} starts`)}
          />
          ${isUp &&
          html`<${Action} label="Stop" name=${`Stop ${name}`} onClick=${run("stop", "Stopping …", `${name} stopped`)} />`}`}
        <button type="button" aria-label=${`Logs of ${name}`} onClick=${() => show("logs", name)}>Logs</button>
        <${Menu} label="⋯" name=${`More of ${name}`}>
          ${isLive &&
          html`<button type="button" onClick=${() => show("why", name)}>Why?</button>
            <button type="button" onClick=${() => show("environment", name)}>Environment</button>
            <${Scale} worktree=${worktree} row=${row} />`}
          ${unique.map(
            (link) => html`<a key=${link.url} href=${link.url} target="_blank" rel="noreferrer">
              Open ${link.envVar || link.url}
            </a>`,
          )}
          ${unique.length > 0 &&
          html`<button type="button" onClick=${() => copy(unique[0].url, "URL")}>Copy URL</button>`}
          ${known &&
          known.command &&
          html`<button type="button" onClick=${() => copy(known.command, "Command")}>Copy command</button>`}
          <button type="button" onClick=${() => copy(`portweave logs -f ${name}`, "Command")}>Copy logs command</button>
        <//></div>
      </td>
    </tr>
    ${row.lastError &&
    row.state !== "completed" &&
    html`<tr class="last-error">
      <td colspan="8">
        <button type="button" class="error-line" title="Show the log" onClick=${() => show("logs", name)}>
          <span class="sr">Last error of ${name}: </span>${row.lastError}
        </button>
      </td>
    </tr>`}`;
}

function Scale({ worktree, row }) {
  const [count, setCount] = useState("");
  if (row.instance > 1) return null;
  const apply = (event) => {
    event.preventDefault();
    const number = Number(count);
    if (count === "" || !Number.isInteger(number) || number < 0) return;
    event.target.closest("details").open = false;
    act(
      `${worktree.id} ${row.name}`,
      "Scaling …",
      "/api/v1/scale",
      { worktree: worktree.id, service: row.name, count: number },
      `${row.name} has ${plural(number, "instance")}`,
    );
  };
  return html`<form class="scale" onSubmit=${apply}>
    <label>
      Instances
      <input
        type="number"
        min="0"
        max="100"
        value=${count}
        onInput=${(event) => setCount(event.target.value)}
      />
    </label>
    <button type="submit">Scale</button>
  </form>`;
}
