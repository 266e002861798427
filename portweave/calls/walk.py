"""Pure. Pass a request through declared routes."""

import inspect
from collections.abc import Callable
from typing import Any

from portweave.calls.pattern import Key, Match, Pattern
from portweave.calls.request import Request
from portweave.calls.trace import current
from portweave.errors import ClusterError, RouteNotFound

Call = Callable[..., Any]


class Routes:
    """Declared routes.

    Args:
        merge_params: As in `Router`.

    Attributes:
        steps: In the order of declaration.
        param_callbacks: By parameter, the functions that see it first.
    """

    def __init__(self, *, merge_params: bool) -> None:
        self.merge_params = merge_params
        self.steps: list[Step] = []
        self.param_callbacks: dict[str, list[Call]] = {}

    def __call__(self, req: Request, next: "Next") -> Any:  # noqa: A002
        """Answer a request, or call `next`. This makes a router a handler."""
        walk = Walk(self, req, req.path, req.base_path, req.params, next, 1)
        return walk.go(0)


class Step:
    """One handler of a route, a mounted router, or an error handler."""

    __slots__ = ("call", "catches", "is_async", "mounted", "pattern", "takes_next")

    def __init__(
        self,
        pattern: Pattern,
        call: Call,
        *,
        catches: type[Exception] | None = None,
    ) -> None:
        self.pattern = pattern
        self.mounted = call if isinstance(call, Routes) else None
        self.call: Call = call
        self.catches = catches
        own = 1 if catches is None else 2
        self.takes_next = self.mounted is None and _takes(call, own + 1)
        self.is_async = inspect.iscoroutinefunction(call)


class Next:
    """Runs the handlers after a handler, once."""

    __slots__ = ("_index", "_used", "_walk")

    def __init__(self, walk: "Walk", index: int) -> None:
        self._walk = walk
        self._index = index
        self._used = False

    async def __call__(self, error: Exception | str | None = None) -> Any:
        """Run the rest of the chain, and return its answer.

        Args:
            error: Goes to later error handlers. A text is an error with that message, except
                `"route"`, which is the same as nothing.

        Raises:
            ClusterError: The text, if no error handler takes it.
            RouteNotFound: There is no handler left.
            RuntimeError: It was called before.
            TypeError: It is neither text nor an exception.
        """
        if self._used:
            raise RuntimeError("next() was called twice by one handler")
        self._used = True
        if error is None or error == "route":
            return await self._walk.go(self._index)
        if isinstance(error, str):
            return await self._walk.go(self._index, ClusterError(error, type="Error"))
        if isinstance(error, Exception):  # pyright: ignore[reportUnnecessaryIsInstance]
            return await self._walk.go(self._index, error)
        raise TypeError(f"next() takes an exception, not {error!r}")


class Walk:
    """One request in one router."""

    __slots__ = ("_base", "_depth", "_outer", "_params", "_path", "_req", "_router")

    def __init__(
        self,
        router: Routes,
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
        """Run the first matching step from `start` on; with an error, an error handler.

        Args:
            start: Index of the first step to try.
            error: The error to handle.

        Raises:
            RouteNotFound: No step matches, and no handler is left.
            Exception: `error`, if no error handler takes it, or one that a handler has raised.
        """
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
            # So outer walks do not try the same handlers again.
            self._req.exhausted = (error, self._depth)
            raise error
        if self._outer is not None:
            return await self._outer()
        raise RouteNotFound(f"no route for {self._req.original_path!r}")

    async def _enter(self, index: int, step: Step, found: Match, error: Exception | None) -> Any:
        req = self._req
        before = (req.path, req.base_path, req.params)
        req.path, matched = parted(self._path, found.end)
        req.base_path = (
            f"{self._base}/{matched}" if self._base and matched else matched or self._base
        )
        req.params = (
            _merged(self._params, found.params) if self._router.merge_params else found.params
        )
        then = Next(self, index + 1)
        try:
            if step.mounted is not None:
                inner = Walk(
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
            except Exception as error:  # kept for the next route with the same value
                return given, None, error
            if made is not None:
                req.params[name] = made
        return given, req.params[name], None


class Direct:
    """The only handler of a path.

    Attributes:
        index: Index of its step.
        call: The function, which takes the request alone.
        path: The part after what the route has matched.
        base_path: The matched part.
        params: The pattern's parameters.
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
        """Call the function, in the request's context.

        The result may be an awaitable.
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


def parted(path: str, end: int) -> tuple[str, str]:
    """The part of a path after what a route has matched, and the matched part."""
    rest = path[end:]
    return rest if not rest or rest[0] == "/" else f"/{rest}", path[:end].rstrip("/")


def _is_exhausted(req: Request, raised: Exception, depth: int) -> bool:
    exhausted: tuple[Exception, int] | None = req.__dict__.get("exhausted")
    return exhausted is not None and exhausted[0] is raised and exhausted[1] <= depth


def _merged(outer: dict[Key, Any], own: dict[Key, Any]) -> dict[Key, Any]:
    """Parameters of a mounted router, and of its mount; numbered ones of the router come last."""
    offset = sum(isinstance(key, int) for key in outer)
    return outer | {
        key + offset if isinstance(key, int) else key: value for key, value in own.items()
    }


def _takes(call: Call, count: int) -> bool:
    """Whether a function should get `count` arguments.

    An argument with a default is the function's own, unless its name is `next`.
    """
    try:
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):  # some functions in C have no signature
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
