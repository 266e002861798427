// The log of a service or a stack, with its filters.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./vendor/htm-preact.js";
import { copy } from "./actions.js";
import { instanceOf, plural } from "./format.js";
import { follow } from "./log_stream.js";
import { rowsOf } from "./model.js";
import { route, setQuery } from "./router.js";
import { useTopic } from "./topics.js";

const OPTIONS_KEY = "portweave.log";
const LEVELS = [
  ["", "All levels", ""],
  ["error", "Errors", "error"],
  ["warn", "Warnings and errors", "error,warn"],
  ["info", "Info and above", "error,warn,info"],
];
const STREAMS = [
  ["", "Both streams"],
  ["out", "stdout"],
  ["err", "stderr"],
];
const TIMES = [
  ["", "Any time"],
  ["5m", "Last 5 minutes", 300],
  ["15m", "Last 15 minutes", 900],
  ["1h", "Last hour", 3600],
  ["1d", "Last day", 86400],
];
const TOGGLES = [
  ["wrap", "Wrap"],
  ["dates", "Dates"],
  ["json", "JSON columns"],
];

function remembered() {
  try {
    return { wrap: true, dates: false, json: false, ...JSON.parse(localStorage.getItem(OPTIONS_KEY)) };
  } catch {
    return { wrap: true, dates: false, json: false };
  }
}

export function Logs({ worktree, service }) {
  useTopic("route");
  const chosen = { ...Object.fromEntries(["q", "level", "stream", "since", "service"].map((name) => [name, route.query.get(name) || ""])) };
  const [sought, setSought] = useState(chosen.q);
  const [options, setOptions] = useState(remembered);
  const [paused, setPaused] = useState(false);
  const [told, setTold] = useState({ isAll: false });
  const view = useRef(null);
  const log = useRef(null);
  // The current settings, which a log that is opened anew needs.
  const now = useRef({});
  now.current = { options, paused };

  useEffect(() => {
    const timer = setTimeout(() => sought !== chosen.q && setQuery({ q: sought }), 250);
    return () => clearTimeout(timer);
  }, [sought]);

  const names = service || chosen.service;
  const query = useMemo(() => queryOf(worktree.id, names, chosen), [worktree.id, names, chosen.q, chosen.level, chosen.stream, chosen.since]);

  useLayoutEffect(() => {
    // The log of a service has the lines of all its instances.
    const isNamed = !service || rowsOf(worktree).filter((row) => row.name === service).length > 1;
    const lines = { named: isNamed, dates: now.current.options.dates, json: now.current.options.json, find: chosen.q };
    const made = follow({ query, options: lines, element: view.current, tell: (news) => setTold({ ...news }) });
    log.current = made;
    made.pause(now.current.paused);
    return () => made.close();
  }, [query]);

  const toggle = (name) => {
    const before = now.current.options;
    const changed = { ...before, [name]: !before[name] };
    now.current.options = changed;
    setOptions(changed);
    try {
      localStorage.setItem(OPTIONS_KEY, JSON.stringify(changed));
    } catch {
      // Without storage the choice holds until the page is reloaded.
    }
    if (name !== "wrap") log.current.redraw({ [name]: changed[name] });
  };
  const pause = () => {
    log.current.pause(!paused);
    setPaused(!paused);
  };
  const jump = () => {
    setPaused(false);
    log.current.pause(false);
    log.current.jump();
  };
  const instances = service ? [] : [...new Set([...rowsOf(worktree).map(instanceOf), ...worktree.services.map((one) => one.name)])];
  return html`<section class="logs" aria-label="Log">
    <div class="tools">
      <label class="search">
        <span class="sr">Search the log</span>
        <input type="search" placeholder="Search the log …" value=${sought} onInput=${(event) => setSought(event.target.value)} />
      </label>
      ${!service && html`<${Choice} label="Service" name="service" value=${chosen.service} options=${[["", "All services"], ...instances.map((name) => [name, name])]} />`}
      <${Choice} label="Level" name="level" value=${chosen.level} options=${LEVELS} />
      <${Choice} label="Stream" name="stream" value=${chosen.stream} options=${STREAMS} />
      <${Choice} label="Time" name="since" value=${chosen.since} options=${TIMES} />
      <div class="toggles" role="group" aria-label="Appearance">
        ${TOGGLES.map(([name, text]) => html`<button type="button" key=${name} class="quiet" aria-pressed=${options[name]} onClick=${() => toggle(name)}>${text}</button>`)}
      </div>
      <div class="acts">
        <button type="button" class="quiet" aria-pressed=${paused} onClick=${pause}>${paused ? "Resume" : "Pause"}</button>
        <button type="button" class="quiet" onClick=${() => log.current.clear()}>Clear</button>
        <button type="button" class="quiet" onClick=${() => copy(log.current.text(), "Log")}>Copy</button>
        <a class="button quiet" href=${`/api/v1/log-file?${query}`} download>Download</a>
      </div>
    </div>
    <div class="log-box">
      <div class="lines ${options.wrap ? "wrap" : "nowrap"} ${options.json ? "in-columns" : ""} ${options.dates ? "with-dates" : ""}" ref=${view} role="log" aria-live="off" aria-label="Lines" tabindex="0"></div>
      ${told.held > 0 && html`<button type="button" class="new-lines" onClick=${jump}>${plural(told.held, "new line")} ↓</button>`}
    </div>
    <p class="status" role="status">${statusOf(told, chosen)}</p>
  </section>`;
}

function Choice({ label, name, value, options }) {
  return html`<label class="choice">
    <span class="sr">${label}</span>
    <select class=${value ? "chosen" : ""} value=${value} onChange=${(event) => setQuery({ [name]: event.target.value })}>
      ${options.map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`)}
    </select>
  </label>`;
}

function queryOf(worktree, names, chosen) {
  const query = new URLSearchParams({ worktree });
  if (names) query.set("service", names);
  if (chosen.q) query.set("find", chosen.q);
  const levels = LEVELS.find(([name]) => name === chosen.level)?.[2];
  if (levels) query.set("levels", levels);
  if (chosen.stream) query.set("stream", chosen.stream);
  const seconds = TIMES.find(([name]) => name === chosen.since)?.[2];
  if (seconds) query.set("since", String(Date.now() - seconds * 1000));
  return query.toString();
}

function statusOf(told, chosen) {
  if (told.problem) return told.problem;
  if (!told.isAll) return "Loading …";
  if (told.isCleared && !told.count) return "Cleared. New lines appear here.";
  const isFiltered = chosen.level || chosen.stream || chosen.since || chosen.service;
  const what = (chosen.q ? ` with “${chosen.q}”` : "") + (isFiltered ? " of this filter" : "");
  if (!told.count) return what ? `No line${what}.` : "No output yet.";
  if (told.matches !== null && told.matches > told.count) {
    return `The last ${told.count.toLocaleString("en")} of ${plural(told.matches, "line")}${what} in the whole log.`;
  }
  if (told.matches !== null) return `${plural(told.count, "line")}${what} in the whole log.`;
  return `${plural(told.count, "line")}${what}${told.dropped || told.count >= 1000 ? "; Download has all" : ""}.`;
}
