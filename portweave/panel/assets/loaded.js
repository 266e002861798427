// Load data for a view.

import { useEffect, useState } from "./vendor/htm-preact.js";
import { read } from "./api.js";

/**
 * Load JSON from a path, and again when one of `again` changes.
 *
 * Returns the data (null while it loads) and a problem in words.
 */
export function useLoaded(path, ...again) {
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let isOver = false;
    read(path).then(
      (value) => {
        if (isOver) return;
        setFound(value);
        setProblem("");
      },
      (error) => isOver || setProblem(error.message),
    );
    return () => {
      isOver = true;
    };
  }, [path, ...again]);
  return [found, problem];
}
