// A service in Node: JSON-RPC 2.0, one message a line, over the socket that portweave names.
"use strict";
const net = require("node:net");
const readline = require("node:readline");

const PRICES = { tea: 250, milk: 120 };
const { PORTWEAVE_SOCKET, PORTWEAVE_NAME, PORTWEAVE_TOKEN } = process.env;

const routes = {
  of: async ([item]) => {
    if (!(item in PRICES)) throw Object.assign(new RangeError(`no ${item} here`), { status: 404 });
    return PRICES[item];
  },
  // Call another service.
  greeting: async ([user]) => `hello ${await request(`users/name/${user}`)}`,
};

const hub = net.connect(PORTWEAVE_SOCKET);
const open = new Map();
let last = 0;

function send(message) {
  hub.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
}

function request(method, ...params) {
  return new Promise((resolve, reject) => {
    open.set(++last, { resolve, reject });
    send({ id: last, method, params });
  });
}

async function answer({ id, method, params }) {
  try {
    const handler = routes[method];
    if (!handler) {
      const data = { type: "RouteNotFound", status: 404, fields: {} };
      send({ id, error: { code: -32601, message: `no route for ${method}`, data } });
      return;
    }
    send({ id, result: [await handler(params)] });
  } catch (error) {
    const data = { type: error.name, status: error.status ?? 500, fields: {} };
    send({ id, error: { code: -32000, message: error.message, data } });
  }
}

readline.createInterface({ input: hub }).on("line", (line) => {
  const message = JSON.parse(line);
  if (message.method !== undefined) {
    if (message.id !== undefined) answer(message);
  } else if (open.has(message.id)) {
    const { resolve, reject } = open.get(message.id);
    open.delete(message.id);
    if (message.error) reject(Object.assign(new Error(message.error.message), message.error.data));
    else resolve(message.result[0]);
  }
});
hub.on("close", () => process.exit(0));

request("$/hello", { name: PORTWEAVE_NAME, token: PORTWEAVE_TOKEN, protocol: 1 }).then(() => {
  send({ method: "$/ready", params: [] });
  console.log("prices has joined");
});
