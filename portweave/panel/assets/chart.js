// A chart of the usage of a service, with restarts, and the value under the pointer.

import { html, useState } from "./vendor/htm-preact.js";
import { clock } from "./format.js";

const WIDTH = 600;
const HEIGHT = 120;
// Without a sample for so long the line has a gap.
const GAP_S = 30;

/**
 * A chart.
 *
 * `samples` are arrays that begin with the time in seconds, oldest first; `column` is the index of
 * the value. `starts` are the times of starts in seconds. It shows the last `span` seconds; `least`
 * is the smallest value at its top edge.
 */
export function Chart({ label, samples, column, least, format, starts, span }) {
  const [at, setAt] = useState(null);
  if (samples.length < 2) return html`<p class="note chart-empty">No samples yet. They begin now.</p>`;
  const end = Math.max(Date.now() / 1000, samples[samples.length - 1][0]);
  const begin = end - span;
  const shown = samples.filter((sample) => sample[0] >= begin);
  if (!shown.length) return html`<p class="note chart-empty">No sample in the last 15 minutes.</p>`;
  const isNow = end - shown[shown.length - 1][0] <= GAP_S;
  const values = shown.map((sample) => sample[column]);
  const most = Math.max(least, ...values) * 1.1;
  const x = (time) => ((time - begin) / span) * WIDTH;
  const y = (value) => HEIGHT - (value / most) * HEIGHT;
  const chosen = at === null ? null : shown[Math.min(at, shown.length - 1)];
  const point = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const time = begin + ((event.clientX - box.left) / box.width) * span;
    setAt(nearest(shown, time));
  };
  const press = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    setAt((before) => Math.max(0, Math.min(shown.length - 1, (before ?? shown.length - 1) + step)));
  };
  const last = values[values.length - 1];
  const marks = starts.filter((time) => time >= begin && time <= end);
  const newest = shown[shown.length - 1];
  const range = `${format(Math.min(...values))} to ${format(Math.max(...values))}`;
  const when = isNow ? "now" : `at ${clock(newest[0] * 1000)}`;
  const summary = `${label}: ${format(last)} ${when}, ${range}${marks.length ? `, ${marks.length} starts` : ""}`;
  return html`<p class="chart-value"><strong>${format(chosen ? chosen[column] : last)}</strong>
      <span class="muted">${chosen || !isNow ? `at ${clock((chosen || newest)[0] * 1000)}` : "now"}${chosen ? "" : `, at most ${format(Math.max(...values))}`}</span></p>
    <svg
      class="chart"
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      preserveAspectRatio="none"
      role="img"
      aria-label=${summary}
      tabindex="0"
      onPointerMove=${point}
      onPointerLeave=${() => setAt(null)}
      onBlur=${() => setAt(null)}
      onKeyDown=${press}
    >
      <path class="grid" d="M0 ${HEIGHT / 2}H${WIDTH}" />
      ${pieces(shown).map((piece) => {
        const points = piece.map((sample) => `${x(sample[0]).toFixed(1)},${y(sample[column]).toFixed(1)}`).join(" ");
        const [first, final] = [x(piece[0][0]).toFixed(1), x(piece[piece.length - 1][0]).toFixed(1)];
        return html`<g key=${piece[0][0]}><polygon points="${first},${HEIGHT} ${points} ${final},${HEIGHT}" /><polyline points=${points} /></g>`;
      })}
      ${marks.map((time) => html`<path key=${time} class="restart" d="M${x(time).toFixed(1)} 0V${HEIGHT}"><title>started at ${clock(time * 1000)}</title></path>`)}
      ${chosen && html`<path class="cursor" d="M${x(chosen[0]).toFixed(1)} 0V${HEIGHT}" />`}
    </svg>
    <p class="chart-scale muted"><span>15 minutes ago</span>${marks.length > 0 && html`<span class="restart-key">start</span>`}<span>now</span></p>`;
}

function nearest(samples, time) {
  let best = 0;
  for (let at = 1; at < samples.length; at++) {
    if (Math.abs(samples[at][0] - time) < Math.abs(samples[best][0] - time)) best = at;
  }
  return best;
}

function pieces(samples) {
  const found = [];
  for (const sample of samples) {
    const piece = found[found.length - 1];
    if (piece && sample[0] - piece[piece.length - 1][0] <= GAP_S) piece.push(sample);
    else found.push([sample]);
  }
  return found;
}
