// A service on the bus, in Node, with the package `nats` alone. Its realm is `world`.
"use strict";
const { connect } = require("nats");

const PRICES = { tea: 250, milk: 120 };

async function main() {
  const bus = await connect({ servers: process.env.BUS });
  const calls = bus.subscribe(`portweave.1.world.${process.env.SERVICE}`, { queue: "portweave" });
  for await (const call of calls) {
    const [item] = JSON.parse(call.string());
    if (item in PRICES) {
      call.respond(JSON.stringify([PRICES[item]]));
    } else {
      const data = { type: "RangeError", status: 404, fields: {} };
      call.respond(JSON.stringify({ code: -32000, message: `no ${item} here`, data }));
    }
  }
}

main();
