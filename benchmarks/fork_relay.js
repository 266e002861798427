// A relay between two forked Node processes: one asks, the parent passes on, the other answers.
// Prints the three process ids as JSON; then, for each line "WIDTH SIZE SECONDS" that it is sent,
// {"p50Us", "perSecond"} of calls of that size, so many of them under way all the time.
"use strict";
const { fork } = require("node:child_process");

const role = process.env.RELAY_ROLE;

if (role === "answer") {
  process.on("message", (message) => {
    process.send({ id: message.id, result: message.load });
  });
} else if (role === "ask") {
  const open = new Map();
  let last = 0;
  const ask = (load) =>
    new Promise((resolve) => {
      open.set(++last, resolve);
      process.send({ id: last, load });
    });
  process.on("message", (message) => {
    const resolve = open.get(message.id);
    open.delete(message.id);
    resolve(message.result);
  });
  const measure = async (width, load, seconds) => {
    const times = [];
    const began = performance.now();
    const end = began + seconds * 1000;
    const worker = async () => {
      for (let at = began, now; at < end; at = now) {
        await ask(load);
        now = performance.now();
        times.push(now - at);
      }
    };
    await Promise.all(Array.from({ length: width }, worker));
    const spent = performance.now() - began;
    const sorted = Float64Array.from(times).sort();
    return { p50Us: sorted[sorted.length >> 1] * 1000, perSecond: (times.length / spent) * 1000 };
  };
  const lines = require("node:readline").createInterface({ input: process.stdin });
  lines.on("line", async (line) => {
    const [width, size, seconds] = line.split(" ").map(Number);
    const found = await measure(width, "x".repeat(size), seconds);
    process.stdout.write(JSON.stringify(found) + "\n");
  });
} else {
  const start = (role) => fork(__filename, { env: { ...process.env, RELAY_ROLE: role } });
  const [answerer, asker] = [start("answer"), start("ask")];
  asker.on("message", (message) => answerer.send(message));
  answerer.on("message", (message) => asker.send(message));
  asker.on("exit", () => answerer.kill());
  console.log(JSON.stringify([asker.pid, process.pid, answerer.pid]));
}
