// A relay between two forked Node processes: one asks, the parent passes on, the other answers.
// `node fork_relay.js SIZE SEQUENTIAL TOGETHER` prints {"p50Us", "perSecond"} as JSON.
"use strict";
const { fork } = require("node:child_process");

const IN_FLIGHT = 64;
const [role, size, sequential, together] = [
  process.env.RELAY_ROLE,
  ...process.argv.slice(2).map(Number),
];

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
  const measure = async () => {
    const load = "x".repeat(size);
    for (let n = 0; n < 500; n++) await ask(load);
    const times = [];
    for (let n = 0; n < sequential; n++) {
      const began = process.hrtime.bigint();
      await ask(load);
      times.push(Number(process.hrtime.bigint() - began) / 1000);
    }
    times.sort((a, b) => a - b);
    let left = together;
    const began = process.hrtime.bigint();
    const worker = async () => {
      while (left-- > 0) await ask(load);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
    const spentS = Number(process.hrtime.bigint() - began) / 1e9;
    const p50Us = times[times.length >> 1];
    process.stdout.write(JSON.stringify({ p50Us, perSecond: together / spentS }) + "\n", () => {
      process.exit(0);
    });
  };
  measure();
} else {
  const start = (role) =>
    fork(__filename, process.argv.slice(2), { env: { ...process.env, RELAY_ROLE: role } });
  const answerer = start("answer");
  const asker = start("ask");
  asker.on("message", (message) => answerer.send(message));
  answerer.on("message", (message) => asker.send(message));
  asker.on("exit", (code) => {
    answerer.kill();
    process.exitCode = code;
  });
}
