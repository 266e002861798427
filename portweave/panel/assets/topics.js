// Topics that components subscribe to, so that an event redraws only what shows it.

import { useEffect, useState } from "./vendor/htm-preact.js";

const listeners = new Map();
const versions = new Map();

function versionOf(topics) {
  return topics.reduce((sum, topic) => sum + (versions.get(topic) || 0), 0);
}

/** Redraw the components that subscribe to a topic. */
export function publish(topic) {
  versions.set(topic, (versions.get(topic) || 0) + 1);
  for (const listener of listeners.get(topic) || []) listener();
}

/** Redraw this component with each event of these topics. */
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
