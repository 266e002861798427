"""Requests of ours: numbered, sent, and waited for."""

import logging
from collections.abc import Callable
from json import dumps
from math import inf

from msgspec import Struct

from portweave.calls.address import guarded
from portweave.calls.link import Waiter
from portweave.calls.session import Session, hub_gone
from portweave.calls.trace import Spans, current, read
from portweave.encoding import jsonrpc
from portweave.errors import ClusterError, NotSerializable, RemoteError, RequestTimeout

log = logging.getLogger("portweave.calls")

# The hub tells when the time is up. This much later it is taken for dead.
_GRACE_S = 0.5
# What is due is not looked for more often than this.
_LATE_S = 0.02


class Open(Struct, eq=False):
    """A request that waits for its answer.

    Attributes:
        waiter: Who has made it.
        asked: Whom or what, in words.
        due_s: When the hub is to have said at last that nobody has answered.
    """

    waiter: Waiter
    asked: str
    due_s: float


class Requester:
    """All requests of one connection.

    Args:
        session: Where they go.

    Attributes:
        open: What waits for its answer, by our numbers. Who takes one out wakes its waiter.
        mapped: Makes the exception to raise for a handler's, by the name of its class.
    """

    def __init__(self, session: Session) -> None:
        self.open: dict[int, Open] = {}
        self.mapped: dict[str, Callable[[RemoteError], Exception]] = {}
        self._session = session
        self._spans = Spans()
        self._numbers = 0
        # No open request is due before.
        self._next_due_s = inf
        self._alarm: Callable[[], object] | None = None
        self._traced = log.isEnabledFor(logging.DEBUG)

    def prepare(
        self,
        path: str,
        load: tuple[object, ...],
        to: str | None,
        left_s: float | None,
        trace: str | None = None,
    ) -> tuple[int, bytes, str, float | None]:
        """Number and line of a request, what it asks, and how many seconds it has.

        Args:
            path: As of `Connection.request`.
            load: Values.
            to: Name of a connection, where `path` is only a path.
            left_s: How long it may take; within a handler not more than that has left.
            trace: A `traceparent` that it is part of; by default that of the handler, or a new one.

        Raises:
            NotSerializable: JSON cannot hold the load.
            TypeError: The path is no text, or the time is no number.
            ValueError, OverflowError: The time is no number of seconds.
        """
        path, more = _addressed(path, to)
        params = _params(load)
        scope = current.get()
        parent = "" if trace is None else read(trace)
        if scope is None:
            trace = self._spans.child_of(parent)
        else:
            trace = self._spans.child_of(parent or scope.traceparent)
            if scope.due_s is not None:
                rest_s = max(0.0, scope.due_s - self._session.link.time())
                left_s = rest_s if left_s is None else min(left_s, rest_s)
        if self._traced:
            hop = {"event": "ask", "path": path if to is None else f"{to}/{path}"}
            log.debug("%s", dumps({**hop, "traceparent": trace}))
        self._numbers = number = self._numbers + 1
        if left_s is None:
            line = jsonrpc.request(number, path, params, jsonrpc.meta_member(None, trace, more))
        else:
            try:
                left_ms = int(left_s * 1000.0)
            except (TypeError, ValueError, OverflowError) as error:
                text = f"timeout is a number of seconds, or None for any time, not {left_s!r}"
                raise type(error)(text) from None
            line = jsonrpc.passed_on(number, jsonrpc.encode(path), params, left_ms, trace, more)
        return number, line, path if to is None else to, left_s

    async def call(
        self, number: int, line: bytes, asked: str, left_s: float | None
    ) -> "jsonrpc.Raw | bytes":
        """Send what `prepare` has made, and wait for the values of its answer.

        Raises:
            ClusterError: There is no (good) answer; or what `mapped` makes of it.
        """
        session = self._session
        session.check(line)
        link = session.link
        if link.is_full:
            await link.drain()
            if session.lost:
                raise hub_gone()
        waiter = link.waiter()
        due_s = inf if left_s is None else link.time() + left_s + _GRACE_S
        self.open[number] = Open(waiter, asked, due_s)
        if due_s < self._next_due_s:
            self._set_alarm(due_s)
        # Alone, it goes at once; one of many goes with the others.
        link.write(line, now=len(self.open) == 1)
        try:
            answer = await waiter
        except BaseException:
            if self.open.pop(number, None) is not None and not session.lost:
                link.write(jsonrpc.notification("$/cancel", b"[%d]" % number))
            raise
        if isinstance(answer, ClusterError):
            raise answer
        message: jsonrpc.Message = answer
        if message.result is not jsonrpc.UNSET:
            return message.result
        assert message.error is not jsonrpc.UNSET
        error = jsonrpc.decode_error(message.error, asked.lstrip("/").partition("/")[0])
        if isinstance(error, RemoteError) and (make := self.mapped.get(error.type)):
            raise make(error) from error
        raise error

    async def hello(self, wishes: dict[str, object]) -> "jsonrpc.Raw | bytes":
        """Say hello, and wait for the values of the hub's answer.

        Raises:
            ClusterError: The hub does not want us.
        """
        self._numbers += 1
        line = jsonrpc.request(self._numbers, "$/hello", jsonrpc.array([wishes]), b"")
        return await self.call(self._numbers, line, "hub", None)

    async def notify(
        self,
        path: str,
        load: tuple[object, ...],
        to: str | None,
        left_s: float | None,
        trace: str | None = None,
    ) -> None:
        """Send what is not answered; arguments as of `prepare`.

        Raises:
            HubUnreachable: The hub has gone.
            MessageTooLarge: It is more than the hub takes.
            NotSerializable: JSON cannot hold the load.
            TypeError: The path is no text.
        """
        path, more = _addressed(path, to)
        scope = current.get()
        parent = "" if trace is None else read(trace)
        trace = self._spans.child_of(parent or (scope.traceparent if scope is not None else ""))
        meta = jsonrpc.meta_member(None if left_s is None else left_s * 1000, trace, more)
        await self._session.write(jsonrpc.notification(path, _params(load), meta))

    def _set_alarm(self, due_s: float) -> None:
        """Look at what is open at `due_s`.

        Nearly all is answered long before its time is up: so nothing is set for each request, and
        what is open is looked through when the first of it could be due.
        """
        self.stop_alarm()
        self._next_due_s = due_s
        self._alarm = self._session.link.call_at(due_s + _LATE_S, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        now_s = self._session.link.time()
        next_s = inf
        for ours in list(self.open.values()):
            if ours.due_s > now_s:
                next_s = min(next_s, ours.due_s)
            elif not ours.waiter.done():
                text = f"no answer from {ours.asked}, nor from the hub"
                ours.waiter.set_result(RequestTimeout(text))
        self._next_due_s = next_s
        if next_s < inf:
            self._set_alarm(next_s)

    def stop_alarm(self) -> None:
        """Look for nothing that is due any more."""
        if self._alarm is not None:
            self._alarm()

    def fail_all(self) -> None:
        """The hub has gone: nothing will be answered."""
        opens, self.open = self.open, {}
        for ours in opens.values():
            if not ours.waiter.done():
                ours.waiter.set_result(hub_gone())


def _addressed(path: object, to: object) -> tuple[str, bytes]:
    """The method of a request, and the member of its `meta` that names the connection."""
    if not isinstance(path, str):
        raise TypeError(f"the path of a request is text, not {path!r}")
    if to is None:
        return path, b""
    if not isinstance(to, str):
        raise TypeError(f"to is the name of a connection, not {to!r}")
    return guarded(path), jsonrpc.to_member(to)


def _params(load: tuple[object, ...]) -> bytes:
    try:
        return jsonrpc.array(load)
    except NotSerializable:
        if not any(map(callable, load)):
            raise
        raise NotSerializable(
            "a request takes no callback: await it for its answer",
            hint="value = await connection.request(path, …)",
        ) from None
