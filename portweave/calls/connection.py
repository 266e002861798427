"""A connection to the hub: asks, and answers by its routes."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, cast

from portweave.calls.answering import Responder
from portweave.calls.asking import Requester
from portweave.calls.link import Link
from portweave.calls.options import (
    CONCURRENCY,
    QUEUE,
    TIMEOUT_S,
    check_name,
    check_number,
    check_seconds,
)
from portweave.calls.router import Router
from portweave.calls.session import Session
from portweave.encoding import jsonrpc
from portweave.errors import ConfigError, NotSerializable, RemoteError


class _Unset(Enum):
    """Stands for the default, where None means something."""

    UNSET = "unset"


UNSET: Final = _Unset.UNSET


class Connection(Responder):
    """A connection to the hub, which calls and answers.

    Args:
        name: The name that addresses use; None if the connection only calls.
        case_sensitive: Whether paths that differ by case are different.
        exact: Whether routes match no paths below their own, unless they say so.
        max_concurrency: How many requests are handled at the same time.
        max_queue: How many more may wait. Further ones are answered `Overloaded`.
        timeout_s: For requests without a time limit; None for no limit.

    Raises:
        ConfigError: An argument cannot be used.

    Attributes:
        name: As the argument.
        key: As the name; `worker` in each worker of a cluster.
        only_asks: Whether it is a worker of a cluster, which declares no routes.
        options: The options of `cluster.init`, and this connection's own variables.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        case_sensitive: bool = True,
        exact: bool = False,
        max_concurrency: int = CONCURRENCY,
        max_queue: int = QUEUE,
        timeout_s: float | None = TIMEOUT_S,
    ) -> None:
        session = Session()
        super().__init__(
            None if name is None else check_name(name),
            session,
            case_sensitive=case_sensitive,
            exact=exact,
            max_concurrency=check_number(max_concurrency, "max_concurrency", CONCURRENCY, 1),
            max_queue=check_number(max_queue, "max_queue", QUEUE, 0),
        )
        self.key = name
        self.only_asks = False
        self.timeout_s = check_seconds(timeout_s, "timeout_s")
        self._asking = Requester(session)
        self._reader = jsonrpc.LineReader(session.max_bytes + jsonrpc.SLACK_BYTES)

    # For users.

    def get(self, name: str, default: object = None) -> Any:
        """The value of an option or variable. A name with dots leads into mappings.

        Args:
            name: The option. A key that contains the dots itself wins.
            default: The result if there is no value.
        """
        found: object = self.options
        for part in [name] if name in self.options else name.split("."):
            if not isinstance(found, dict) or part not in found:
                return default
            found = cast("dict[str, object]", found)[part]
        return found

    def router(
        self,
        *,
        case_sensitive: bool | None = None,
        merge_params: bool = False,
        exact: bool | None = None,
    ) -> Router:
        """A router to mount. Arguments that are left out are those of this connection.

        Args:
            case_sensitive: Whether paths that differ by case are different.
            merge_params: As in `Router`.
            exact: As in `Router`.
        """
        return Router(
            case_sensitive=self.case_sensitive if case_sensitive is None else case_sensitive,
            merge_params=merge_params,
            exact=self.exact if exact is None else exact,
        )

    def map_error(self, name: str, make: Callable[[RemoteError], Exception]) -> None:
        """Raise an exception of your own if a handler has raised one of class `name`.

        Without this, requests raise `RemoteError`, whatever classes the other side has.

        Args:
            name: The class, without its module.
            make: Makes the exception to raise. The `RemoteError` becomes its cause.
        """
        self._asking.mapped[name] = make

    async def request(
        self,
        path: str,
        *load: object,
        to: str | None = None,
        timeout: float | _Unset | None = UNSET,  # noqa: ASYNC109 (it travels with the request)
        trace: str | None = None,
    ) -> Any:
        """Call a route, and return the answer: a value, None for no value, a tuple of several.

        Args:
            path: `connection/path`, or a path of the default connection.
            load: Values that JSON can hold.
            to: Name of the connection, if `path` is only a path.
            timeout: Seconds; None for no limit. The default is the connection's. Within a handler,
                it is at most the time that the handled request has left.
            trace: The `traceparent` (W3C Trace Context) that the call belongs to. The default is
                that of the handled request. An invalid one begins a new trace.

        Raises:
            ClusterError: The answer is an error, or there is none. Subclasses tell why.
            Exception: An exception from `map_error`.
            TypeError: The path is not text, or the time is not a number.
            ValueError, OverflowError: The time is not a number of seconds.
        """
        asking = self._asking
        left_s = self.timeout_s if timeout is UNSET else timeout
        found = jsonrpc.values(await asking.call(*asking.prepare(path, load, to, left_s, trace)))
        if len(found) == 1:
            return found[0]
        return tuple(found) if found else None

    async def request_many(
        self,
        path: str,
        *load: object,
        to: str | None = None,
        timeout: float | _Unset | None = UNSET,  # noqa: ASYNC109
        trace: str | None = None,
    ) -> tuple[Any, ...]:
        """Call a route, and return all values of the answer as a tuple.

        Args:
            path: As in `request`.
            load: As in `request`.
            to: As in `request`.
            timeout: As in `request`.
            trace: As in `request`.

        Raises:
            ClusterError: As in `request`, with its other exceptions.
        """
        asking = self._asking
        left_s = self.timeout_s if timeout is UNSET else timeout
        return tuple(
            jsonrpc.values(await asking.call(*asking.prepare(path, load, to, left_s, trace)))
        )

    async def notify(
        self, path: str, *load: object, to: str | None = None, trace: str | None = None
    ) -> None:
        """Send a message without an answer. You are not told whether a route takes it.

        Args:
            path: As in `request`.
            load: As in `request`.
            to: As in `request`.
            trace: As in `request`.

        Raises:
            HubUnreachable: The hub has gone.
            MessageTooLarge: The message is longer than the hub allows.
            NotSerializable: JSON cannot hold the load.
            TypeError: The path is not text.
        """
        await self._asking.notify(path, load, to, self.timeout_s, trace)

    def ready(self) -> None:
        """Tell the hub that all routes are declared. It sends no requests before.

        Raises:
            ConfigError: The connection has routes, but no name for addresses.
        """
        if self.name is None and self.steps:
            raise ConfigError(
                "a connection without a name cannot be called, so its routes are of no use",
                hint="connect(name='…') takes a free name; portweave up gives a service its own",
            )
        if not self._session.lost:
            self._session.link.write(jsonrpc.notification("$/ready", jsonrpc.NOTHING))

    async def serve(self) -> None:
        """Be ready, and answer until the hub has gone; errors as in `ready`."""
        self.ready()
        await self._session.link.closed()

    async def closed(self) -> None:
        """Wait until the hub has gone."""
        await self._session.link.closed()

    def _before_declaring(self) -> None:
        if self.only_asks:
            raise ConfigError(
                f"{self.name} is a worker, which cannot be called: it declares no routes",
                hint="declare them in a connection with another name",
            )

    # For the code that connects.

    async def join(self, link: Link, token: str | None) -> None:
        """Say hello on a link.

        Args:
            link: The link to the hub.
            token: What proves the right to the name; None if it needs no proof.

        Raises:
            ClusterError: The hub refuses.
        """
        session = self._session
        session.link = link
        hello: dict[str, object] = {"name": self.name, "token": token, "protocol": 1}
        hello |= {"max_concurrency": self.max_concurrency, "max_queue": self.max_queue}
        found = jsonrpc.values(await self._asking.hello(hello))
        told = cast("dict[str, Any]", found[0])
        session.max_bytes = int(told["max_message"])
        self._reader = jsonrpc.LineReader(session.max_bytes + jsonrpc.SLACK_BYTES)
        self.options = {**told["options"], **self.options}

    async def close(self) -> None:
        """Cancel running handlers, and disconnect."""
        self._asking.stop_alarm()
        self._cancelled.update(self._handled)
        await self._session.link.close()

    # For the link.

    def take(self, data: bytes) -> None:
        """Receive bytes from the hub."""
        for line in self._reader.feed(data):
            try:
                message = jsonrpc.decode(line)
            except jsonrpc.BadLineError as error:
                self._take_bad_line(line, str(error))
                continue
            method = message.method
            if method is jsonrpc.UNSET:
                number = message.id
                ours = self._asking.open.pop(number, None) if isinstance(number, int) else None
                if ours is not None and not ours.waiter.done():
                    ours.waiter.set_result(message)
            else:
                self._take_request(message, method)
        if self._reader.overflowed:
            self.lost()

    def _take_bad_line(self, line: bytes, why: str) -> None:
        """Handle a line that the hub could read, but this process cannot: it is nested too deep."""
        if (found := jsonrpc.head(line)) is None:
            return
        number, is_request = found
        error = NotSerializable(f"{self.name or 'the asker'} cannot read the message: {why}")
        if is_request:
            self._session.link.write(jsonrpc.failure(b"%d" % number, error))
        elif (ours := self._asking.open.pop(number, None)) is not None and not ours.waiter.done():
            ours.waiter.set_result(error)

    def lost(self) -> None:
        """Fail all requests, because the hub has gone."""
        self._session.lost = True
        self._asking.fail_all()
        self._cancel_all()
