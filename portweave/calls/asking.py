"""Send requests to the hub, and wait for their answers."""

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

# The hub reports a timeout. If it has not, this much later, the hub counts as dead.
_GRACE_S = 0.5
# How late a deadline may be noticed.
_LATE_S = 0.02


class Open(Struct, eq=False):
    """A request that waits for its answer.

    Attributes:
        waiter: Waits for the answer.
        asked: What was called, in words.
        due_s: When the hub should have reported the timeout at the latest.
    """

    waiter: Waiter
    asked: str
    due_s: float


class Requester:
    """All open requests of one connection.

    Args:
        session: The session with the hub.

    Attributes:
        open: Open requests by number. Code that removes one must resume its waiter.
        mapped: By the name of a remote class, a function that makes the exception to raise.
    """

    def __init__(self, session: Session) -> None:
        self.open: dict[int, Open] = {}
        self.mapped: dict[str, Callable[[RemoteError], Exception]] = {}
        self._session = session
        self._spans = Spans()
        self._numbers = 0
        # The earliest deadline of any open request.
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
        """Make a request; return number, line, a description, and its time limit in seconds.

        Args:
            path: As in `Connection.request`.
            load: Values.
            to: Name of a connection, if `path` is only a path.
            left_s: The time limit in seconds. A handler's remaining time may lower it.
            trace: The `traceparent` that it belongs to; by default the handler's, or a new one.

        Raises:
            NotSerializable: JSON cannot hold the load.
            TypeError: The path is not text, or the time is not a number.
            ValueError, OverflowError: The time is not a number of seconds.
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
        """Send a prepared request, and wait for the values of its answer.

        Args:
            number: As from `prepare`.
            line: As from `prepare`.
            asked: As from `prepare`.
            left_s: As from `prepare`.

        Raises:
            ClusterError: The answer is an error, or there is none; or an exception from `mapped`.
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
        # A single request is sent at once; one of many is sent with the others.
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
            ClusterError: The hub refuses.
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
        """Send a message without an answer; arguments as in `prepare`.

        Raises:
            HubUnreachable: The hub has gone.
            MessageTooLarge: The message is longer than the hub allows.
            NotSerializable: JSON cannot hold the load.
            TypeError: The path is not text.
        """
        path, more = _addressed(path, to)
        scope = current.get()
        parent = "" if trace is None else read(trace)
        trace = self._spans.child_of(parent or (scope.traceparent if scope is not None else ""))
        meta = jsonrpc.meta_member(None if left_s is None else left_s * 1000, trace, more)
        await self._session.write(jsonrpc.notification(path, _params(load), meta))

    def _set_alarm(self, due_s: float) -> None:
        """Check open requests at `due_s`.

        Nearly all requests are answered in time. So there is no timer for each; the open ones are
        checked when the first of them could be due.
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
        """Stop checking deadlines."""
        if self._alarm is not None:
            self._alarm()

    def fail_all(self) -> None:
        """Fail all open requests, because the hub has gone."""
        opens, self.open = self.open, {}
        for ours in opens.values():
            if not ours.waiter.done():
                ours.waiter.set_result(hub_gone())


def _addressed(path: object, to: object) -> tuple[str, bytes]:
    """The method of a request, and the member of its `meta` that names the connection."""
    if not isinstance(path, str):
        raise TypeError(f"the path of a request must be text, not {path!r}")
    if to is None:
        return path, b""
    if not isinstance(to, str):
        raise TypeError(f"to must be the name of a connection, not {to!r}")
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
