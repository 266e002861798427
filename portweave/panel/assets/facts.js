// Facts about worktrees from git, the disk and GitHub.

import { read } from "./api.js";
import { publish } from "./topics.js";

const FACTS_KEPT_MS = 60000;
const MOST_FACTS_AT_ONCE = 2;

// By the id of the worktree.
export const facts = new Map();

const factsWaiting = new Map();
const factsQueue = [];
let factsAsked = 0;

/** Load facts about a worktree from git, the disk and GitHub; GitHub's arrive later. */
export function loadFacts(id, again = false) {
  if (factsWaiting.has(id)) return factsWaiting.get(id);
  const before = facts.get(id);
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
    facts.set(id, { ...found, at: Date.now() });
    publish(`facts ${id}`);
    return found.isWhole;
  };
  try {
    if (!(await ask(again ? { refresh: "1" } : {}))) await ask({ whole: "1" });
  } catch {
    facts.set(id, { ...facts.get(id), at: Date.now() });
    publish(`facts ${id}`);
  }
}
