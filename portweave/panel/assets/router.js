// Addresses of the views, in the fragment of the URL: `#/service/shop/main/web/logs?level=error`.

import { state, worktrees } from "./store.js";
import { publish } from "./topics.js";

const TABS = {
  stack: ["services", "graph", "logs"],
  service: ["overview", "logs", "why", "environment"],
};

function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const words = path.split("/").filter(Boolean).map(decoded);
  const route = { page: "list", query: new URLSearchParams(query), words };
  if (words[0] === "memory") return { ...route, page: "memory" };
  const least = { stack: 3, service: 4 }[words[0]];
  if (!least || words.length < least) return route;
  const [page, project, namespace] = words;
  const service = page === "service" ? words[3] : "";
  const tab = words[least];
  return { ...route, page, project, namespace, service, tab: TABS[page].includes(tab) ? tab : TABS[page][0] };
}

function decoded(word) {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

export let route = parse(location.hash);

// Where each view was scrolled to, by address; a browser restores it before the view is drawn.
const places = new Map();
const MOST_PLACES = 50;
history.scrollRestoration = "manual";

addEventListener("hashchange", () => {
  const before = route;
  route = parse(location.hash);
  publish("route");
  if (before.words.join("/") !== route.words.join("/")) {
    const top = places.get(location.hash) || 0;
    // A framework draws before the next frame.
    requestAnimationFrame(() => scrollTo(0, top));
  }
});

addEventListener(
  "scroll",
  () => {
    places.delete(location.hash);
    places.set(location.hash, scrollY);
    if (places.size > MOST_PLACES) places.delete(places.keys().next().value);
  },
  { passive: true },
);

/** Change the query of the address without a new entry in the history. */
export function setQuery(changes) {
  const query = new URLSearchParams(route.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString();
  const hash = `#/${route.words.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
  history.replaceState(history.state, "", hash);
  route = parse(hash);
  publish("route");
}

export function go(address) {
  location.hash = address;
}

/** The worktree and the project that the route names; null while unknown. */
export function routed() {
  for (const project of state.projects || []) {
    for (const worktree of project.worktrees) {
      const [first, second] = nameOf(project, worktree);
      if (first === route.project && second === route.namespace) return { project, worktree };
    }
  }
  // An address stays valid when another project of the same name appears.
  for (const project of state.projects || []) {
    for (const worktree of project.worktrees) {
      if (project.name === route.project && worktree.namespace === route.namespace) return { project, worktree };
    }
  }
  return null;
}

// Two projects may have one name; their addresses have the id of the worktree instead.
function nameOf(project, worktree) {
  const isAlone = !state.projects.some((other) => other !== project && other.name === project.name);
  return isAlone ? [project.name, worktree.namespace] : [`~${worktree.id}`, worktree.namespace];
}

function projectOf(worktree) {
  return state.projects.find((project) => project.worktrees.includes(worktree)) || { name: "?" };
}

function address(page, worktree, ...words) {
  const named = nameOf(projectOf(worktree), worktree);
  return `#/${[page, ...named, ...words].map(encodeURIComponent).join("/")}`;
}

export function stackAddress(worktree, tab = "") {
  return address("stack", worktree, ...(tab && tab !== "services" ? [tab] : []));
}

export function serviceAddress(worktree, service, tab = "") {
  return address("service", worktree, service, ...(tab && tab !== "overview" ? [tab] : []));
}

export function worktreeOf(id) {
  return worktrees().find((one) => one.id === id);
}
