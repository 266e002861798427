// A relay between two forked Node processes: one asks, the parent passes on, the other answers.
// Prints the three process ids as JSON; then, for each line "one|many SIZE SECONDS" that it is sent,
// {"p50Us"} of calls one after the other, or {"perSecond"} of calls with 64 under way.
"use strict";
const { fork } = require("node:child_process");

const IN_FLIGHT = 64;
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
  const now = () => Number(process.hrtime.bigint()) / 1000;
  const one = async (load, endUs) => {
    const times = [];
    for (let began = now(); began < endUs; began = now()) {
      await ask(load);
      times.push(now() - began);
    }
    times.sort((a, b) => a - b);
    return { p50Us: times[times.length >> 1] };
  };
  const many = async (load, endUs) => {
    const began = now();
    let done = 0;
    const worker = async () => {
      for (; now() < endUs; done++) await ask(load);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
    return { perSecond: (done / (now() - began)) * 1e6 };
  };
  const lines = require("node:readline").createInterface({ input: process.stdin });
  lines.on("line", async (line) => {
    const [name, size, seconds] = line.split(" ");
    const found = await { one, many }[name]("x".repeat(size), now() + seconds * 1e6);
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
