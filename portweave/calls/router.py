"""Pure. Routes, and the chain of handlers that a request passes.

Routes are tried in the order of their declaration. A handler gets the request; if it takes two
arguments, it also gets `next`. `await next()` runs the rest of the chain and returns its answer.
The answer is what a handler returns. An exception that it raises, or passes to `next`, goes to
error handlers declared after it, never to earlier ones.
"""

from collections.abc import Callable, Iterable
from re import Pattern as Regex
from typing import Any, TypeVar, cast

from portweave.calls.address import normal
from portweave.calls.pattern import Pattern
from portweave.calls.request import Request
from portweave.calls.walk import Call, Direct, Next, Routes, Step, Walk, parted
from portweave.errors import BadPath

MOST_DIRECTS = 1024

Path = str | Regex[str] | Iterable[str | Regex[str]]
E = TypeVar("E", bound=Exception)


# The usual forms of a handler. Any function with such arguments is one.
Handler = Callable[[Request], Any] | Callable[[Request, Next], Any]
ErrorHandler = Callable[[E, Request], Any] | Callable[[E, Request, Next], Any]
ParamCallback = Callable[[Request, Any], Any] | Callable[[Request, Any, str], Any]
# Functions, routers, or lists of them.
Handlers = Handler | Iterable[Any]
H = TypeVar("H", bound=Call)


class Router(Routes):
    """Routes that can be mounted below a path of a connection, or of another router.

    Args:
        case_sensitive: Whether paths that differ by case are different.
        merge_params: Whether handlers also get the parameters of the path where it is mounted. The
            router's own win.
        exact: Whether routes match no paths below their own, unless they say so.
    """

    def __init__(
        self, *, case_sensitive: bool = True, merge_params: bool = False, exact: bool = False
    ) -> None:
        super().__init__(merge_params=merge_params)
        self.case_sensitive = case_sensitive
        self.exact = exact
        # The routes of paths seen before, as few paths are used again and again; None if the path
        # needs the whole chain.
        self._directs: dict[str, Direct | None] = {}

    def route(
        self,
        path: Path | Handlers = "",
        *handlers: Handlers,
        exact: bool | None = None,
    ) -> Callable[[H], H]:
        """Declare a route, as a decorator or with handlers, which are tried in order.

        Args:
            path: A pattern (`portweave.calls.pattern`), a compiled regular expression, or several
                of them. Without one, the route matches every path.
            handlers: Functions, routers, or lists of them.
            exact: Whether to match no paths below.

        Raises:
            TypeError: A handler is not a function, or there is none.
            ValueError: The pattern cannot be read.
        """
        if _is_handler(path):
            handlers = (cast("Handlers", path), *handlers)
            path = ""
        self._before_declaring()
        own = self.exact if exact is None else exact
        paths = cast("Path", path)

        def add(call: Call) -> None:
            # A mounted router gets the paths below, because they are for its routes.
            is_exact = own and not isinstance(call, Router)
            pattern = Pattern(paths, exact=is_exact, case_sensitive=self.case_sensitive)
            self.steps.append(Step(pattern, call))
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
        """Mount a router: it gets all paths below a path, which may be a pattern as in `route`.

        Raises:
            ValueError: The pattern cannot be read.
        """
        self.route(path, router)

    def error(
        self,
        kind: type[E] = Exception,  # type: ignore[assignment]
        *handlers: ErrorHandler[E],
        path: Path = "",
    ) -> Callable[[H], H]:
        """Declare a handler of errors, as a decorator or with handlers.

        It gets the error and the request; if it takes three arguments, it also gets `next`. The
        answer is what it returns. What it raises goes to later handlers. `await next(error)` passes
        the error on, and `await next()` goes on as if there had been no error.

        Args:
            kind: The class of errors to handle.
            handlers: Functions.
            path: As in `route`: only errors of matching requests are handled.

        Raises:
            TypeError: A handler is not a function.
            ValueError: The pattern cannot be read.
        """
        self._before_declaring()

        def add(call: Call) -> None:
            _check(call)
            pattern = Pattern(path, case_sensitive=self.case_sensitive)
            self.steps.append(Step(pattern, call, catches=kind))
            self._directs.clear()

        def declare(call: H) -> H:
            add(call)
            return call

        for handler in handlers:
            add(handler)
        return declare

    def param(self, name: str, callback: ParamCallback | None = None) -> Callable[[H], H]:
        """Declare a function that sees a parameter before the route's handlers do.

        It gets the request and the value; if it takes three arguments, it also gets the name. What
        it returns, unless None, replaces the value. It is called once for each value in a request.
        If it raises, the request fails.

        Args:
            name: The parameter: `id` for `:id`. Values are text.
            callback: The function; left out for a decorator.

        Raises:
            TypeError: It is not a function.
        """
        self._before_declaring()

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

    def _before_declaring(self) -> None:
        """Check that routes may be declared.

        Raises:
            ConfigError: They may not.
        """

    async def handle(self, req: Request) -> Any:
        """Answer a request.

        Raises:
            BadPath: The path cannot be decoded.
            RouteNotFound: No route has answered.
            Exception: A handler has raised it, and no error handler has taken it.
        """
        walk = Walk(self, req, normal(req.path), "", {}, None, 0)
        return await walk.go(0)

    def direct(self, path: str) -> Direct | None:
        """The plain function that alone answers a path, unless it fails; None if there is none."""
        try:
            return self._directs[path]
        except KeyError:
            pass
        if len(self._directs) >= MOST_DIRECTS:
            self._directs.clear()
        found = self._directs[path] = self._find_direct(path)
        return found

    def _find_direct(self, path: str) -> Direct | None:
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
            rest, matched = parted(whole, found.end)
            return Direct(index, step.call, rest, matched, found.params)
        return None

    async def resume(self, req: Request, direct: Direct, error: Exception) -> Any:
        """Continue the chain after the only handler has failed; otherwise as `handle`.

        Args:
            req: The request.
            direct: The handler, from `direct`.
            error: The exception that it has raised.
        """
        walk = Walk(self, req, normal(req.path), "", {}, None, 0)
        return await walk.go(direct.index + 1, error)


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
        raise TypeError(f"a handler must be a function, not {handler!r}")
