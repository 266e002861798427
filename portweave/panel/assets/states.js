// The states of services, and what they mean for the page.

// The worst first; what is blocked only follows from another one.
export const TROUBLE = ["failed", "unhealthy", "backoff", "blocked"];
export const IDLE = "not running";
// The order of the filters.
export const STATES = [...TROUBLE, "starting", "waiting", "stopping", "ready", "completed", "exited", "stopped", IDLE];
const UP = new Set(["ready", "unhealthy", "starting", "waiting", "backoff", "stopping"]);
// A row that was in trouble keeps its place so long, and does not move away below the pointer.
export const HELD_MS = 20000;

export function isTrouble(row) {
  return TROUBLE.includes(row.state);
}

export function isUp(row) {
  return UP.has(row.state);
}

/** Whether a row has left its trouble a short while ago. */
export function isRecent(row) {
  return Boolean(row.badAt) && Date.now() - row.badAt < HELD_MS;
}

// The tone of each state.
const TONES = {
  ready: "good",
  completed: "done",
  waiting: "busy",
  starting: "busy",
  stopping: "busy",
  backoff: "warn",
  unhealthy: "warn",
  failed: "bad",
  // It only follows from another one.
  blocked: "held",
  exited: "idle",
  stopped: "idle",
};

export function toneOf(state) {
  return TONES[state] || "idle";
}
