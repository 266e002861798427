// Two processes that call each other over NATS with the package `nats`, for bus_calls.py.
const { connect, headers } = require("nats");
const [role, url] = process.argv.slice(2);
const SUBJECT = "benchmark.echo";

async function answer(bus) {
  const calls = bus.subscribe(SUBJECT);
  await bus.flush();
  console.log("ready");
  for await (const call of calls) call.respond(JSON.stringify([JSON.parse(call.string())[0]]));
}

async function measure(bus, width, load, seconds) {
  const times = [];
  const began = performance.now();
  const end = began + seconds * 1000;
  const work = async () => {
    for (let at = began; at < end; ) {
      const head = headers();
      head.set("Portweave-Path", "echo");
      head.set("Portweave-Timeout", "30000");
      const body = JSON.stringify([load]);
      const found = await bus.request(SUBJECT, body, { timeout: 30000, headers: head });
      JSON.parse(found.string());
      const now = performance.now();
      times.push(now - at);
      at = now;
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  const spentS = (performance.now() - began) / 1000;
  times.sort((a, b) => a - b);
  return { p50Us: times[times.length >> 1] * 1000, perSecond: times.length / spentS };
}

async function ask(bus) {
  console.log("ready");
  for await (const line of require("readline").createInterface({ input: process.stdin })) {
    const [width, size, seconds] = line.split(" ").map(Number);
    console.log(JSON.stringify(await measure(bus, width, "x".repeat(size), seconds)));
  }
}

connect({ servers: url }).then(role === "answer" ? answer : ask);
