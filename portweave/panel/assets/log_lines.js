// Lines of a log as elements. They are made without the library: there are thousands, and none
// changes.

import { clock, day } from "./format.js";
import { mark, write } from "./ansi.js";

const COLOURS = 6;
const MOST_COLUMNS = 6;
const LOOKED_AT = 300;
// Fields that have a column of their own, or are shown otherwise.
const SHOWN = new Set(["level", "severity", "lvl", "time", "timestamp", "ts", "@timestamp", "msg", "message", "event", "pid", "hostname", "v"]);
const ESCAPES = /\x1b\[[0-9;:]*m/g;

export function plain(text) {
  return text.replace(ESCAPES, "");
}

/** A record as a line of text. */
export function textOf([ms, instance, , text]) {
  return `${day(ms)} ${clock(ms)} ${instance} | ${plain(text)}`;
}

/** The JSON object that a line consists of; null for any other line. */
function objectOf(text) {
  const trimmed = plain(text).trim();
  if (!trimmed.startsWith("{") || !trimmed.endsWith("}")) return null;
  try {
    const found = JSON.parse(trimmed);
    return found && typeof found === "object" ? found : null;
  } catch {
    return null;
  }
}

/** The most frequent fields of the JSON lines among the newest records. */
export function columnsOf(records) {
  const counts = new Map();
  for (const record of records.slice(-LOOKED_AT)) {
    for (const name of Object.keys(objectOf(record[3]) || {})) {
      if (!SHOWN.has(name)) counts.set(name, (counts.get(name) || 0) + 1);
    }
  }
  const names = [...counts.keys()].sort((one, other) => counts.get(other) - counts.get(one));
  return names.slice(0, MOST_COLUMNS);
}

/** Makes elements of records, with a line between runs. */
export class LineMaker {
  /**
   * `named` tells whether the names of instances are shown, `dates` whether dates are, `find` is
   * the text to mark, and `columns` are the fields of JSON lines to show apart; null for none.
   */
  constructor({ named, dates, find, columns }) {
    Object.assign(this, { named, dates, find, columns });
    this.colours = new Map();
    this.runs = new Map();
    this.width = 4;
  }

  /** The elements of a record: perhaps a line between runs, then the line itself. */
  elements(record) {
    const [ms, instance, , , , run] = record;
    const before = this.runs.get(instance);
    this.runs.set(instance, run);
    this.width = Math.max(this.width, Math.min(24, instance.length));
    const line = this.line(record);
    if (before === undefined || before === run) return [line];
    const between = document.createElement("div");
    between.className = "between-runs";
    between.textContent = `${instance} started again at ${clock(ms)}`;
    return [between, line];
  }

  head() {
    const line = document.createElement("div");
    line.className = "line head-line";
    line.append(cell("time", "Time"));
    if (this.named) line.append(cell("who", "Service"));
    line.append(cell("column message", "Message"));
    for (const name of this.columns) line.append(cell("column", name));
    return line;
  }

  line([ms, instance, stream, text, level]) {
    const line = document.createElement("div");
    line.className = `line ${stream} ${level}`;
    line.append(cell("time", this.dates ? `${day(ms)} ${clock(ms)}` : clock(ms)));
    if (this.named) {
      if (!this.colours.has(instance)) this.colours.set(instance, this.colours.size % COLOURS);
      const name = cell(`who c${this.colours.get(instance)}`, instance);
      name.title = instance;
      line.append(name);
    }
    const found = this.columns && objectOf(text);
    if (found) {
      line.append(cell("column message", shown(found.msg ?? found.message ?? found.event)));
      for (const name of this.columns) line.append(cell("column", shown(found[name])));
      line.title = plain(text);
      return line;
    }
    const body = cell("text", "");
    write(body, text);
    if (this.find) mark(body, this.find);
    line.append(body);
    return line;
  }
}

function cell(name, text) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}

function shown(value) {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
