// The stream of a log: the last lines, then new ones. While the reader has scrolled up or paused,
// new lines are held.

import { LineMaker, columnsOf, textOf } from "./log_lines.js";

const MOST_LINES = 5000;
const FIRST_LINES = 1000;

/**
 * Show a log in an element, and follow it.
 *
 * `query` are the parameters of the request, `options` those of the lines; `tell` receives changes:
 * `{count, matches, isAll, isCleared, dropped, held, problem}`.
 */
export function follow({ query, options, element, tell }) {
  let source = null;
  let records = [];
  let waiting = [];
  let scheduled = 0;
  let isPaused = false;
  // A reader who has scrolled up is reading; the view stays there.
  let sticks = true;
  let maker = null;
  const told = { count: 0, matches: null, isAll: false, isCleared: false, dropped: 0, held: 0, problem: "" };

  const say = (changes) => tell(Object.assign(told, changes));
  const isHolding = () => told.isAll && (isPaused || !sticks);

  const remake = () => {
    maker = new LineMaker({ ...options, columns: options.json ? columnsOf(records) : null });
    element.replaceChildren();
    if (maker.columns) element.append(maker.head());
  };

  const append = (lines) => {
    const fragment = document.createDocumentFragment();
    for (const record of lines) fragment.append(...maker.elements(record));
    element.append(fragment);
    element.style.setProperty("--who", `${maker.width}ch`);
    element.style.setProperty("--columns", maker.columns ? maker.columns.length : 0);
  };

  const draw = () => {
    scheduled = 0;
    if (isHolding()) {
      say({ held: waiting.length });
      return;
    }
    const lines = waiting.slice(-MOST_LINES);
    const isFirst = !records.length;
    records = records.concat(lines);
    const excess = Math.max(0, records.length - MOST_LINES);
    const dropped = told.dropped + (waiting.length - lines.length) + excess;
    waiting = [];
    records = excess ? records.slice(excess) : records;
    if (isFirst && options.json) remake();
    append(lines);
    for (let left = excess; left > 0 && element.firstChild; ) {
      const first = element.querySelector(".line:not(.head-line)");
      while (first.previousSibling && !first.previousSibling.classList.contains("head-line")) first.previousSibling.remove();
      first.remove();
      left--;
    }
    if (sticks) element.scrollTop = element.scrollHeight;
    say({ count: records.length, dropped, held: 0 });
  };

  const scrolled = () => {
    const before = sticks;
    sticks = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
    if (sticks && !before && waiting.length) draw();
  };
  element.addEventListener("scroll", scrolled, { passive: true });

  // Lines wrap anew in another width.
  const sizes = new ResizeObserver(() => {
    if (sticks) element.scrollTop = element.scrollHeight;
  });
  sizes.observe(element);

  const schedule = () => {
    if (!scheduled) scheduled = setTimeout(draw, 50);
  };

  const open = () => {
    source = new EventSource(`/api/v1/logs?${query}&lines=${FIRST_LINES}`);
    source.addEventListener("hello", () => {
      // After a lost connection the server sends the last lines again.
      records = [];
      waiting = [];
      sticks = true;
      remake();
      say({ count: 0, matches: null, isAll: false, isCleared: false, dropped: 0, held: 0, problem: "" });
    });
    source.addEventListener("lines", (event) => {
      const lines = JSON.parse(event.data);
      for (const line of lines) waiting.push(line);
      if (told.isAll && told.matches !== null) told.matches += lines.length;
      if (waiting.length > MOST_LINES) {
        told.dropped += waiting.length - MOST_LINES;
        waiting = waiting.slice(-MOST_LINES);
      }
      schedule();
    });
    source.addEventListener("end", (event) => {
      clearTimeout(scheduled);
      draw();
      say({ isAll: true, matches: JSON.parse(event.data).matches });
    });
    source.addEventListener("error", () => {
      const isOver = source && source.readyState === EventSource.CLOSED;
      say({ problem: isOver ? "This log no longer exists." : "The panel does not answer; trying again …" });
    });
  };

  const look = () => {
    if (document.hidden) {
      // A reader who paused is reading; keep these lines.
      if (!source || isPaused) return;
      source.close();
      source = null;
    } else if (!source) {
      open();
    }
  };
  document.addEventListener("visibilitychange", look);
  remake();
  open();
  return {
    pause(paused) {
      isPaused = paused;
      if (!paused) schedule();
    },
    /** Show the held lines, and follow again. */
    jump() {
      sticks = true;
      draw();
      element.scrollTop = element.scrollHeight;
    },
    redraw(changes) {
      Object.assign(options, changes);
      const top = element.scrollTop;
      remake();
      append(records);
      element.scrollTop = sticks ? element.scrollHeight : top;
    },
    clear() {
      records = [];
      waiting = [];
      remake();
      say({ count: 0, dropped: 0, held: 0, isCleared: true });
    },
    text() {
      return records.map(textOf).join("\n");
    },
    close() {
      document.removeEventListener("visibilitychange", look);
      element.removeEventListener("scroll", scrolled);
      sizes.disconnect();
      clearTimeout(scheduled);
      if (source) source.close();
      element.replaceChildren();
    },
  };
}
