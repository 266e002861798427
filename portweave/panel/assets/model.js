// What is shown of worktrees and services, decided without the page.

import { instanceOf } from "./format.js";
import { IDLE, STATES, TROUBLE, isRecent, isTrouble, isUp } from "./states.js";
import { state, worktrees } from "./store.js";

export function titleOf(worktree) {
  return worktree.branch || worktree.namespace;
}

/** The rows of a worktree: trouble first; without a stack in the order of the definition. */
export function rowsOf(worktree) {
  const stack = state.stacks.get(worktree.id);
  if (!stack || !stack.isKnown) return idleRows(worktree);
  const bad = TROUBLE.flatMap((name) => stack.services.filter((row) => row.state === name));
  const held = stack.services.filter((row) => !isTrouble(row) && isRecent(row));
  return [...bad, ...held, ...stack.services.filter((row) => !isTrouble(row) && !isRecent(row))];
}

function idleRows(worktree) {
  return worktree.services.map((one) => ({
    name: one.name,
    instance: 1,
    fullName: `${one.name}-${worktree.namespace}`,
    state: IDLE,
    port: one.port,
    command: one.command,
  }));
}

/** The links of a service that runs: its name first. A service that speaks no HTTP has none. */
export function linksOf(row, known) {
  if (!isUp(row)) return [];
  const named = (known && known.links) || [];
  const own = row.url ? [{ url: row.url, envVar: "" }] : [];
  const rest = row.url ? named.filter((link) => link.envVar) : named;
  const found = [...own, ...rest].filter((link) => /^https?:/i.test(link.url));
  return [...new Map(found.map((link) => [link.url, link])).values()];
}

export function hostOf(url) {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

// So long after it a bad end counts as trouble.
const BAD_END_MS = 86400000;

/** Whether the last stack of an idle worktree ended badly a short while ago. */
export function endedBadly(worktree) {
  const end = worktree.lastEnd;
  return Boolean(end?.isBad) && !state.stacks.has(worktree.id) && Date.now() - Date.parse(end.at) < BAD_END_MS;
}

/** Whether a worktree is in trouble: a service of it, its supervisor, or the end of its last stack. */
export function troubleOf(worktree) {
  const stack = state.stacks.get(worktree.id);
  if (!stack) return endedBadly(worktree);
  return Boolean(stack.problem) || stack.services.some(isTrouble);
}

/** How many services are in trouble; a stack without an answer, or that ended badly, counts as one. */
export function troubleCount() {
  let count = worktrees().filter(endedBadly).length;
  for (const stack of state.stacks.values()) {
    count += stack.problem ? 1 : stack.services.filter(isTrouble).length;
  }
  return count;
}

function rank(worktree) {
  const stack = state.stacks.get(worktree.id);
  if (troubleOf(worktree) || stack?.services.some(isRecent)) return 0;
  return stack ? 1 : 2;
}

/** Projects with their worktrees and rows that fit a search and a filter, trouble first. */
export function found(sought, filter) {
  const words = sought.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const projects = [];
  for (const project of state.projects || []) {
    const stacks = [];
    for (const worktree of project.worktrees) {
      const about = [project.name, worktree.namespace, worktree.branch, worktree.worktreeRoot].join(" ").toLowerCase();
      const left = words.filter((word) => !about.includes(word));
      const all = rowsOf(worktree);
      const rows = all.filter((row) => fitsFilter(row, filter) && fitsWords(row, left));
      const isEmpty = !rows.length && (left.length || filter || all.length);
      const isBadStack = filter === "trouble" && troubleOf(worktree) && !left.length;
      if (isEmpty && !isBadStack) continue;
      stacks.push({ worktree, rows, isPart: rows.length < all.length });
    }
    stacks.sort((one, other) => rank(one.worktree) - rank(other.worktree));
    if (stacks.length) projects.push({ project, stacks });
  }
  const best = (one) => Math.min(...one.stacks.map((stack) => rank(stack.worktree)));
  return projects.sort((one, other) => best(one) - best(other));
}

function fitsFilter(row, filter) {
  if (!filter) return true;
  return filter === "trouble" ? isTrouble(row) : row.state === filter;
}

function fitsWords(row, words) {
  if (!words.length) return true;
  const text = [instanceOf(row), row.port, row.state, row.reason, row.lastError, row.url].filter(Boolean).join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

/** How many of all services are in each state, in the order of the filters. */
export function countAll() {
  return countStates((state.projects || []).flatMap((project) => project.worktrees.flatMap(rowsOf)));
}

/** How many rows are in each state, trouble first. */
export function countStates(rows) {
  const counts = new Map();
  for (const row of rows) counts.set(row.state, (counts.get(row.state) || 0) + 1);
  return STATES.filter((name) => counts.has(name)).map((name) => [name, counts.get(name)]);
}
