// The shop's pages, made on the server; all data comes from the API.
import { createServer } from "node:http";
import { basename } from "node:path";

const port = Number(process.env.PORT);
const api = process.env.API_URL;
const worktree = basename(process.env.PORTWEAVE_WORKTREE ?? process.cwd());
const namespace = process.env.PORTWEAVE_NAMESPACE ?? "none";

const server = createServer(async (request, response) => {
  try {
    const [status, headers, body] = await answer(request);
    response.writeHead(status, headers).end(body);
  } catch (error) {
    console.error(`${request.method} ${request.url}: ${error.message}`);
    response.writeHead(502, html).end(page("<p>The API does not answer.</p>"));
  }
});

const html = { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" };

async function answer(request) {
  switch (`${request.method} ${request.url}`) {
    case "GET /health":
      return [200, { "content-type": "text/plain" }, "ok"];
    case "GET /":
      return [200, html, shop(await call("/shop"))];
    case "POST /orders": {
      const form = new URLSearchParams(await text(request));
      await call("/orders", JSON.stringify({ product: Number(form.get("product")) }));
      return [303, { location: "/" }, ""];
    }
    default:
      return [404, html, page("<p>There is nothing here.</p>")];
  }
}

async function call(path, body) {
  const reply = await fetch(api + path, { method: body ? "POST" : "GET", body });
  // Sold out is an answer: the page that follows shows it.
  if (!reply.ok && reply.status !== 409) throw new Error(`${path} answers ${reply.status}`);
  return reply.json();
}

async function text(request) {
  let body = "";
  for await (const piece of request) {
    body += piece;
    if (body.length > 65536) throw new Error("too long");
  }
  return body;
}

function shop({ products, orders }) {
  const offers = products.map(
    ({ id, name, stock }) => `
      <form method="post" action="/orders">
        <b>${escape(name)}</b> <span class="stock">${stock} left</span>
        <button name="product" value="${id}" ${stock ? "" : "disabled"}>Order</button>
      </form>`,
  );
  const rows = orders.map(
    ({ id, product, status }) =>
      `<li class="${status}" data-order="${id}"><span>#${id} ${escape(product)}</span> <em>${status}</em></li>`,
  );
  const waits = orders.some(({ status }) => status === "placed");
  return page(
    `${offers.join("")}<h2>Orders</h2><ul>${rows.join("") || "<li>None yet.</li>"}</ul>`,
    // Until all is shipped, the page looks again.
    waits ? '<meta http-equiv="refresh" content="1">' : "",
  );
}

function page(body, head = "") {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Shop · ${escape(worktree)}</title>
<link rel="icon" href="data:,">
${head}
<style>
  :root { --accent: #0b6e4f; --page: #f5f7f6; --card: #fff; --text: #1b1f1d; --muted: #5d6a64; --line: #dde5e1; }
  @media (prefers-color-scheme: dark) {
    :root { --accent: #5fd3a8; --page: #101413; --card: #191f1d; --text: #e8efec; --muted: #9aaba3; --line: #2c3532; }
  }
  * { box-sizing: border-box; }
  body { margin: 0; padding: 6vh 1rem; background: var(--page); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
  main { max-width: 36rem; margin: auto; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
  h1 { margin: 0; line-height: 1.2; overflow-wrap: anywhere; }
  h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
  .where { margin: .25rem 0 1.5rem; color: var(--muted); overflow-wrap: anywhere; }
  form, li { display: flex; gap: .75rem; align-items: baseline; padding: .5rem 0; border-top: 1px solid var(--line); }
  ul { list-style: none; margin: 0; padding: 0; }
  .stock, li span { flex: 1; }
  .stock, li em { color: var(--muted); }
  li.shipped em { color: var(--accent); font-weight: 600; }
  button { font: inherit; padding: .35rem .9rem; border: 0; border-radius: 8px; background: var(--accent); color: var(--card); font-weight: 600; cursor: pointer; }
  button:disabled { opacity: .4; cursor: default; }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
</style>
<main>
  <h1>${escape(worktree)}</h1>
  <p class="where">the shop of namespace <b>${escape(namespace)}</b>, on port ${port}</p>
  ${body}
</main>
</html>`;
}

function escape(value) {
  return String(value).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    // Browsers keep connections open for the next request.
    server.closeAllConnections();
  });
}

server.listen(port, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${port}`));
