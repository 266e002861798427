// The log of a service or a stack: the last lines, then new ones. Lines are added to the page
// without the library: there are thousands, and none changes.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { clock, plural } from "./format.js";
import { mark, write } from "./ansi.js";

const MOST_LINES = 5000;
const FIRST_LINES = 1000;
const COLOURS = 6;

export function Logs({ worktree, service }) {
  const [sought, setSought] = useState("");
  const [asked, setAsked] = useState("");
  const [paused, setPaused] = useState(false);
  const [status, setStatus] = useState("Loading …");
  const [held, setHeld] = useState(0);
  const view = useRef(null);
  const log = useRef(null);
  // The current settings, which a log that reconnects needs.
  const isPaused = useRef(false);

  useEffect(() => {
    const timer = setTimeout(() => setAsked(sought), 250);
    return () => clearTimeout(timer);
  }, [sought]);

  useLayoutEffect(() => {
    const made = follow({ worktree, service, find: asked, element: view.current, setStatus, setHeld });
    log.current = made;
    made.pause(isPaused.current);
    return () => made.close();
  }, [worktree, service, asked]);

  const toggle = () => {
    isPaused.current = !isPaused.current;
    log.current.pause(isPaused.current);
    setPaused(isPaused.current);
  };
  return html`<div class="tools">
      <label class="search">
        <span class="sr">Search in the log</span>
        <input type="search" placeholder="Search the log …" value=${sought} onInput=${(event) => setSought(event.target.value)} />
      </label>
      <button type="button" aria-pressed=${paused} onClick=${toggle}>
        ${paused ? (held ? `Resume (${held} new)` : "Resume") : "Pause"}
      </button>
      <button type="button" onClick=${() => log.current.clear()}>Clear</button>
    </div>
    <div class="lines" ref=${view} role="log" aria-live="off" aria-label="Log" tabindex="0"></div>
    <p class="status" role="status">${status}</p>`;
}

function follow({ worktree, service, find, element, setStatus, setHeld }) {
  const query = new URLSearchParams({ worktree, lines: String(FIRST_LINES) });
  if (service) query.set("service", service);
  if (find) query.set("find", find);
  let source = null;
  let waiting = [];
  let isPaused = false;
  let scheduled = 0;
  let isAll = false;
  let isCleared = false;
  let dropped = 0;
  // A user who has scrolled up is reading; the view stays there.
  let sticks = true;
  const colours = new Map();

  const tell = () => {
    const count = element.childElementCount;
    if (!isAll) return;
    const what = find ? ` with “${find}”` : "";
    const more = dropped ? `; older ones are in “portweave logs”` : "";
    const none = isCleared ? "Cleared. New lines appear here." : find ? `No line${what}.` : "No output yet.";
    setStatus(count ? `${plural(count, "line")}${what}${more}` : none);
  };

  const draw = () => {
    scheduled = 0;
    // While paused, the first lines are still shown: the view would be empty otherwise.
    if (isPaused && isAll) return;
    const lines = waiting.slice(-MOST_LINES);
    dropped += waiting.length - lines.length;
    waiting = [];
    const fragment = document.createDocumentFragment();
    for (const line of lines) fragment.append(lineOf(line, colours, !service, find));
    element.append(fragment);
    let excess = element.childElementCount - MOST_LINES;
    dropped += Math.max(0, excess);
    for (; excess > 0; excess--) element.firstChild.remove();
    if (sticks) element.scrollTop = element.scrollHeight;
    tell();
  };

  const scrolled = () => {
    sticks = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
  };
  element.addEventListener("scroll", scrolled);

  const schedule = () => {
    if (!scheduled) scheduled = setTimeout(draw, 50);
  };

  const open = () => {
    source = new EventSource(`/api/v1/logs?${query}`);
    source.addEventListener("hello", () => {
      // After a lost connection the server sends the last lines again.
      element.replaceChildren();
      waiting = [];
      dropped = 0;
      isAll = isCleared = false;
      setHeld(0);
      setStatus("Loading …");
    });
    source.addEventListener("lines", (event) => {
      waiting.push(...JSON.parse(event.data));
      if (isPaused && isAll) {
        if (waiting.length > MOST_LINES) {
          dropped += waiting.length - MOST_LINES;
          waiting = waiting.slice(-MOST_LINES);
        }
        setHeld(waiting.length);
      } else {
        schedule();
      }
    });
    source.addEventListener("end", () => {
      clearTimeout(scheduled);
      draw();
      isAll = true;
      tell();
    });
    source.addEventListener("error", () => {
      const isOver = source && source.readyState === EventSource.CLOSED;
      setStatus(isOver ? "This log no longer exists." : "The panel does not answer; trying again …");
    });
  };

  const look = () => {
    if (document.hidden) {
      // A user who paused is reading; keep these lines.
      if (!source || isPaused) return;
      source.close();
      source = null;
    } else if (!source) {
      open();
    }
  };
  document.addEventListener("visibilitychange", look);
  setStatus("Loading …");
  open();
  return {
    pause(paused) {
      isPaused = paused;
      if (!paused) {
        setHeld(0);
        schedule();
      }
    },
    clear() {
      element.replaceChildren();
      waiting = [];
      dropped = 0;
      isCleared = true;
      setHeld(0);
      tell();
    },
    close() {
      document.removeEventListener("visibilitychange", look);
      element.removeEventListener("scroll", scrolled);
      clearTimeout(scheduled);
      if (source) source.close();
      element.replaceChildren();
    },
  };
}

function lineOf([ms, instance, stream, text], colours, named, find) {
  const line = document.createElement("div");
  line.className = `line ${stream}`;
  const time = document.createElement("time");
  time.textContent = clock(ms);
  line.append(time);
  if (named) {
    if (!colours.has(instance)) colours.set(instance, colours.size % COLOURS);
    const name = document.createElement("span");
    name.className = `who c${colours.get(instance)}`;
    name.textContent = instance;
    line.append(name);
  }
  const body = document.createElement("span");
  body.className = "text";
  write(body, text);
  if (find) mark(body, find);
  line.append(body);
  return line;
}
