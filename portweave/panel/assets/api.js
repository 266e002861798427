// Requests to the panel of this page.

const token = document.querySelector('meta[name="pw-csrf"]')?.content || "";

async function answered(response) {
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  if (body.code === "PW0605") {
    throw new Error("The panel was restarted: reload this page.");
  }
  const hint = body.hint ? `\n${body.hint}` : "";
  throw new Error(`${body.error || `status ${response.status}`}${hint}`);
}

function asked(path, options) {
  return fetch(path, options).catch(() => {
    throw new Error("The panel does not answer. Is it still running?");
  });
}

export async function read(path) {
  return answered(await asked(path, { headers: { Accept: "application/json" } }));
}

export async function send(path, body) {
  const headers = { "Content-Type": "application/json", "X-Portweave-Csrf": token };
  const options = { method: "POST", headers, body: JSON.stringify(body) };
  return answered(await asked(path, options));
}
