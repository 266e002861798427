// Memory by stack and by service, over all worktrees.

import { html } from "./vendor/htm-preact.js";
import { instanceOf, percent, size } from "./format.js";
import { titleOf } from "./model.js";
import { serviceAddress, stackAddress, worktreeOf } from "./router.js";
import { state } from "./store.js";
import { useTopic } from "./topics.js";

const MOST_ROWS = 50;

export function Memory() {
  useTopic("stacks", "worktrees");
  const rows = [...state.stacks.values()].flatMap((stack) =>
    stack.services.filter((row) => row.rssBytes).map((row) => ({ stack, row })),
  );
  rows.sort((a, b) => b.row.rssBytes - a.row.rssBytes);
  const stacks = [...state.stacks.values()]
    .map((stack) => ({
      stack,
      bytes: stack.services.reduce((sum, row) => sum + (row.rssBytes || 0), 0),
      cpu: stack.services.reduce((sum, row) => sum + (row.cpuPercent || 0), 0),
    }))
    .sort((a, b) => b.bytes - a.bytes);
  if (!rows.length) {
    return html`<div class="page"><h1 tabindex="-1" data-heading>Memory</h1><p class="empty">No service is running.</p></div>`;
  }
  const total = stacks.reduce((sum, one) => sum + one.bytes, 0);
  return html`<div class="page"><h1 tabindex="-1" data-heading>Memory</h1><p class="note">${size(total)} in total</p>
    <table class="memory">
      <caption>By worktree</caption>
      <thead><tr><th scope="col">Worktree</th><th scope="col">Memory</th><th scope="col" class="number">CPU</th></tr></thead>
      <tbody>
        ${stacks.map(
          ({ stack, bytes, cpu }) => html`<tr key=${stack.id}>
            <th scope="row"><${Name} stack=${stack} /></th>
            <td><${Bar} part=${bytes} most=${stacks[0].bytes} /></td>
            <td class="number">${percent(cpu)}</td>
          </tr>`,
        )}
      </tbody>
    </table>
    <table class="memory">
      <caption>By service${rows.length > MOST_ROWS ? ` (the first ${MOST_ROWS} of ${rows.length})` : ""}</caption>
      <thead><tr><th scope="col">Service</th><th scope="col">Memory</th><th scope="col" class="number">CPU</th></tr></thead>
      <tbody>
        ${rows.slice(0, MOST_ROWS).map(
          ({ stack, row }) => html`<tr key=${`${stack.id} ${row.fullName}`}>
            <th scope="row">
              <${Name} stack=${stack} service=${instanceOf(row)} />
            </th>
            <td><${Bar} part=${row.rssBytes} most=${rows[0].row.rssBytes} /></td>
            <td class="number">${percent(row.cpuPercent)}</td>
          </tr>`,
        )}
      </tbody>
    </table></div>`;
}

function Name({ stack, service }) {
  const worktree = worktreeOf(stack.id);
  const title = worktree ? titleOf(worktree) : stack.namespace;
  const where = `${stack.project} ${title}`;
  if (!worktree) return html`${service || ""} <span class="muted">${where}</span>`;
  if (!service) return html`<a href=${stackAddress(worktree)}>${title}</a> <span class="muted">${stack.project}</span>`;
  return html`<a href=${serviceAddress(worktree, service)}>${service}</a> <span class="muted">${where}</span>`;
}

function Bar({ part, most }) {
  return html`<span class="bar"><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect width=${Math.max(1, (100 * part) / most)} height="10" /></svg><span>${size(part)}</span></span>`;
}
