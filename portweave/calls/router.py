"""Routes, and the chain of handlers that a request goes through.

Routes are tried in the order of their declaration. A handler is given the request, and where it
takes two arguments also `next`: `await next()` runs the rest of the chain and returns its answer.
What a handler returns is the answer. What it raises, or gives to `next`, goes to the error handlers
that were declared behind it, and never back to those before.
"""

import inspect
from collections.abc import Callable, Iterable
from re import Pattern as Regex
from typing import Any, TypeVar, cast

from portweave.calls.address import normal
from portweave.calls.pattern import Key, Match, Pattern
from portweave.calls.request import Request
from portweave.calls.trace import current
from portweave.errors import BadPath, RouteNotFound

MOST_DIRECTS = 1024

Path = str | Regex[str] | Iterable[str | Regex[str]]
E = TypeVar("E", bound=Exception)


class Next:
    """Runs what is behind a handler, once."""

    __slots__ = ("_index", "_used", "_walk")

    def __init__(self, walk: "_Walk", index: int) -> None:
        self._walk = walk
        self._index = index
        self._used = False

    async def __call__(self, error: Exception | str | None = None) -> Any:
        """Run the rest of the chain, and return its answer.

        Args:
            error: Given to the error handlers behind; `"route"` is the same as nothing.

        Raises:
            RouteNotFound: There is no handler left.
            RuntimeError: It was called before.
        """
        if self._used:
            raise RuntimeError("next() was called twice by one handler")
        self._used = True
        if error is None or error == "route":
            return await self._walk.go(self._index)
        if isinstance(error, Exception):
            return await self._walk.go(self._index, error)
        raise TypeError(f"next() takes an exception, not {error!r}")


# What is declared, in its own forms; behind that it is any function.
Handler = Callable[[Request], Any] | Callable[[Request, Next], Any]
ErrorHandler = Callable[[E, Request], Any] | Callable[[E, Request, Next], Any]
ParamCallback = Callable[[Request, Any], Any] | Callable[[Request, Any, str], Any]
# Functions or routers, or lists of them.
Handlers = Handler | Iterable[Any]
Call = Callable[..., Any]
H = TypeVar("H", bound=Call)


class _Step:
    """One handler of a route, a router that is mounted, or an error handler."""

    __slots__ = ("call", "catches", "is_async", "mounted", "pattern", "takes_next")

    def __init__(
        self,
        pattern: Pattern,
        call: Call,
        *,
        catches: type[Exception] | None = None,
    ) -> None:
        self.pattern = pattern
        self.mounted = call if isinstance(call, Router) else None
        self.call: Call = call
        self.catches = catches
        own = 1 if catches is None else 2
        self.takes_next = self.mounted is None and _takes(call, own + 1)
        self.is_async = inspect.iscoroutinefunction(call)


class Router:
    """Routes that can be mounted below a path of a connection, or of another router.

    Args:
        case_sensitive: Whether paths that differ by case are different.
        merge_params: Whether what was found in the path that it is mounted at is seen too; its own
            win.
        exact: Whether its routes take nothing below their paths, where they do not say so.
    """

    def __init__(
        self, *, case_sensitive: bool = True, merge_params: bool = False, exact: bool = False
    ) -> None:
        self.case_sensitive = case_sensitive
        self.merge_params = merge_params
        self.exact = exact
        self.steps: list[_Step] = []
        self.param_callbacks: dict[str, list[Call]] = {}
        # Few paths are asked again and again; None for those that are not as simple as that.
        self._directs: dict[str, Direct | None] = {}

    def route(
        self,
        path: Path | Handlers = "",
        *handlers: Handlers,
        exact: bool | None = None,
    ) -> Callable[[H], H]:
        """Declare a route, as a decorator or with handlers.

        Args:
            path: A pattern (`portweave.calls.pattern`), a compiled regular expression, or several
                of them; left out, the route takes every path.
            handlers: Functions or routers, or lists of them.
            exact: Whether it takes nothing below its path.

        Raises:
            TypeError: A handler is no function, or there is none.
            ValueError: The pattern cannot be read.
        """
        if _is_handler(path):
            handlers = (cast("Handlers", path), *handlers)
            path = ""
        own = self.exact if exact is None else exact
        paths = cast("Path", path)

        def add(call: Call) -> None:
            # What is mounted takes what is below it: that is what its own routes are for.
            is_exact = own and not isinstance(call, Router)
            pattern = Pattern(paths, exact=is_exact, case_sensitive=self.case_sensitive)
            self.steps.append(_Step(pattern, call))
            self._directs.clear()

        def declare(call: H) -> H:
            _check(call)
            add(call)
            return call

        if handlers:
            found = list(_flat(cast("Iterable[object]", handlers)))
            if not found:
                raise TypeError("a route needs a handler")
            for handler in found:
                add(handler)
        return declare

    def mount(self, path: Path, router: "Router") -> None:
        """Have a router take all that is below a path."""
        self.route(path, router)

    def error(
        self,
        kind: type[E] = Exception,  # type: ignore[assignment]
        *handlers: ErrorHandler[E],
        path: Path = "",
    ) -> Callable[[H], H]:
        """Declare a handler of errors, as a decorator or with handlers.

        It is given the error, the request, and where it takes three arguments also `next`: what it
        returns is the answer, what it raises goes on, `await next(error)` passes the error on, and
        `await next()` goes on as if there had been none.
        """

        def add(call: Call) -> None:
            _check(call)
            pattern = Pattern(path, case_sensitive=self.case_sensitive)
            self.steps.append(_Step(pattern, call, catches=kind))
            self._directs.clear()

        def declare(call: H) -> H:
            add(call)
            return call

        for handler in handlers:
            add(handler)
        return declare

    def param(self, name: str, callback: ParamCallback | None = None) -> Callable[[H], H]:
        """Have a function see a parameter before the handlers of a route that has found it.

        It is given the request, the value, and where it takes three arguments also the name; what
        it returns, unless that is None, takes the value's place. It is called once a request for
        the same value. What it raises, the request fails with.
        """

        def add(call: Call) -> None:
            _check(call)
            self.param_callbacks.setdefault(name, []).append(call)
            self._directs.clear()

        def declare(call: H) -> H:
            add(call)
            return call

        if callback is not None:
            add(callback)
        return declare

    async def handle(self, req: Request) -> Any:
        """Answer a request.

        Raises:
            BadPath: The path cannot be decoded.
            RouteNotFound: No route has answered.
            Exception: What a handler has raised, and no error handler has taken.
        """
        walk = _Walk(self, req, normal(req.path), "", {}, None, 0)
        return await walk.go(0)

    def direct(self, path: str) -> "Direct | None":
        """The plain function that is all that a path leads to, unless it fails; else None."""
        try:
            return self._directs[path]
        except KeyError:
            pass
        if len(self._directs) >= MOST_DIRECTS:
            self._directs.clear()
        found = self._directs[path] = self._find_direct(path)
        return found

    def _find_direct(self, path: str) -> "Direct | None":
        try:
            whole = normal(path).lstrip("/")
        except BadPath:
            return None
        for index, step in enumerate(self.steps):
            if step.catches is not None or (found := step.pattern.match(whole)) is None:
                continue
            if step.mounted is not None or step.takes_next or step.is_async:
                return None
            if found.params and self.param_callbacks:
                return None
            rest, matched = _parted(whole, found.end)
            return Direct(index, step.call, rest, matched, found.params)
        return None

    async def resume(self, req: Request, direct: "Direct", error: Exception) -> Any:
        """Go on where the function that a path leads to has failed; else as `handle`."""
        walk = _Walk(self, req, normal(req.path), "", {}, None, 0)
        return await walk.go(direct.index + 1, error)

    def __call__(self, req: Request, next: Next) -> Any:  # noqa: A002
        """Answer a request by hand, or go on behind."""
        walk = _Walk(self, req, req.path, req.base_path, req.params, next, 1)
        return walk.go(0)


class Direct:
    """What is all that a path leads to.

    Attributes:
        index: Of the step.
        call: Its function, which takes the request alone.
        path: What is behind the part that the route has matched.
        base_path: That part.
        params: What the pattern has found.
    """

    __slots__ = ("base_path", "call", "index", "params", "path")

    def __init__(
        self, index: int, call: Call, path: str, base_path: str, params: dict[Key, Any]
    ) -> None:
        self.index = index
        self.call = call
        self.path = path
        self.base_path = base_path
        self.params = params

    def run(self, req: Request) -> Any:
        """Have the function answer, in a context of the request's own.

        What it returns may still have to be awaited.
        """
        current.set(req)
        before = req.path
        req.path = self.path
        req.base_path = self.base_path
        if self.params:
            req.params = self.params.copy()
        try:
            return self.call(req)
        finally:
            req.path = before
            req.base_path = ""
            if self.params:
                req.params = {}


class _Walk:
    """One request on its way through one router."""

    __slots__ = ("_base", "_depth", "_outer", "_params", "_path", "_req", "_router")

    def __init__(
        self,
        router: Router,
        req: Request,
        path: str,
        base: str,
        params: dict[Key, Any],
        outer: Next | None,
        depth: int,
    ) -> None:
        self._router = router
        self._req = req
        self._path = path.lstrip("/")
        self._base = base
        self._params = params
        self._outer = outer
        self._depth = depth

    async def go(self, start: int, error: Exception | None = None) -> Any:
        """Run the first step from `start` on that fits; with an error, an error handler."""
        steps = self._router.steps
        for index in range(start, len(steps)):
            step = steps[index]
            if step.catches is None:
                if error is not None:
                    continue
            elif error is None or not isinstance(error, step.catches):
                continue
            found = step.pattern.match(self._path)
            if found is not None:
                return await self._enter(index, step, found, error)
        if error is not None:
            # So that nobody who is nearer to the beginning tries the same handlers again.
            self._req.exhausted = (error, self._depth)
            raise error
        if self._outer is not None:
            return await self._outer()
        raise RouteNotFound(f"no route for {self._req.original_path!r}")

    async def _enter(self, index: int, step: _Step, found: Match, error: Exception | None) -> Any:
        req = self._req
        before = (req.path, req.base_path, req.params)
        req.path, matched = _parted(self._path, found.end)
        req.base_path = (
            f"{self._base}/{matched}" if self._base and matched else matched or self._base
        )
        req.params = (
            _merged(self._params, found.params) if self._router.merge_params else found.params
        )
        then = Next(self, index + 1)
        try:
            if step.mounted is not None:
                inner = _Walk(
                    step.mounted, req, req.path, req.base_path, req.params, then, self._depth + 1
                )
                return await inner.go(0)
            if found.params and self._router.param_callbacks:
                await self._see_params(found.params)
            if step.is_async:
                await req.wait()
            if error is not None:
                answer = step.call(error, req, then) if step.takes_next else step.call(error, req)
            else:
                answer = step.call(req, then) if step.takes_next else step.call(req)
            if step.is_async or hasattr(answer, "__await__"):
                await req.wait()
                answer = await answer
        except Exception as raised:
            if _is_exhausted(req, raised, self._depth):
                raise
            return await self.go(index + 1, raised)
        finally:
            req.path, req.base_path, req.params = before
        return answer

    async def _see_params(self, found: dict[Key, Any]) -> None:
        req = self._req
        seen: dict[object, tuple[object, object, Exception | None]] = req.__dict__.setdefault(
            "_seen_params", {}
        )
        for name in [key for key in found if key in self._router.param_callbacks]:
            given = found[name]
            before = seen.get((id(self._router), name))
            if before is None or before[0] != given:
                before = seen[id(self._router), name] = await self._see(str(name), given)
            if before[2] is not None:
                raise before[2]
            req.params[name] = before[1]

    async def _see(self, name: str, given: object) -> tuple[object, object, Exception | None]:
        req = self._req
        for callback in self._router.param_callbacks[name]:
            value = req.params[name]
            try:
                made = callback(req, value, name) if _takes(callback, 3) else callback(req, value)
                if hasattr(made, "__await__"):
                    await req.wait()
                    made = await made
            except Exception as error:  # kept, for the next route that has the same value
                return given, None, error
            if made is not None:
                req.params[name] = made
        return given, req.params[name], None


def _parted(path: str, end: int) -> tuple[str, str]:
    """What is behind the part that a route has matched, and that part."""
    rest = path[end:]
    return rest if not rest or rest[0] == "/" else f"/{rest}", path[:end].rstrip("/")


def _is_exhausted(req: Request, raised: Exception, depth: int) -> bool:
    exhausted: tuple[Exception, int] | None = req.__dict__.get("exhausted")
    return exhausted is not None and exhausted[0] is raised and exhausted[1] <= depth


def _merged(outer: dict[Key, Any], own: dict[Key, Any]) -> dict[Key, Any]:
    """Parameters of a mounted router and of where it is mounted; what has a number goes behind."""
    offset = sum(isinstance(key, int) for key in outer)
    return outer | {
        key + offset if isinstance(key, int) else key: value for key, value in own.items()
    }


def _is_handler(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        first = next(iter(cast("Iterable[object]", value)), None)
        return _is_handler(first)
    return callable(value)


def _flat(handlers: Iterable[object]) -> Iterable[Call]:
    for handler in handlers:
        if isinstance(handler, (list, tuple)):
            yield from _flat(cast("Iterable[object]", handler))
        else:
            _check(handler)
            yield cast("Call", handler)


def _check(handler: object) -> None:
    if not callable(handler):
        raise TypeError(f"a handler is a function, not {handler!r}")


def _takes(call: Call, count: int) -> bool:
    """Whether a function is to be given `count` arguments.

    An argument that has a default is the function's own, unless it is called `next`.
    """
    try:
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):  # of what is written in C, some do not tell
        return False
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return True
    places = [
        parameter
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if len(places) < count:
        return False
    last = places[count - 1]
    return last.default is last.empty or last.name == "next"
