"""A connection to the hub: asks, and answers by its routes."""

import logging
import sys
import traceback
from collections import deque
from collections.abc import Callable
from json import dumps
from typing import Any, Final, cast

from portweave import wire
from portweave.calls.address import join
from portweave.calls.deadlines import Deadlines, Due
from portweave.calls.link import Link, Waiter
from portweave.calls.request import Reply, Request, as_failure
from portweave.calls.router import Router
from portweave.calls.trace import Scope, Spans, current
from portweave.errors import (
    ClusterError,
    HubUnreachable,
    MessageTooLarge,
    NotSerializable,
    Overloaded,
    RemoteError,
    RequestTimeout,
)

log = logging.getLogger("portweave.calls")

DEFAULT_TIMEOUT_S = 30.0
# The hub tells when the time is up. This much later it is taken for dead.
_GRACE_S = 0.5
_NO_LOAD = b"[]"


class _Unset:
    """Stands for the default, where None means something."""


UNSET: Final = _Unset()


class _Open:
    """A request of ours."""

    __slots__ = ("asked", "slot", "waiter")

    def __init__(self, waiter: Waiter, asked: str) -> None:
        self.waiter = waiter
        self.asked = asked
        self.slot: dict[Due, None] | None = None


class Connection(Router):
    """One member of the star.

    Args:
        name: Under which others ask it; None for one that only asks.
        case_sensitive: Whether paths that differ by case are different.
        exact: Whether its routes take nothing below their paths, where they do not say so.
        max_concurrency: How many requests are handled at the same time.
        max_queue: How many more may wait; what comes then is answered `Overloaded`.
        timeout_s: For requests that do not say how long they may take; None for any time.

    Attributes:
        key: The name; None in a worker, and in one that only asks.
        options: What `cluster.init` was given, and this connection's own variables.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        case_sensitive: bool = True,
        exact: bool = False,
        max_concurrency: int = 64,
        max_queue: int = 1024,
        timeout_s: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        super().__init__(case_sensitive=case_sensitive, exact=exact)
        self.name = name
        self.key = name
        self.options: dict[str, Any] = {}
        self.max_concurrency = max_concurrency
        self.max_queue = max_queue
        self.timeout_s = timeout_s
        self._max_bytes = wire.MAX_MESSAGE_BYTES
        self._reader = wire.LineReader(self._max_bytes + wire.SLACK_BYTES)
        self._spans = Spans()
        self._numbers = 0
        self._open: dict[int, _Open] = {}
        self._deadlines: Deadlines[_Open] = Deadlines()
        self._alarm_s = float("inf")
        self._alarm: Callable[[], object] | None = None
        self._handled: dict[int, Callable[[], object]] = {}
        self._cancelled: set[int] = set()
        self._busy = 0
        self._queue: deque[tuple[int | None, wire.Message]] = deque()
        self._lost = False
        self._link: Link
        self._traced = log.isEnabledFor(logging.DEBUG)
        self._mapped: dict[str, Callable[[RemoteError], Exception]] = {}
        self._heard: dict[str, Callable[[list[Any]], None]] = {}

    # What users call.

    @property
    def env(self) -> str:
        """`development`, `test`, `production` or another word: what the cluster runs as."""
        return str(self.options.get("env", "development"))

    def get(self, name: str, default: object = None) -> Any:
        """The value of an option or own variable; a name with dots goes into mappings."""
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
        """A router with this connection's own ways, to be mounted."""
        return Router(
            case_sensitive=self.case_sensitive if case_sensitive is None else case_sensitive,
            merge_params=merge_params,
            exact=self.exact if exact is None else exact,
        )

    def map_error(self, name: str, make: Callable[[RemoteError], Exception]) -> None:
        """Have requests raise an exception of your own where a handler raised one of class `name`.

        Without that they raise `RemoteError`, whatever the other side calls its classes.
        """
        self._mapped[name] = make

    async def request(
        self,
        path: str,
        *load: object,
        to: str | None = None,
        timeout: float | _Unset | None = UNSET,  # noqa: ASYNC109 (it travels with the request)
    ) -> Any:
        """Ask, and return the answer: the value, None for none, a tuple of several.

        Args:
            path: `connection/path`; or a path of the default connection.
            load: Values that JSON can hold.
            to: Name of the connection, where `path` is to be only a path.
            timeout: Seconds; None for any time. Within a handler, not more than its own request
                has left.

        Raises:
            ClusterError: There is no (good) answer; its subclasses say why.
            TypeError: The path is no text.
        """
        found = wire.values(await self._ask(path, load, to, timeout))
        if not found:
            return None
        return found[0] if len(found) == 1 else tuple(found)

    async def request_many(
        self,
        path: str,
        *load: object,
        to: str | None = None,
        timeout: float | _Unset | None = UNSET,  # noqa: ASYNC109
    ) -> tuple[Any, ...]:
        """Ask, and return all values of the answer; else as `request`."""
        return tuple(wire.values(await self._ask(path, load, to, timeout)))

    async def notify(self, path: str, *load: object, to: str | None = None) -> None:
        """Send what is not answered; whether anybody takes it is not told.

        Raises:
            HubUnreachable: The hub has gone.
            MessageTooLarge: It is more than the hub takes.
            NotSerializable: JSON cannot hold the load.
            TypeError: The path is no text.
        """
        address = _address(path, to)
        scope = current.get()
        trace = self._spans.child_of(scope.traceparent if scope is not None else "")
        left_s = self.timeout_s
        meta = wire.meta_member(None if left_s is None else left_s * 1000, trace)
        line = wire.notification(address, _array(load), meta)
        self._check(line)
        await self._write(line)

    def ready(self) -> None:
        """Say that all routes are declared: from now on, and not before, others' calls come."""
        if not self._lost:
            self._link.write(wire.notification("$/ready", wire.NOTHING))

    async def serve(self) -> None:
        """Be ready, and answer until the hub has gone."""
        self.ready()
        await self._link.closed()

    async def closed(self) -> None:
        """Wait until the hub has gone."""
        await self._link.closed()

    def on(self, method: str, take: Callable[[list[Any]], None]) -> None:
        """Have a function take the values of the hub's own notifications of one name."""
        self._heard[method] = take

    # What the one who connects calls.

    async def join(self, link: Link, token: str | None) -> None:
        """Say hello on a link.

        Raises:
            ClusterError: The hub does not want us.
        """
        self._link = link
        hello = {"name": self.name, "token": token, "protocol": 1}
        found = wire.values(await self._call("$/hello", wire.array([hello]), b"", "hub", None))
        told = cast("dict[str, Any]", found[0])
        self._max_bytes = int(told["max_message"])
        self._reader = wire.LineReader(self._max_bytes + wire.SLACK_BYTES)
        self.options = {**told["options"], **self.options}

    async def close(self) -> None:
        """Cancel the handlers that run, and leave."""
        if self._alarm is not None:
            self._alarm()
        self._cancelled.update(self._handled)
        await self._link.close()

    # Requests of ours.

    async def _ask(
        self,
        path: str,
        load: tuple[object, ...],
        to: str | None,
        timeout: float | _Unset | None,  # noqa: ASYNC109
    ) -> "wire.Raw | bytes":
        address = _address(path, to)
        params = _array(load)
        left_s = self.timeout_s if isinstance(timeout, _Unset) else timeout
        scope = current.get()
        if scope is None:
            trace = self._spans.child_of("")
        else:
            trace = self._spans.child_of(scope.traceparent)
            if scope.due_s is not None:
                rest_s = max(0.0, scope.due_s - self._link.time())
                left_s = rest_s if left_s is None else min(left_s, rest_s)
        meta = wire.meta_member(None if left_s is None else left_s * 1000, trace)
        if self._traced:
            log.debug("%s", dumps({"event": "ask", "path": address, "traceparent": trace}))
        return await self._call(address, params, meta, to or address, left_s)

    async def _call(
        self,
        address: str,
        params: bytes,
        meta: bytes,
        asked: str,
        left_s: float | None,
    ) -> "wire.Raw | bytes":
        self._numbers = number = self._numbers + 1
        line = wire.request(number, address, params, meta)
        self._check(line)
        link = self._link
        if link.is_full:
            await link.drain()
        if self._lost:
            raise _hub_gone()
        ours = self._open[number] = _Open(link.waiter(), asked)
        if left_s is not None:
            self._watch(ours, left_s)
        # Alone, it goes at once; one of many goes with the others.
        link.write(line, now=len(self._open) == 1)
        try:
            answer = await ours.waiter
        except BaseException:
            if self._open.pop(number, None) is not None and not self._lost:
                link.write(wire.notification("$/cancel", b"[%d]" % number))
            raise
        finally:
            if ours.slot is not None:
                self._deadlines.forget(ours)
        if isinstance(answer, ClusterError):
            raise answer
        message = cast("wire.Message", answer)
        if message.result is not wire.UNSET:
            return message.result
        assert message.error is not wire.UNSET
        error = wire.decode_error(message.error, asked.lstrip("/").partition("/")[0])
        if isinstance(error, RemoteError) and (make := self._mapped.get(error.type)):
            raise make(error) from error
        raise error

    def _check(self, line: bytes) -> None:
        if self._lost:
            raise _hub_gone()
        if len(line) > self._max_bytes:
            raise MessageTooLarge(
                f"the message has {len(line)} bytes, the hub takes {self._max_bytes}"
            )

    async def _write(self, line: bytes) -> None:
        if self._link.is_full:
            await self._link.drain()
        if self._lost:
            raise _hub_gone()
        self._link.write(line)

    def _watch(self, ours: _Open, left_s: float) -> None:
        self._deadlines.watch(ours, self._link.time() + left_s + _GRACE_S)
        if not self._deadlines.changed:
            return
        next_s = self._deadlines.next_s()
        if next_s is not None and next_s < self._alarm_s:
            if self._alarm is not None:
                self._alarm()
            self._alarm_s = next_s
            self._alarm = self._link.call_at(next_s, self._ring)

    def _ring(self) -> None:
        for ours in self._deadlines.take(self._link.time()):
            text = f"no answer from {ours.asked}, nor from the hub"
            if not ours.waiter.done():
                ours.waiter.set_result(RequestTimeout(text))
        self._alarm_s = float("inf")
        self._alarm = None
        if (next_s := self._deadlines.next_s()) is not None:
            self._alarm_s = next_s
            self._alarm = self._link.call_at(next_s, self._ring)

    # What the link tells.

    def take(self, data: bytes) -> None:
        """Take bytes of the hub's."""
        for line in self._reader.feed(data):
            try:
                message = wire.decode(line)
            except wire.BadLineError as error:
                self._take_bad_line(line, str(error))
                continue
            method = message.method
            if method is wire.UNSET:
                number = message.id
                ours = self._open.pop(number, None) if isinstance(number, int) else None
                if ours is not None and not ours.waiter.done():
                    ours.waiter.set_result(message)
            else:
                self._take_request(message, method)
        if self._reader.overflowed:
            self.lost()

    def _take_bad_line(self, line: bytes, why: str) -> None:
        """A line that the hub could read and we cannot: it is nested deeper than our stack."""
        if (found := wire.head(line)) is None:
            return
        number, is_request = found
        error = NotSerializable(f"{self.name or 'the asker'} cannot read the message: {why}")
        if is_request:
            self._link.write(wire.failure(b"%d" % number, error))
        elif (ours := self._open.pop(number, None)) is not None and not ours.waiter.done():
            ours.waiter.set_result(error)

    def _take_request(self, message: wire.Message, method: str) -> None:
        number = message.id if isinstance(message.id, int) else None
        if method == "$/cancel":
            for item in wire.values(message.params or wire.NOTHING):
                self._cancel(item)
        elif take := self._heard.get(method) if number is None else None:
            take(wire.values(message.params or wire.NOTHING))
        elif self._busy < self.max_concurrency:
            self._start(number, message)
        elif len(self._queue) < self.max_queue:
            self._queue.append((number, message))
        elif number is not None:
            error = Overloaded(f"{self.name} has too much to do", connection=self.name)
            self._link.write(wire.failure(b"%d" % number, error))

    def _cancel(self, number: object) -> None:
        for entry in self._queue:
            if entry[0] == number:
                self._queue.remove(entry)
                return
        if isinstance(number, int) and (cancel := self._handled.get(number)) is not None:
            self._cancelled.add(number)
            cancel()

    def lost(self) -> None:
        """The hub has gone: nothing will be answered."""
        self._lost = True
        opens, self._open = self._open, {}
        for ours in opens.values():
            if not ours.waiter.done():
                ours.waiter.set_result(_hub_gone())
        self._queue.clear()
        for number, cancel in list(self._handled.items()):
            self._cancelled.add(number)
            cancel()

    # Requests of others.

    def _start(self, number: int | None, message: wire.Message) -> None:
        self._busy += 1
        if number is not None:
            self._handled[number] = _too_early
        cancel = self._link.start(self._serve(number, message))
        # A plain function has answered by now.
        if number is not None and number in self._handled:
            self._handled[number] = cancel

    async def _serve(self, number: int | None, message: wire.Message) -> None:
        meta = message.meta or _NO_META
        timeout_ms = meta.timeout_ms
        left_s = timeout_ms / 1000 if isinstance(timeout_ms, (int, float)) else None
        began_s = self._link.time()
        trace = meta.traceparent or ""
        current.set(Scope(None if left_s is None else began_s + left_s, trace))
        reply: Reply | None = None
        try:
            load = wire.values(message.params or wire.NOTHING)
            req = Request(
                cast("str", message.method),
                load,
                asker=meta.asker or None,
                traceparent=trace,
                timeout_s=left_s,
                send=None if number is None else self._sender(number),
                in_task=self._link.in_task,
            )
            answer = await self.handle(req)
            if not req.answered:
                reply = answer if isinstance(answer, Reply) else _reply_of(answer)
        except Exception as error:
            reply = Reply()
            reply.failure = self._failure(error)
        except BaseException as error:
            if number not in self._cancelled and number is not None:
                reply = Reply()
                text = "the handler was ended from within"
                reply.failure = ClusterError(text, connection=self.name, type=type(error).__name__)
                self._answer(number, reply)
            raise
        finally:
            self._done(number)
        if reply is not None and number is not None:
            self._answer(number, reply)
        if self._traced:
            spent_ms = round((self._link.time() - began_s) * 1000, 3)
            hop = {"event": "answer", "path": message.method, "ms": spent_ms, "traceparent": trace}
            log.debug("%s", dumps(hop))

    def _done(self, number: int | None) -> None:
        self._busy -= 1
        if number is not None:
            self._handled.pop(number, None)
            self._cancelled.discard(number)
        while self._queue and self._busy < self.max_concurrency and not self._lost:
            self._start(*self._queue.popleft())

    def _sender(self, number: int) -> Callable[[Request, Reply], None]:
        def send(req: Request, reply: Reply) -> None:
            self._answer(number, reply)

        return send

    def _failure(self, error: Exception) -> ClusterError:
        failure = as_failure(error)
        if failure.connection is None:
            failure.connection = self.name
        if not isinstance(error, ClusterError):
            text = "".join(traceback.format_exception(error))
            if self.env != "test":
                sys.stderr.write(text)
            if self.env != "production":
                failure.traceback = text  # type: ignore[attr-defined]
        return failure

    def _answer(self, number: int, reply: Reply) -> None:
        if self._lost:
            return
        key = b"%d" % number
        if reply.failure is not None:
            text = getattr(reply.failure, "traceback", "")
            line = wire.failure(key, _whole(reply.failure), text)
        else:
            try:
                line = wire.answer(key, _array(reply.values))
            except NotSerializable as error:
                error.connection = self.name
                line = wire.failure(key, error)
        if len(line) > self._max_bytes:
            text = f"the answer has {len(line)} bytes, the hub takes {self._max_bytes}"
            line = wire.failure(key, MessageTooLarge(text, connection=self.name))
        self._link.write(line, now=self._busy <= 1)


def _too_early() -> None:
    """Cancel what runs at this very moment, without a task."""


_NO_META = wire.Meta()


def _whole(failure: ClusterError) -> ClusterError:
    """An error without those of its fields that JSON cannot hold."""
    kept: dict[str, object] = {}
    for name, item in failure.fields.items():
        try:
            wire.array([item])
        except NotSerializable:
            continue
        kept[str(name)] = item
    failure.fields = kept
    return failure


def _reply_of(answer: object) -> Reply:
    return Reply() if answer is None else Reply(answer)


def _array(items: tuple[object, ...]) -> bytes:
    return wire.array(items) if items else _NO_LOAD


def _address(path: object, to: str | None) -> str:
    if not isinstance(path, str):
        raise TypeError(f"the path of a request is text, not {path!r}")
    return path if to is None else join(to, path)


def _hub_gone() -> HubUnreachable:
    return HubUnreachable("the hub has gone")
