// The side view: logs, an environment, or the explanation of a service's state.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { read, send } from "./api.js";
import { since } from "./format.js";
import { Logs } from "./logs.js";
import { copy, state, toast, useTopic } from "./store.js";

const TABS = [
  ["logs", "Logs"],
  ["why", "Why"],
  ["environment", "Environment"],
];

export function Drawer({ shown, show, close }) {
  const { view, worktree, service } = shown;
  useTopic(`stack ${worktree}`, "worktrees");
  const heading = useRef(null);
  useLayoutEffect(() => heading.current.focus(), [view, worktree, service]);
  const isLive = state.stacks.has(worktree);
  return html`<aside class="drawer" aria-labelledby="drawer-title">
    <header>
      <h2 id="drawer-title" tabindex="-1" ref=${heading}>
        ${service || "All services"} <small>${nameOf(worktree)}</small>
      </h2>
      <button type="button" class="close" aria-label="Close" onClick=${close}>×</button>
    </header>
    ${service &&
    html`<nav class="tabs" aria-label="Views of the service">
      ${TABS.map(
        ([name, label]) => html`<button
          type="button"
          key=${name}
          aria-current=${name === view ? "page" : undefined}
          onClick=${() => show({ view: name, worktree, service })}
        >
          ${label}
        </button>`,
      )}
    </nav>`}
    ${view === "logs"
      ? html`<${Logs} key=${`${worktree} ${service}`} worktree=${worktree} service=${service} />`
      : isLive
        ? html`<${Told} key=${`${view} ${worktree} ${service}`} view=${view} worktree=${worktree} service=${service} />`
        : html`<p class="note">The stack is not running. Its logs are kept.</p>`}
  </aside>`;
}

function nameOf(id) {
  const projects = state.projects || [];
  const project = projects.find((one) => one.worktrees.some((worktree) => worktree.id === id));
  const known = project?.worktrees.find((worktree) => worktree.id === id);
  return known ? `${project.name} ${known.namespace}` : "";
}

function Told({ view, worktree, service }) {
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState("");
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    let isOver = false;
    const query = new URLSearchParams({ worktree, service });
    read(`/api/v1/${view}?${query}`).then(
      (value) => {
        if (!isOver) setFound(value);
        if (!isOver) setProblem("");
      },
      (error) => isOver || setProblem(error.message),
    );
    return () => {
      isOver = true;
    };
  }, [asked]);
  if (problem) return html`<p class="problem">${problem}</p>`;
  if (!found) return html`<p class="note">Loading …</p>`;
  const Part = view === "why" ? Why : Environment;
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${view === "why" ? "Why" : "Environment"}>
    <${Part} found=${found} shown=${{ worktree, service }} again=${() => setAsked(asked + 1)} />
  </div>`;
}

function Why({ found, again }) {
  const cause = found.cause || {};
  const chain = found.chain || [];
  const lines = found.lastLines || [];
  const changes = found.differences || [];
  return html`<p><strong>${found.name}</strong> is <strong>${found.state}</strong>.</p>
    ${chain.length > 1 && html`<p>It waits for ${chain.slice(1).join(", which waits for ")}.</p>`}
    <p class=${cause.kind === "none" ? "note" : "problem"}>
      ${cause.kind && cause.kind !== "none" && html`<strong>${cause.kind}: </strong>`}${cause.text}
    </p>
    ${cause.hint && html`<p class="hint">${cause.hint}</p>`}
    ${lines.length > 0 &&
    html`<h3>Last lines</h3>
      <pre>${lines.join("\n")}</pre>`}
    ${found.lastGoodAt &&
    html`<h3>Changes since it was last ready, ${since(found.lastGoodAt)} ago</h3>
      ${changes.length
        ? html`<ul>${changes.map((text) => html`<li key=${text}>${text}</li>`)}</ul>`
        : html`<p class="note">portweave knows of no change.</p>`}`}
    <p><button type="button" onClick=${again}>Refresh</button></p>`;
}

function Environment({ found, shown }) {
  const [sought, setSought] = useState("");
  // Revealed secret values; closing the view forgets them.
  const [revealed, setRevealed] = useState({});
  const values = { ...found.environment, ...revealed };
  const hidden = new Set(found.hidden.filter((name) => !(name in revealed)));
  const names = Object.keys(values).filter((name) => name.toLowerCase().includes(sought.toLowerCase()));
  const reveal = async (name) => {
    try {
      const { worktree, service } = shown;
      const { value } = await send("/api/v1/reveal", { worktree, service, name });
      setRevealed((before) => ({ ...before, [name]: value }));
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  const hide = (name) => setRevealed(({ [name]: _, ...others }) => others);
  return html`<p class="note">In ${found.workingDir}. Values that look secret are hidden; click a name to copy the variable.</p>
    <p>
      <label>
        <span class="sr">Search variables</span>
        <input type="search" placeholder="Search variables …" value=${sought} onInput=${(event) => setSought(event.target.value)} />
      </label>
    </p>
    ${names.length === 0
      ? html`<p class="note">No variable matches.</p>`
      : html`<table class="variables">
          <caption class="sr">Variables</caption>
          <thead class="sr"><tr><th scope="col">Name</th><th scope="col">Value</th></tr></thead>
          <tbody>
            ${names.map(
              (name) => html`<tr key=${name}>
                <th scope="row"><button type="button" title="Copy" onClick=${() => copy(`${name}=${values[name]}`, name)}>${name}</button></th>
                <td>
                  <span class=${hidden.has(name) ? "hidden-value" : ""}>${values[name] === "***" ? "hidden" : values[name]}</span>
                  ${found.canReveal &&
                  hidden.has(name) &&
                  html`<button type="button" class="small" aria-label=${`Show ${name}`} onClick=${() => reveal(name)}>Show</button>`}
                  ${name in revealed &&
                  html`<button type="button" class="small" aria-label=${`Hide ${name}`} onClick=${() => hide(name)}>Hide</button>`}
                </td>
              </tr>`,
            )}
          </tbody>
        </table>`}`;
}
