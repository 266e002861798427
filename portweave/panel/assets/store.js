// The state of the page: worktrees as listed, stacks from the event stream, and what the user has
// expanded. A component subscribes to the topics that it shows, so an event of one stack redraws
// only that stack.

import { useEffect, useState } from "./vendor/htm-preact.js";
import { read, send } from "./api.js";

const MOST_SAMPLES = 150;
const MOST_REMEMBERED = 500;
const HIDDEN_MS = 30000;
const FACTS_KEPT_MS = 60000;
const MOST_FACTS_AT_ONCE = 2;
// With at most this many running stacks, they are expanded at first.
const MOST_OPENED = 6;

export const state = {
  projects: null,
  launch: {},
  stacks: new Map(),
  connection: "connecting",
  problem: "",
  facts: new Map(),
  toasts: [],
  busy: new Map(),
};

const listeners = new Map();
const versions = new Map();

function versionOf(topics) {
  return topics.reduce((sum, topic) => sum + (versions.get(topic) || 0), 0);
}

function publish(topic) {
  versions.set(topic, (versions.get(topic) || 0) + 1);
  for (const listener of listeners.get(topic) || []) listener();
}

export function useTopic(...topics) {
  const [, draw] = useState(0);
  const drawn = versionOf(topics);
  useEffect(() => {
    const listener = () => draw((count) => count + 1);
    for (const topic of topics) {
      if (!listeners.has(topic)) listeners.set(topic, new Set());
      listeners.get(topic).add(listener);
    }
    // An event came between drawing and subscribing, as happens in a hidden tab.
    if (versionOf(topics) !== drawn) listener();
    return () => {
      for (const topic of topics) {
        listeners.get(topic).delete(listener);
        if (!listeners.get(topic).size) listeners.delete(topic);
      }
    };
  }, topics);
}

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

const factsWaiting = new Map();
const factsQueue = [];
let factsAsked = 0;

/** Load facts about a worktree from git, the disk and GitHub; GitHub's arrive later. */
export function loadFacts(id, again = false) {
  if (factsWaiting.has(id)) return factsWaiting.get(id);
  const before = state.facts.get(id);
  if (before && !again && Date.now() - before.at < FACTS_KEPT_MS) return Promise.resolve();
  const done = inTurn(() => askFacts(id, again)).finally(() => factsWaiting.delete(id));
  factsWaiting.set(id, done);
  return done;
}

// A browser opens six connections to a server; this leaves some for the user's actions.
async function inTurn(ask) {
  if (factsAsked >= MOST_FACTS_AT_ONCE) await new Promise((go) => factsQueue.push(go));
  else factsAsked++;
  try {
    await ask();
  } finally {
    const next = factsQueue.shift();
    if (next) next();
    else factsAsked--;
  }
}

async function askFacts(id, again) {
  const ask = async (more) => {
    const found = await read(`/api/v1/facts?${new URLSearchParams({ worktree: id, ...more })}`);
    state.facts.set(id, { ...found, at: Date.now() });
    publish(`facts ${id}`);
    return found.isWhole;
  };
  try {
    if (!(await ask(again ? { refresh: "1" } : {}))) await ask({ whole: "1" });
  } catch {
    state.facts.set(id, { ...state.facts.get(id), at: Date.now() });
    publish(`facts ${id}`);
  }
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

let stream = null;
let shown = "";
let isShowing = false;

/** Tell the panel what is expanded here, one request at a time; the last one wins. */
async function showOpen() {
  while (stream && !isShowing) {
    const asked = stream;
    const open = worktrees().map((one) => one.id).filter(isOpen);
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

function merge(found) {
  const before = state.stacks.get(found.id);
  const samples = new Map((before ? before.services : []).map((row) => [row.fullName, row.samples]));
  for (const row of found.services) {
    const kept = samples.get(row.fullName) || [];
    const last = kept.length ? kept[kept.length - 1][0] : 0;
    const fresh = row.samples.filter((sample) => sample[0] > last);
    row.samples = fresh.length ? [...kept, ...fresh].slice(-MOST_SAMPLES) : kept;
  }
  state.stacks.set(found.id, found);
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
    for (const id of new Set([...before, ...ids])) publish(`stack ${id}`);
    publish("stacks");
    publish("open");
    showOpen();
  });
  source.addEventListener("stack", (event) => {
    const found = JSON.parse(event.data);
    const isNew = !state.stacks.has(found.id);
    merge(found);
    publish(`stack ${found.id}`);
    publish("stacks");
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
    showOpen();
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

// Actions of the user

let lastToast = 0;

export function toast(text, tone = "info") {
  const id = ++lastToast;
  state.toasts = [...state.toasts.slice(-3), { id, text, tone }];
  publish("toasts");
  setTimeout(() => dismiss(id), tone === "bad" ? 15000 : 5000);
}

export function dismiss(id) {
  state.toasts = state.toasts.filter((one) => one.id !== id);
  publish("toasts");
}

// The last pending action by key.
const asked = new Map();

/**
 * Run an action, show its progress under `key`, and show its result.
 *
 * A new action waits for the pending one of the same key; with `atOnce` it runs beside it. A
 * pending action is not started twice.
 */
export async function act(key, label, path, body, done, { atOnce = false } = {}) {
  const before = asked.get(key);
  if (before && before.label === label) return false;
  const mine = { label };
  asked.set(key, mine);
  state.busy.set(key, label);
  publish(`busy ${key}`);
  const others = before ? before.ended : null;
  const own = (async () => {
    if (!atOnce) await others;
    return perform(path, body, done);
  })();
  mine.ended = Promise.all([others, own]);
  await mine.ended;
  if (asked.get(key) === mine) {
    asked.delete(key);
    state.busy.delete(key);
    publish(`busy ${key}`);
  }
  return own;
}

async function perform(path, body, done) {
  try {
    const answer = await send(path, body);
    if (done) toast(typeof done === "function" ? done(answer) : done);
    return true;
  } catch (error) {
    toast(error.message, "bad");
    return false;
  }
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast(`the browser refused to copy: ${text}`, "bad");
  }
}
