// The state of the page: worktrees as listed, stacks from the event stream, and what the user has
// expanded.

import { read, send } from "./api.js";
import { HELD_MS, isTrouble } from "./states.js";
import { publish } from "./topics.js";

// The plots in the list show this many; the page of a service keeps its own.
const MOST_SAMPLES = 60;
const MOST_REMEMBERED = 500;
const HIDDEN_MS = 30000;
// With at most this many running stacks, they are expanded at first.
const MOST_OPENED = 6;

export const state = {
  projects: null,
  launch: {},
  stacks: new Map(),
  // Whether the first list of stacks has arrived.
  hasStacks: false,
  connection: "connecting",
  problem: "",
};

// Worktrees

let isLoading = false;
let isStale = false;

// One request at a time: otherwise an old list could arrive last and replace the newer one.
export async function loadWorktrees() {
  isStale = true;
  if (isLoading) return;
  isLoading = true;
  while (isStale) {
    isStale = false;
    try {
      const found = await read("/api/v1/worktrees");
      state.projects = found.projects;
      state.launch = found.launch;
      state.problem = "";
    } catch (error) {
      state.problem = error.message;
    }
    publish("worktrees");
    showOpen();
  }
  isLoading = false;
}

// Expanded worktrees

const OPEN_KEY = "portweave.open";
const seen = new Map();
const chosen = new Map(Object.entries(remembered()));

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(OPEN_KEY)) || {};
  } catch {
    return {};
  }
}

function remember() {
  const kept = [...chosen].slice(-MOST_REMEMBERED);
  try {
    localStorage.setItem(OPEN_KEY, JSON.stringify(Object.fromEntries(kept)));
  } catch {
    // Without storage the page forgets it on reload.
  }
}

export function worktrees() {
  return (state.projects || []).flatMap((project) => project.worktrees);
}

export function isOpen(key) {
  if (chosen.has(key)) return chosen.get(key);
  if (key.startsWith("project ")) return true;
  // A stack that ends while it is expanded stays expanded, so that its end is visible.
  if (state.stacks.has(key) && !seen.has(key)) seen.set(key, state.stacks.size <= MOST_OPENED);
  return seen.get(key) || false;
}

export function setOpen(keys, open) {
  for (const key of keys) {
    chosen.delete(key);
    chosen.set(key, open);
  }
  remember();
  publish("open");
  showOpen();
}

// The worktree that the user looks at on a page of its own; its usage is asked more often.
let watched = "";

export function watchWorktree(id) {
  if (watched === id) return;
  watched = id;
  showOpen();
}

let stream = null;
let shown = "";
let isShowing = false;

/** Tell the panel what is expanded here, one request at a time; the last one wins. */
async function showOpen() {
  while (stream && !isShowing) {
    const asked = stream;
    const open = worktrees().map((one) => one.id).filter((id) => id === watched || isOpen(id));
    const text = JSON.stringify([asked, open]);
    if (text === shown) return;
    isShowing = true;
    try {
      await send("/api/v1/open", { stream: asked, worktrees: open });
      shown = text;
    } catch {
      // The next stream sends it again.
      if (stream === asked) return;
    } finally {
      isShowing = false;
    }
  }
}

// Stacks, live

const OF_STATES = ["fullName", "state", "reason", "lastError", "url", "port"];

function statesOf(stack) {
  return stack ? JSON.stringify([stack.problem, stack.isKnown, stack.services.map((row) => OF_STATES.map((name) => row[name]))]) : "";
}

/** Keep a stack; return whether a state has changed, and not only the usage. */
function merge(found) {
  const before = state.stacks.get(found.id);
  const known = new Map((before ? before.services : []).map((row) => [row.fullName, row]));
  for (const row of found.services) {
    const old = known.get(row.fullName);
    const kept = old?.samples || [];
    row.badAt = isTrouble(row) ? Date.now() : old?.badAt;
    if (old && isTrouble(old) && !isTrouble(row)) drawLater();
    const last = kept.length ? kept[kept.length - 1][0] : 0;
    const fresh = row.samples.filter((sample) => sample[0] > last);
    row.samples = fresh.length ? [...kept, ...fresh].slice(-MOST_SAMPLES) : kept;
  }
  state.stacks.set(found.id, found);
  return statesOf(before) !== statesOf(found);
}

let redrawTimer = 0;

/** Draw the list again when no row keeps its place any more. */
function drawLater() {
  clearTimeout(redrawTimer);
  redrawTimer = setTimeout(() => {
    for (const id of state.stacks.keys()) publish(`stack ${id}`);
    publish("states");
  }, HELD_MS + 50);
}

let source = null;

function connect() {
  source = new EventSource("/api/v1/stream");
  source.addEventListener("hello", (event) => {
    stream = JSON.parse(event.data).stream;
    setConnection("live");
    loadWorktrees();
  });
  source.addEventListener("stacks", (event) => {
    const found = JSON.parse(event.data).stacks;
    const ids = new Set(found.map((one) => one.id));
    const before = [...state.stacks.keys()];
    for (const id of before) if (!ids.has(id)) state.stacks.delete(id);
    found.forEach(merge);
    state.hasStacks = true;
    for (const id of new Set([...before, ...ids])) publish(`stack ${id}`);
    publish("stacks");
    publish("states");
    publish("open");
    showOpen();
  });
  source.addEventListener("stack", (event) => {
    const found = JSON.parse(event.data);
    const isNew = !state.stacks.has(found.id);
    const isOther = merge(found);
    publish(`stack ${found.id}`);
    publish("stacks");
    if (isOther) publish("states");
    if (isNew) {
      publish("open");
      showOpen();
      if (!worktrees().some((one) => one.id === found.id)) loadWorktrees();
    }
  });
  source.addEventListener("gone", (event) => {
    const { id } = JSON.parse(event.data);
    state.stacks.delete(id);
    publish(`stack ${id}`);
    publish("stacks");
    publish("states");
    showOpen();
    // How it ended is in the list.
    loadWorktrees();
  });
  source.addEventListener("worktrees", loadWorktrees);
  source.addEventListener("error", () => {
    stream = null;
    setConnection("lost");
    if (source && source.readyState === EventSource.CLOSED) {
      // The server refused the stream, for example another panel on this port.
      source = null;
      setTimeout(() => source || document.hidden || connect(), 3000);
    }
  });
}

function setConnection(name) {
  if (state.connection === name) return;
  state.connection = name;
  publish("connection");
}

export function start() {
  connect();
  // A browser opens six connections to a server; a hidden page closes its own.
  let timer = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(() => {
        if (source) source.close();
        source = null;
        stream = null;
      }, HIDDEN_MS);
    } else if (!source) {
      connect();
    }
  });
}
