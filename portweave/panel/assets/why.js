// The explanation of a service's state.

import { html, useState } from "./vendor/htm-preact.js";
import { since } from "./format.js";
import { useLoaded } from "./loaded.js";
import { toneOf } from "./states.js";
import { Skeleton } from "./widgets.js";

export function Why({ worktree, service, state }) {
  const [asked, setAsked] = useState(0);
  const [found, problem] = useLoaded(`/api/v1/why?${new URLSearchParams({ worktree, service })}`, asked, state);
  if (problem) return html`<p class="problem">${problem}</p>`;
  if (!found) return html`<div class="card" aria-busy="true"><${Skeleton} lines=${4} /></div>`;
  const cause = found.cause || {};
  const chain = found.chain || [];
  const lines = found.lastLines || [];
  return html`<section class="card prose" aria-label="Why">
    <p><strong>${found.name}</strong> is <strong>${found.state}</strong>.</p>
    ${chain.length > 1 && html`<p>It waits for ${chain.slice(1).join(", which waits for ")}.</p>`}
    <p class=${cause.kind === "none" ? "note" : `problem ${toneOf(found.state)}`}>
      ${cause.kind && cause.kind !== "none" && html`<strong>${cause.kind}: </strong>`}${cause.text}
    </p>
    ${cause.place && html`<p>At <code>${cause.place}</code></p>`}
    ${cause.hint && html`<p class="hint">${cause.hint}</p>`}
    ${lines.length > 0 && html`<h2>Last lines</h2><pre>${lines.join("\n")}</pre>`}
    <${Changes} found=${found} />
    <p><button type="button" onClick=${() => setAsked(asked + 1)}>Refresh</button></p>
  </section>`;
}

/** What differs from the last good run. */
export function Changes({ found }) {
  if (!found.lastGoodAt) return null;
  const changes = found.differences || [];
  return html`<h2>Changes since it was last ready, ${since(found.lastGoodAt)} ago</h2>
    ${changes.length
      ? html`<ul>${changes.map((text) => html`<li key=${text}>${text}</li>`)}</ul>`
      : html`<p class="note">portweave knows of no change.</p>`}`;
}
