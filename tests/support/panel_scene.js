// Answers the panel's page from a scene, instead of the panel. `tell` sends an event of a stream.
{
  const scene = __SCENE__;
  window.scene = scene;
  window.streams = {};
  window.sent = [];
  const real = window.fetch;
  const now = Date.now();
  const stamp = (secondsAgo) => new Date(now - secondsAgo * 1000).toISOString();
  const json = (value, status = 200) =>
    Promise.resolve(new Response(JSON.stringify(value), { status, headers: { "Content-Type": "application/json" } }));
  for (const stack of scene.stacks) {
    for (const row of stack.services) {
      row.startedAt = stamp(7260);
      row.samples.forEach((sample, at) => (sample[0] = now / 1000 - 2 * (row.samples.length - at)));
    }
  }
  for (const project of scene.listing.projects) {
    for (const worktree of project.worktrees) if (worktree.lastEnd) worktree.lastEnd.at = stamp(780);
  }
  const facts = { branch: null, diskSizeBytes: 734003200, kind: "linked", prStatus: null, removeCommand: "git worktree remove x",
    safeToPrune: false, workingTreeClean: false, isWhole: true,
    pullRequest: { number: 42, state: "open", url: "https://github.com/shop/shop/pull/42", title: "Sell more", isDraft: false, review: "approved", checks: "passed" } };
  const samples = Array.from({ length: 400 }, (_, at) => [now / 1000 - 2 * (400 - at), 8 + 6 * Math.sin(at / 9) + (at % 7), 4e7 + 2e5 * (at % 180)]);
  const run = (from, ready, lasted, end, exitCode, reason, restarts) => ({
    startedAt: stamp(from), readyAt: ready === null ? null : stamp(from - ready), endedAt: end ? stamp(from - lasted) : null, end, exitCode, reason, restarts });
  const details = {
    plan: { name: "api", command: "exec uvicorn shop.api:app --host 127.0.0.1 --port $PORT --reload --log-level debug", workingDir: "/home/ada/code/shop/services/api", port: 30001,
      hostname: "api", oneshot: false, restart: "on-failure:10", stopSignal: 15, stopGraceS: 10, watch: [], needs: [{ name: "migrate", condition: "completed" }, { name: "redis", condition: "ready" }],
      probes: [{ kind: "tcp", target: "30001", passed: true, reason: null, at: stamp(2) }, { kind: "http", target: "http://127.0.0.1:30001/health", passed: false, reason: "http://127.0.0.1:30001/health answers 503", at: stamp(2) }] },
    runs: [run(420, 1.4, 0, null, null, null, 2), run(560, 2.1, 139, "backoff", 1, "exited with status 1: sqlalchemy.exc.OperationalError: connection refused", 1), run(4000, 1.2, 3430, "stopped", 143, null, 0)],
    samples };
  const why = { name: "api", state: "unhealthy", chain: ["api"], cause: { kind: "unhealthy", text: "http://127.0.0.1:30001/health answers 503", hint: "its log may tell more", place: "services/api/db.py:41" },
    lastLines: ["INFO:     127.0.0.1:55402 - \"GET /health HTTP/1.1\" 503 Service Unavailable", "sqlalchemy.exc.OperationalError: connection to server at 127.0.0.1 refused"],
    lastGoodAt: stamp(900), differences: ["command: was exec uvicorn shop.api:app", "environment, changed: DATABASE_URL"] };
  const variables = { name: "api", workingDir: "/home/ada/code/shop", canReveal: true, hidden: ["API_KEY"], environment: { API_KEY: "***", DATABASE_URL: "postgres://shop@127.0.0.1:30003/shop_development?options=-c%20statement_timeout%3D5000", HOST: "127.0.0.1", PORT: "30001", PORTWEAVE_NAMESPACE: "main", PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".repeat(4) } };
  const answers = { "/api/v1/worktrees": scene.listing, "/api/v1/facts": facts, "/api/v1/details": details, "/api/v1/why": why, "/api/v1/environment": variables, ...scene.answers };

  window.fetch = (path, options) => {
    const [name] = String(path).split("?");
    if (!name.startsWith("/api/")) return real(path, options);
    if (options?.method === "POST") {
      if (name !== "/api/v1/open") window.sent.push([name, JSON.parse(options.body)]);
      return json({ services: [] });
    }
    if (scene.mood === "loading") return new Promise(() => {});
    return json(answers[name] ?? {});
  };

  const lines = [];
  const text = [
    ["web", "out", "VITE v6.0.1  ready in 312 ms", "", 1],
    ["api", "err", "INFO:     Application startup complete.", "info", 1],
    ["api", "out", '{"level":"info","msg":"request","method":"GET","path":"/products/17","status":200,"ms":12}', "info", 1],
    ["worker", "out", "level=warn msg=\"queue is slow\" depth=512", "warn", 1],
    ["checkout-service-for-subscriptions", "out", "\u001b[32mGET\u001b[0m /checkout/sessions/cs_test_a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZ \u001b[2m4 ms\u001b[0m", "", 1],
    ["api", "err", "sqlalchemy.exc.OperationalError: connection to server at \"127.0.0.1\", port 30003 failed: Connection refused", "error", 1],
    ["api", "err", "INFO:     Started server process [4711]", "info", 2],
    ["api", "out", '{"level":"error","msg":"unhandled error","method":"POST","path":"/orders","status":500,"ms":845}', "error", 2],
    ["api", "out", '{"level":"debug","msg":"cache","hit":true,"ms":1}', "debug", 2],
  ];
  for (let at = 0; at < 12; at++) for (const [name, stream, said, level, number] of text) lines.push([now - 60000 + at * 4000 + lines.length, name, stream, said, level, at ? 2 : number]);

  window.EventSource = class extends EventTarget {
    constructor(url) {
      super();
      this.readyState = 1;
      const name = url.split("?")[0];
      window.streams[name] = this;
      setTimeout(() => {
        if (scene.mood === "loading") return;
        window.tell(name, "hello", { stream: "1" });
        if (name === "/api/v1/stream") window.tell(name, "stacks", { stacks: scene.stacks });
        else {
          window.tell(name, "lines", scene.lines || lines);
          window.tell(name, "end", { matches: url.includes("find=") ? 23456 : null });
        }
      });
    }
    close() {
      this.readyState = 2;
    }
  };
  window.EventSource.CLOSED = 2;
  window.tell = (path, kind, data) => window.streams[path].dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data) }));
}
