// What the user does: requests with their progress, messages, copies.

import { send } from "./api.js";
import { publish } from "./topics.js";

export const toasts = { shown: [] };
// The pending action by key.
export const busy = new Map();

let lastToast = 0;

export function toast(text, tone = "info") {
  const id = ++lastToast;
  toasts.shown = [...toasts.shown.slice(-3), { id, text, tone }];
  publish("toasts");
  setTimeout(() => dismiss(id), tone === "bad" ? 15000 : 5000);
}

export function dismiss(id) {
  toasts.shown = toasts.shown.filter((one) => one.id !== id);
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
  busy.set(key, label);
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
    busy.delete(key);
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
