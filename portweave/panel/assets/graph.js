// The graph of a stack: what waits for what, with live states.

import { html } from "./vendor/htm-preact.js";
import { go, serviceAddress } from "./router.js";
import { isTrouble, toneOf } from "./states.js";

const WIDTH = 168;
const HEIGHT = 46;
const GAP_X = 92;
const GAP_Y = 20;
// The room of a line that passes a column.
const PASS_HEIGHT = 10;
const EDGE = 12;

export function Graph({ worktree, rows }) {
  if (!worktree.services.length) return html`<p class="note">No services.</p>`;
  const { nodes, edges, width, height } = layout(worktree.services);
  const stateOf = (name) => {
    const all = rows.filter((row) => row.name === name);
    return { state: (all.find(isTrouble) || all[0])?.state || "not running", count: all.length };
  };
  const follow = (event, name) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(serviceAddress(worktree, name));
  };
  return html`<div class="graph" tabindex="0" role="group" aria-label="Graph of the services: each waits for those to its left">
    <svg width=${width} height=${height} viewBox="0 0 ${width} ${height}">
      ${edges.map(
        (edge) => html`<g key=${`${edge.from} ${edge.to}`} class="edge">
          <path d=${edge.path} class=${toneOf(stateOf(edge.from).state)} />
          ${edge.condition !== "ready" && html`<text x=${edge.middle[0]} y=${edge.middle[1] - 5}>${edge.condition}</text>`}
        </g>`,
      )}
      ${nodes.map(({ service, x, y }) => {
        const { state, count } = stateOf(service.name);
        const waits = service.needs.map((need) => need.name).join(", ");
        return html`<a
          key=${service.name}
          href=${serviceAddress(worktree, service.name)}
          data-row
          data-key=${`${worktree.id} ${service.name}`}
          onClick=${(event) => follow(event, service.name)}
        >
          <g class="node ${toneOf(state)}" transform="translate(${x} ${y})">
            <rect width=${WIDTH} height=${HEIGHT} rx="8" />
            <circle cx="16" cy="17" r="4.5" />
            <text x="28" y="21" class="node-name">${cut(service.name, 16)}</text>${" "}
            <text x="28" y="37" class="node-state">${state}${service.oneshot ? ", once" : ""}${count > 1 ? `, ${count} instances` : ""}</text>
            ${waits && html`<desc>It waits for ${waits}.</desc>`}
          </g>
        </a>`;
      })}
    </svg>
  </div>`;
}

function cut(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** Place services in columns: each to the right of all that it waits for. */
export function layout(services) {
  const byName = new Map(services.map((one) => [one.name, one]));
  const depths = new Map();
  const depth = (name, path = new Set()) => {
    if (depths.has(name)) return depths.get(name);
    if (path.has(name)) return 0;
    path.add(name);
    const needs = byName.get(name).needs.filter((need) => byName.has(need.name));
    const found = needs.length ? 1 + Math.max(...needs.map((need) => depth(need.name, path))) : 0;
    path.delete(name);
    depths.set(name, found);
    return found;
  };
  const columns = [];
  for (const service of services) (columns[depth(service.name)] ||= []).push({ name: service.name, from: service.needs.map((need) => need.name), height: HEIGHT });
  // A line that passes a column gets a place there, so that no node lies on it.
  const routes = [];
  for (const service of services) {
    for (const need of service.needs) {
      if (!byName.has(need.name)) continue;
      const route = [need.name];
      for (let at = depths.get(need.name) + 1; at < depths.get(service.name); at++) {
        const name = `${need.name} ${service.name} ${at}`;
        columns[at].push({ name, from: [route[route.length - 1]], height: PASS_HEIGHT });
        route.push(name);
      }
      routes.push({ from: need.name, to: service.name, condition: need.condition, route: [...route, service.name] });
    }
  }
  const places = new Map();
  const middleOf = (one) => {
    const known = one.from.map((name) => places.get(name)).filter(Boolean);
    return known.length ? known.reduce((sum, place) => sum + place.y, 0) / known.length : 0;
  };
  let height = 0;
  columns.forEach((column, at) => {
    // Beside what they wait for, so that fewer lines cross.
    if (at > 0) column.sort((one, other) => middleOf(one) - middleOf(other));
    let y = EDGE;
    for (const one of column) {
      places.set(one.name, { x: EDGE + at * (WIDTH + GAP_X), y, height: one.height });
      y += one.height + GAP_Y;
    }
    height = Math.max(height, y - GAP_Y + EDGE);
  });
  return {
    nodes: services.map((service) => ({ service, ...places.get(service.name) })),
    edges: routes.map((one) => ({ ...one, ...drawn(one.route.map((name) => places.get(name))) })),
    width: 2 * EDGE + columns.length * WIDTH + (columns.length - 1) * GAP_X,
    height,
  };
}

/** The path of a line from the right side of its first place to the left side of its last. */
function drawn(places) {
  const first = places[0];
  let [x, y] = [first.x + WIDTH, first.y + first.height / 2];
  let path = `M${x} ${y}`;
  let middle = null;
  for (const place of places.slice(1)) {
    const [nextX, nextY] = [place.x, place.y + place.height / 2];
    const bend = (nextX - x) / 2;
    middle ||= [(x + nextX) / 2, (y + nextY) / 2];
    path += `C${x + bend} ${y} ${nextX - bend} ${nextY} ${nextX} ${nextY}`;
    if (place.height === PASS_HEIGHT) path += `H${nextX + WIDTH}`;
    [x, y] = [nextX + WIDTH, nextY];
  }
  return { path: `${path}m-5 -4l5 4l-5 4`, middle };
}
