"""The panel's HTTP routes.

`/api/` has the interface of npm portweave's panel, in the same shape; `/api/v1/` has ours. The
files of the page are read once, at the start, and looked up by their whole names, so no requested
path reaches the file system.
"""

import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import anyio
from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from portweave.allocator.ports.model import Key
from portweave.client.verb_queries import rows_of
from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.errors import (
    LaunchForbiddenError,
    PanelForbiddenError,
    PortweaveError,
    UsageError,
)
from portweave.panel import launcher, npm_snapshot
from portweave.panel.access_rules import may_change, may_read
from portweave.panel.actions import Actions
from portweave.panel.http_messages import (
    TYPES,
    BadRequestError,
    access_headers,
    assets,
    body_of,
    event,
    event_stream,
    json_answer,
    object_of,
    text_answer,
)
from portweave.panel.log_levels import LEVELS
from portweave.panel.log_tail import LineFilter, Tail, text_lines
from portweave.panel.watch import Watch, Watcher
from portweave.panel.worktree_facts import FactFinder
from portweave.panel.worktrees import KnownWorktree, Worktrees
from portweave.supervisor.reporting.status_rows import rfc3339
from portweave.system.listeners import listening

# An idle stream sends a comment this often, which reveals whether its reader is gone.
KEEP_ALIVE_S = 15.0
# The interval between reads of a log; it grows while the log is silent.
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.5
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_ACTIONS = ("start", "stop", "restart")
_MOST_INSTANCES = 100

Handler = Callable[[Request], Awaitable[Response]]


class Panel:
    """Answer requests; an ASGI application.

    Args:
        environ: The environment of the panel.
        port: The port that it listens on.

    Attributes:
        watch: Follows the stacks; run it beside the application.
        token: The token that each change needs.
    """

    def __init__(self, environ: Mapping[str, str], port: int) -> None:
        self._environ = environ
        self._port = port
        self.token = secrets.token_hex(32)
        self._worktrees = Worktrees(environ)
        self._actions = Actions(environ, self._worktrees)
        self._facts = FactFinder(environ)
        self.watch = Watch(environ, self._worktrees.mark)
        self._streams: dict[str, Watcher] = {}
        self._closing = False
        self._assets = assets(self.token)
        self._reads: dict[str, Handler] = {
            "/api/allocations": self._allocations,
            "/api/v1/worktrees": self._listing,
            "/api/v1/facts": self._facts_of,
            "/api/v1/stream": self._stream,
            "/api/v1/logs": self._logs,
            "/api/v1/log-file": self._log_file,
            "/api/v1/details": self._details,
            "/api/v1/environment": self._environment,
            "/api/v1/why": self._why,
        }
        self._changes: dict[str, Handler] = {
            "/api/prune": self._prune,
            "/api/open": self._open,
            "/api/v1/open": self._show_open,
            "/api/v1/service": self._service,
            "/api/v1/reveal": self._reveal,
            "/api/v1/scale": self._scale,
            "/api/v1/stack": self._stack,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        response = await self._respond(Request(scope, receive))
        for name, text in _HEADERS.items():
            response.headers[name] = text
        response.headers.setdefault("Cache-Control", "no-store")
        await response(scope, receive, send)

    def close(self) -> None:
        """End the open streams."""
        self._closing = True
        self.watch.close()

    async def _respond(self, request: Request) -> Response:
        path = request.scope["path"]
        is_read = request.method in ("GET", "HEAD")
        if not is_read and (request.method != "POST" or path in self._reads):
            return text_answer("method not allowed", 405, {"Allow": "GET, HEAD, POST"})
        asked = access_headers(request)
        try:
            if is_read:
                _refuse_unless(may_read(asked, self._port))
                handler = self._reads.get(path)
                return await handler(request) if handler is not None else self._asset(path)
            if path not in self._changes:
                return json_answer({"code": UsageError.code, "error": "not found"}, 404)
            _refuse_unless(may_change(asked, self._port, self.token))
            return await self._changes[path](request)
        except (PanelForbiddenError, LaunchForbiddenError) as error:
            return json_answer({"code": error.code, "error": error.message}, 403)
        except BadRequestError as error:
            return json_answer({"code": UsageError.code, "error": str(error)}, error.status)
        except PortweaveError as error:
            hint = {"hint": "\n".join(error.hints)} if error.hints else {}
            return json_answer({"code": error.code, "error": error.message, **hint}, 409)
        except ClientDisconnect:
            return text_answer("", 400)

    def _asset(self, path: str) -> Response:
        found = self._assets.get("/index.html" if path == "/" else path)
        if found is None:
            return text_answer("not found", 404)
        data, kind = found
        # The page contains the token of this process, so no cache may keep it.
        kept = "no-store" if kind == TYPES["html"] else "no-cache"
        return Response(data, headers={"Content-Type": kind, "Cache-Control": kept})

    # npm portweave's interface

    async def _allocations(self, request: Request) -> Response:
        again = request.query_params.get("refresh") == "1"
        try:
            described = await to_thread.run_sync(self._described)
        except PortweaveError:
            return json_answer({"error": "snapshot-failed"}, 500)
        found: dict[int, npm_snapshot.Facts] = {}

        async def find(index: int, one: npm_snapshot.Worktree) -> None:
            found[index] = await self._facts.of(one.root, one.git_common_dir, again=again)

        async with anyio.create_task_group() as tasks:
            for index, one in enumerate(described):
                tasks.start_soon(find, index, one)
        ports = {service.port for one in described for service in one.services}
        return json_answer(
            npm_snapshot.snapshot(
                [one.with_facts(found[index]) for index, one in enumerate(described)],
                await to_thread.run_sync(listening, ports),
                generated_at=rfc3339(time.time()),
                launch_supported=launcher.editor(self._environ) is not None,
                pull_requests=await self._facts.has_github(),
            )
        )

    def _described(self) -> list[npm_snapshot.Worktree]:
        known = self._worktrees.known().values()
        return [self._worktrees.described(one) for one in known if one.last_used_at]

    async def _prune(self, request: Request) -> Response:
        body = await body_of(request)
        fields = body if is_object(body) else {}
        if not isinstance(body, dict | list):
            raise BadRequestError("invalid request body")
        if fields.get("confirm") is not True:
            raise BadRequestError("confirm required")
        common_dir, namespace = fields.get("gitCommonDir", 0), fields.get("namespace")
        root = fields.get("worktreeRoot")
        if not (
            (common_dir is None or isinstance(common_dir, str))
            and isinstance(namespace, str)
            and isinstance(root, str)
        ):
            raise BadRequestError("invalid request body")
        key = Key(common_dir, namespace, root)
        try:
            removed = await to_thread.run_sync(self._actions.prune, key)
        except PortweaveError as error:
            if error.code.startswith("PW03"):
                return json_answer({"code": error.code, "error": "prune failed"}, 500)
            raise
        return json_answer({"removed": removed})

    async def _open(self, request: Request) -> Response:
        fields = await object_of(request)
        target, root = fields.get("target"), fields.get("worktreeRoot")
        if target not in ("editor", "terminal") or not isinstance(root, str):
            raise BadRequestError("invalid request body")
        known = await to_thread.run_sync(self._worktrees.known)
        if all(one.root != root for one in known.values()):
            raise LaunchForbiddenError
        launch = launcher.open_editor if target == "editor" else launcher.open_terminal
        done = await to_thread.run_sync(launch, self._environ, root)
        return json_answer(done.as_json())

    # Our interface

    async def _listing(self, _request: Request) -> Response:
        listing = await to_thread.run_sync(self._worktrees.listing)
        can_edit = launcher.editor(self._environ) is not None
        can_enter = launcher.terminal(self._environ, "/") is not None
        return json_answer({**listing, "launch": {"editor": can_edit, "terminal": can_enter}})

    async def _facts_of(self, request: Request) -> Response:
        known = await self._known(request.query_params.get("worktree"))
        asked = request.query_params
        found = await self._facts.of(
            known.root,
            known.git_common_dir,
            again=asked.get("refresh") == "1",
            whole=asked.get("whole") == "1",
        )
        pull = found.pull_request
        return json_answer(
            {
                **found.as_json(known.root),
                "pullRequest": None if pull is None else pull.as_json(),
                "isWhole": found.is_whole,
            }
        )

    async def _stream(self, _request: Request) -> Response:
        return event_stream(self._page_events())

    async def _page_events(self) -> AsyncIterator[str]:
        """Yield the events for one page until it closes the stream."""
        name = secrets.token_hex(16)
        async with self.watch.watching() as watcher:
            self._streams[name] = watcher
            try:
                yield "retry: 1500\n" + event("hello", {"stream": name})
                while not (watcher.is_closed or self._closing):
                    news = await watcher.pending(KEEP_ALIVE_S)
                    yield "".join(event(kind, data) for kind, data in news) or ": still here\n\n"
            finally:
                del self._streams[name]

    async def _show_open(self, request: Request) -> Response:
        fields = await object_of(request)
        watcher, ids = self._streams.get(str(fields.get("stream"))), fields.get("worktrees")
        if watcher is None or not is_list(ids):
            raise BadRequestError("no such stream", 404)
        self.watch.show_open(watcher, frozenset(map(str, ids)))
        return json_answer({})

    async def _logs(self, request: Request) -> Response:
        known = await self._known(request.query_params.get("worktree"))
        lines = request.query_params.get("lines", "500")
        if not (lines.isascii() and lines.isdigit() and len(lines) <= 6):
            raise BadRequestError("lines takes a number")
        names, wanted = _log_query(request)
        tail = Tail(known.root, known.namespace, names, last=int(lines), wanted=wanted)
        return event_stream(self._log_lines(tail))

    async def _log_file(self, request: Request) -> Response:
        """Return all lines as a text file."""
        known = await self._known(request.query_params.get("worktree"))
        names, wanted = _log_query(request)
        name = "-".join((*names, known.namespace))
        safe = re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[:100]
        return StreamingResponse(
            text_lines(known.root, known.namespace, names, wanted),
            headers={
                "Content-Type": "text/plain; charset=utf-8",
                "Content-Disposition": f'attachment; filename="{safe}.log"',
            },
        )

    async def _log_lines(self, tail: Tail) -> AsyncIterator[str]:
        limit = anyio.CapacityLimiter(1)
        pause_s, said_s, is_all = _SHORTEST_PAUSE_S, time.monotonic(), False
        try:
            yield "retry: 1500\n" + event("hello", {})
            while not self._closing:
                lines = await to_thread.run_sync(tail.read_records, limiter=limit)
                if lines:
                    pause_s, said_s = _SHORTEST_PAUSE_S, time.monotonic()
                    yield event("lines", lines)
                    continue
                if not is_all:
                    is_all = True
                    yield event("end", {"matches": tail.matches})
                if time.monotonic() - said_s > KEEP_ALIVE_S:
                    said_s = time.monotonic()
                    yield ": still here\n\n"
                await anyio.sleep(pause_s)
                pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
        finally:
            tail.close()

    async def _environment(self, request: Request) -> Response:
        known = await self._known(request.query_params.get("worktree"))
        service = request.query_params.get("service", "")
        return json_answer(await self._actions.environment(known, service))

    async def _reveal(self, request: Request) -> Response:
        """Return a masked value; the request needs the token, as a change does."""
        fields = await object_of(request)
        known = await self._known(fields.get("worktree"))
        service, name = fields.get("service"), fields.get("name")
        if not isinstance(service, str) or not isinstance(name, str):
            raise BadRequestError("invalid request body")
        value = await self._actions.reveal(known, service, name)
        if value is None:
            raise BadRequestError("no such variable", 404)
        return json_answer({"value": value})

    async def _why(self, request: Request) -> Response:
        known = await self._known(request.query_params.get("worktree"))
        return json_answer(await self._actions.why(known, request.query_params.get("service", "")))

    async def _details(self, request: Request) -> Response:
        """Return what the page of a service shows: its plan, probes, runs and usage."""
        known = await self._known(request.query_params.get("worktree"))
        instance = request.query_params.get("service", "")
        history = await to_thread.run_sync(
            self._worktrees.events.history, known.root, known.namespace
        )
        full_name = f"{instance}-{known.namespace}"
        return json_answer(
            {
                "plan": await self._actions.description(known, instance),
                "runs": [run.as_json() for run in history.runs(instance)],
                "samples": self.watch.samples(known.id, full_name),
            }
        )

    async def _service(self, request: Request) -> Response:
        fields = await object_of(request)
        known = await self._known(fields.get("worktree"))
        action, service = fields.get("action"), fields.get("service")
        if action not in _ACTIONS:
            raise BadRequestError("invalid request body")
        if fields.get("all") is True:
            names = []
        elif isinstance(service, str) and service:
            names = [service]
        else:
            raise BadRequestError("invalid request body")
        answer = await self._actions.ask(known, f"/supervisor/{action}", names)
        return json_answer({"services": rows_of(answer)})

    async def _scale(self, request: Request) -> Response:
        fields = await object_of(request)
        known = await self._known(fields.get("worktree"))
        service, count = fields.get("service"), fields.get("count")
        if not isinstance(service, str) or service.startswith("-") or not service:
            raise BadRequestError("invalid request body")
        if type(count) is not int or not 0 <= count <= _MOST_INSTANCES:
            raise BadRequestError(f"count has to be between 0 and {_MOST_INSTANCES}")
        await self._actions.scale(known, service, count)
        return json_answer({})

    async def _stack(self, request: Request) -> Response:
        fields = await object_of(request)
        known = await self._known(fields.get("worktree"))
        match fields.get("action"):
            case "up":
                await self._actions.up(known)
            case "down":
                await self._actions.down(known)
            case _:
                raise BadRequestError("invalid request body")
        return json_answer({})

    async def _known(self, name: object) -> KnownWorktree:
        known = (await to_thread.run_sync(self._worktrees.known)).get(str(name))
        if known is None:
            raise BadRequestError("no such worktree", 404)
        return known


def _refuse_unless(is_allowed: bool) -> None:
    if not is_allowed:
        raise PanelForbiddenError


def _log_query(request: Request) -> tuple[tuple[str, ...], LineFilter]:
    """Return the services and the filter of a request for a log.

    Raises:
        BadRequestError: A parameter is invalid.
    """
    asked = request.query_params
    names = tuple(name for name in asked.getlist("service") if name)
    levels = frozenset(level for level in asked.get("levels", "").split(",") if level)
    stream, since = asked.get("stream", ""), asked.get("since", "")
    if not levels <= frozenset(LEVELS):
        raise BadRequestError(f"levels takes {', '.join(LEVELS)}")
    if stream not in ("", "out", "err"):
        raise BadRequestError("stream takes out or err")
    if since and not (since.isascii() and since.isdigit() and len(since) <= 15):
        raise BadRequestError("since takes milliseconds since the epoch")
    sought = asked.get("find", "")[:200]
    return names, LineFilter(sought, levels, stream, int(since) if since else None)
