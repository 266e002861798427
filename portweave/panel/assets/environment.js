// The environment of a service.

import { html, useState } from "./vendor/htm-preact.js";
import { copy, toast } from "./actions.js";
import { send } from "./api.js";
import { useLoaded } from "./loaded.js";
import { Skeleton } from "./widgets.js";

export function Environment({ worktree, service }) {
  const [found, problem] = useLoaded(`/api/v1/environment?${new URLSearchParams({ worktree, service })}`);
  const [sought, setSought] = useState("");
  // Revealed secret values; leaving the view forgets them.
  const [revealed, setRevealed] = useState({});
  if (problem) return html`<p class="problem">${problem}</p>`;
  if (!found) return html`<div class="card" aria-busy="true"><${Skeleton} lines=${8} /></div>`;
  const values = { ...found.environment, ...revealed };
  const hidden = new Set(found.hidden.filter((name) => !(name in revealed)));
  const names = Object.keys(values).filter((name) => name.toLowerCase().includes(sought.toLowerCase()));
  const reveal = async (name) => {
    try {
      const { value } = await send("/api/v1/reveal", { worktree, service, name });
      setRevealed((before) => ({ ...before, [name]: value }));
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  const hide = (name) => setRevealed(({ [name]: _, ...others }) => others);
  return html`<section class="card" aria-label="Environment">
    <p class="note">In ${found.workingDir}. Values that look secret are hidden; a click on a name copies the variable.</p>
    <label class="search">
      <span class="sr">Search variables</span>
      <input type="search" placeholder="Search variables …" value=${sought} onInput=${(event) => setSought(event.target.value)} />
    </label>
    ${names.length === 0
      ? html`<p class="note">No variable matches.</p>`
      : html`<table class="variables">
          <caption class="sr">Variables</caption>
          <thead class="sr"><tr><th scope="col">Name</th><th scope="col">Value</th></tr></thead>
          <tbody>
            ${names.map(
              (name) => html`<tr key=${name}>
                <th scope="row"><button type="button" class="text" title="Copy" onClick=${() => copy(`${name}=${values[name]}`, name)}>${name}</button></th>
                <td>
                  <span class=${hidden.has(name) ? "hidden-value" : ""}>${values[name] === "***" ? "hidden" : values[name]}</span>
                  ${found.canReveal &&
                  hidden.has(name) &&
                  html`<button type="button" class="text" onClick=${() => reveal(name)}>Show<span class="sr"> ${name}</span></button>`}
                  ${name in revealed &&
                  html`<button type="button" class="text" onClick=${() => hide(name)}>Hide<span class="sr"> ${name}</span></button>`}
                </td>
              </tr>`,
            )}
          </tbody>
        </table>`}
  </section>`;
}
