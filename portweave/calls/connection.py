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
    """One member of the star.

    Args:
        name: Under which others ask it; None for one that only asks.
        case_sensitive: Whether paths that differ by case are different.
        exact: Whether its routes take nothing below their paths, where they do not say so.
        max_concurrency: How many requests are handled at the same time.
        max_queue: How many more may wait; what comes then is answered `Overloaded`.
        timeout_s: For requests that do not say how long they may take; None for any time.

    Raises:
        ConfigError: One of these cannot be used.

    Attributes:
        name: Under which others ask it; None for one that only asks.
        key: The same; `worker` in each worker of a cluster.
        only_asks: Whether it is a worker of a cluster, which declares no routes.
        options: What `cluster.init` was given, and this connection's own variables.
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

    # What users call.

    def get(self, name: str, default: object = None) -> Any:
        """The value of an option or own variable; a name with dots goes into mappings.

        Args:
            name: Of the option; one that is there with its dots is taken first.
            default: Where there is none.
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
        """A router to be mounted; what is left out is as for this connection.

        Args:
            case_sensitive: Whether paths that differ by case are different.
            merge_params: As of `Router`.
            exact: As of `Router`.
        """
        return Router(
            case_sensitive=self.case_sensitive if case_sensitive is None else case_sensitive,
            merge_params=merge_params,
            exact=self.exact if exact is None else exact,
        )

    def map_error(self, name: str, make: Callable[[RemoteError], Exception]) -> None:
        """Have requests raise an exception of your own where a handler raised one of class `name`.

        Without that they raise `RemoteError`, whatever the other side calls its classes.

        Args:
            name: Of the class, without its module.
            make: Makes the exception to raise; the `RemoteError` becomes its cause.
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
        """Ask, and return the answer: the value, None for none, a tuple of several.

        Args:
            path: `connection/path`; or a path of the default connection.
            load: Values that JSON can hold.
            to: Name of the connection, where `path` is to be only a path.
            timeout: Seconds; None for any time; the connection's own if left out. Within a handler,
                not more than its own request has left.
            trace: The `traceparent` (W3C Trace Context) of what this is part of; by default that of
                the request that is handled. What is none begins a new trace.

        Raises:
            ClusterError: There is no (good) answer; its subclasses say why.
            Exception: What `map_error` has for it.
            TypeError: The path is no text, or the time is no number.
            ValueError, OverflowError: The time is no number of seconds.
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
        """Ask, and return all values of the answer, however many; else as `request`."""
        asking = self._asking
        left_s = self.timeout_s if timeout is UNSET else timeout
        return tuple(
            jsonrpc.values(await asking.call(*asking.prepare(path, load, to, left_s, trace)))
        )

    async def notify(
        self, path: str, *load: object, to: str | None = None, trace: str | None = None
    ) -> None:
        """Send what is not answered; whether anybody takes it is not told.

        Raises:
            HubUnreachable: The hub has gone.
            MessageTooLarge: It is more than the hub takes.
            NotSerializable: JSON cannot hold the load.
            TypeError: The path is no text.
        """
        await self._asking.notify(path, load, to, self.timeout_s, trace)

    def ready(self) -> None:
        """Say that all routes are declared: from now on, and not before, others' calls come.

        Raises:
            ConfigError: It has routes, and no name that others could ask it by.
        """
        if self.name is None and self.steps:
            raise ConfigError(
                "a connection without a name cannot be asked, so its routes are of no use",
                hint="connect(name='…') takes a free name; portweave up gives a service its own",
            )
        if not self._session.lost:
            self._session.link.write(jsonrpc.notification("$/ready", jsonrpc.NOTHING))

    async def serve(self) -> None:
        """Be ready, and answer until the hub has gone; errors as of `ready`."""
        self.ready()
        await self._session.link.closed()

    async def closed(self) -> None:
        """Wait until the hub has gone."""
        await self._session.link.closed()

    def _before_declaring(self) -> None:
        if self.only_asks:
            raise ConfigError(
                f"{self.name} is a worker, which cannot be asked: it declares no routes",
                hint="declare them in a connection with another name",
            )

    # What the one who connects calls.

    async def join(self, link: Link, token: str | None) -> None:
        """Say hello on a link.

        Raises:
            ClusterError: The hub does not want us.
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
        """Cancel the handlers that run, and leave."""
        self._asking.stop_alarm()
        self._cancelled.update(self._handled)
        await self._session.link.close()

    # What the link tells.

    def take(self, data: bytes) -> None:
        """Take bytes of the hub's."""
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
        """A line that the hub could read and we cannot: it is nested deeper than our stack."""
        if (found := jsonrpc.head(line)) is None:
            return
        number, is_request = found
        error = NotSerializable(f"{self.name or 'the asker'} cannot read the message: {why}")
        if is_request:
            self._session.link.write(jsonrpc.failure(b"%d" % number, error))
        elif (ours := self._asking.open.pop(number, None)) is not None and not ours.waiter.done():
            ours.waiter.set_result(error)

    def lost(self) -> None:
        """The hub has gone: nothing will be answered."""
        self._session.lost = True
        self._asking.fail_all()
        self._cancel_all()
