"""The panel's HTTP routes.

`/api/` has the interface of npm portweave's panel, in the same shape; `/api/v1/` has ours. The
files of the page are read once, at the start, and looked up by their whole names, so no requested
path reaches the file system.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from portweave.client.verb_queries import rows_of
from portweave.encoding.json_text import is_list
from portweave.errors import (
    LaunchForbiddenError,
    PanelForbiddenError,
    PortweaveError,
    UsageError,
)
from portweave.panel import launcher
from portweave.panel.access_rules import may_change, may_read
from portweave.panel.actions import Actions
from portweave.panel.http_messages import (
    KEEP_ALIVE_S,
    TYPES,
    BadRequestError,
    access_headers,
    assets,
    event,
    event_stream,
    json_answer,
    object_of,
    text_answer,
)
from portweave.panel.log_routes import LogRoutes
from portweave.panel.npm_routes import NpmRoutes
from portweave.panel.watch import Watch, Watcher
from portweave.panel.worktree_facts import FactFinder
from portweave.panel.worktree_lookup import known_by_id
from portweave.panel.worktrees import Worktrees

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
        self._logs = LogRoutes(self._worktrees)
        npm = NpmRoutes(environ, self._worktrees, self._actions, self._facts)
        self._assets = assets(self.token)
        self._reads: dict[str, Handler] = {
            "/api/allocations": npm.allocations,
            "/api/v1/worktrees": self._listing,
            "/api/v1/facts": self._facts_of,
            "/api/v1/stream": self._stream,
            "/api/v1/logs": self._logs.stream,
            "/api/v1/log-file": self._logs.file,
            "/api/v1/details": self._details,
            "/api/v1/environment": self._environment,
            "/api/v1/why": self._why,
        }
        self._changes: dict[str, Handler] = {
            "/api/prune": npm.prune,
            "/api/open": npm.open,
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
        self._logs.close()
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

    async def _listing(self, _request: Request) -> Response:
        listing = await to_thread.run_sync(self._worktrees.listing)
        can_edit = launcher.editor(self._environ) is not None
        can_enter = launcher.terminal(self._environ, "/") is not None
        return json_answer({**listing, "launch": {"editor": can_edit, "terminal": can_enter}})

    async def _facts_of(self, request: Request) -> Response:
        known = await known_by_id(self._worktrees, request.query_params.get("worktree"))
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

    async def _environment(self, request: Request) -> Response:
        known = await known_by_id(self._worktrees, request.query_params.get("worktree"))
        service = request.query_params.get("service", "")
        return json_answer(await self._actions.environment(known, service))

    async def _reveal(self, request: Request) -> Response:
        """Return a masked value; the request needs the token, as a change does."""
        fields = await object_of(request)
        known = await known_by_id(self._worktrees, fields.get("worktree"))
        service, name = fields.get("service"), fields.get("name")
        if not isinstance(service, str) or not isinstance(name, str):
            raise BadRequestError("invalid request body")
        value = await self._actions.reveal(known, service, name)
        if value is None:
            raise BadRequestError("no such variable", 404)
        return json_answer({"value": value})

    async def _why(self, request: Request) -> Response:
        known = await known_by_id(self._worktrees, request.query_params.get("worktree"))
        return json_answer(await self._actions.why(known, request.query_params.get("service", "")))

    async def _details(self, request: Request) -> Response:
        """Return what the page of a service shows: its plan, probes, runs and usage."""
        known = await known_by_id(self._worktrees, request.query_params.get("worktree"))
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
        known = await known_by_id(self._worktrees, fields.get("worktree"))
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
        known = await known_by_id(self._worktrees, fields.get("worktree"))
        service, count = fields.get("service"), fields.get("count")
        if not isinstance(service, str) or service.startswith("-") or not service:
            raise BadRequestError("invalid request body")
        if type(count) is not int or not 0 <= count <= _MOST_INSTANCES:
            raise BadRequestError(f"count has to be between 0 and {_MOST_INSTANCES}")
        await self._actions.scale(known, service, count)
        return json_answer({})

    async def _stack(self, request: Request) -> Response:
        fields = await object_of(request)
        known = await known_by_id(self._worktrees, fields.get("worktree"))
        match fields.get("action"):
            case "up":
                await self._actions.up(known)
            case "down":
                await self._actions.down(known)
            case _:
                raise BadRequestError("invalid request body")
        return json_answer({})


def _refuse_unless(is_allowed: bool) -> None:
    if not is_allowed:
        raise PanelForbiddenError
