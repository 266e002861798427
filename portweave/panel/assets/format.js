// Format numbers and times for people.

export function size(bytes) {
  if (bytes == null) return "–";
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 1e6) return `${Math.round(bytes / 1e6)} MB`;
  return `${Math.round(bytes / 1e3)} kB`;
}

export function percent(value) {
  if (value == null) return "–";
  return `${value >= 10 ? Math.round(value) : value.toFixed(1)}%`;
}

export function since(stamp) {
  if (!stamp) return "–";
  return duration(Date.now() - Date.parse(stamp));
}

/** A duration in its largest unit. */
export function duration(ms) {
  const seconds = Math.max(0, ms / 1000);
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["m", 60]]) {
    if (seconds >= length) return `${Math.floor(seconds / length)}${unit}`;
  }
  return `${Math.floor(seconds)}s`;
}

/** A duration with tenths of seconds, for short ones. */
export function precise(ms) {
  return ms < 60000 ? `${(Math.max(0, ms) / 1000).toFixed(1)}s` : duration(ms);
}

export function ago(stamp) {
  const seconds = Math.max(0, (Date.now() - Date.parse(stamp)) / 1000);
  for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (seconds >= length) return `${plural(Math.floor(seconds / length), unit)} ago`;
  }
  return seconds < 5 ? "just now" : `${Math.floor(seconds)} seconds ago`;
}

export function instanceOf(row) {
  return row.instance > 1 ? `${row.name}.${row.instance}` : row.name;
}

// Created once: creating one takes ten times as long as using it, and logs have thousands of lines.
const TIME = new Intl.DateTimeFormat([], { timeStyle: "medium", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short" });

export function clock(ms) {
  return TIME.format(ms);
}

/** The date as YYYY-MM-DD. */
export function day(ms) {
  return DAY.format(ms);
}

export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
