"""Pure. Routes, and the chain of handlers that a request goes through.

Routes are tried in the order of their declaration. A handler is given the request, and where it
takes two arguments also `next`: `await next()` runs the rest of the chain and returns its answer.
What a handler returns is the answer. What it raises, or gives to `next`, goes to the error handlers
that were declared behind it, and never back to those before.
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


# What is declared, in its own forms; behind that it is any function.
Handler = Callable[[Request], Any] | Callable[[Request, Next], Any]
ErrorHandler = Callable[[E, Request], Any] | Callable[[E, Request, Next], Any]
ParamCallback = Callable[[Request, Any], Any] | Callable[[Request, Any, str], Any]
# Functions or routers, or lists of them.
Handlers = Handler | Iterable[Any]
H = TypeVar("H", bound=Call)


class Router(Routes):
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
        super().__init__(merge_params=merge_params)
        self.case_sensitive = case_sensitive
        self.exact = exact
        # Few paths are asked again and again; None for those that are not as simple as that.
        self._directs: dict[str, Direct | None] = {}

    def route(
        self,
        path: Path | Handlers = "",
        *handlers: Handlers,
        exact: bool | None = None,
    ) -> Callable[[H], H]:
        """Declare a route, as a decorator or with handlers; several are tried one after the other.

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
        self._before_declaring()
        own = self.exact if exact is None else exact
        paths = cast("Path", path)

        def add(call: Call) -> None:
            # What is mounted takes what is below it: that is what its own routes are for.
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
        """Have a router take all that is below a path, which may be a pattern as of `route`.

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

        It is given the error, the request, and where it takes three arguments also `next`: what it
        returns is the answer, what it raises goes on, `await next(error)` passes the error on, and
        `await next()` goes on as if there had been none.

        Args:
            kind: Class of the errors that it takes.
            handlers: Functions.
            path: As of `route`: for the errors of requests that it matches.

        Raises:
            TypeError: A handler is no function.
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
        """Have a function see a parameter before the handlers of a route that has found it.

        It is given the request, the value, and where it takes three arguments also the name; what
        it returns, unless that is None, takes the value's place. It is called once a request for
        the same value. What it raises, the request fails with.

        Args:
            name: Of the parameter: `id` for `:id`. Values are text.
            callback: The function, where this is no decorator.

        Raises:
            TypeError: It is no function.
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
        """See that routes may be declared.

        Raises:
            ConfigError: They may not.
        """

    async def handle(self, req: Request) -> Any:
        """Answer a request.

        Raises:
            BadPath: The path cannot be decoded.
            RouteNotFound: No route has answered.
            Exception: What a handler has raised, and no error handler has taken.
        """
        walk = Walk(self, req, normal(req.path), "", {}, None, 0)
        return await walk.go(0)

    def direct(self, path: str) -> Direct | None:
        """The plain function that is all that a path leads to, unless it fails; else None."""
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
        """Go on where the function that a path leads to has failed; else as `handle`."""
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
        raise TypeError(f"a handler is a function, not {handler!r}")
