"""A connection to the hub: asks, and answers by its routes."""

import logging
import sys
import traceback
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from json import dumps
from math import inf
from typing import Any, Final, cast

from msgspec import Struct

from portweave import wire
from portweave.calls.address import join
from portweave.calls.link import Link, Waiter
from portweave.calls.request import Reply, Request, as_failure
from portweave.calls.router import Direct, Router
from portweave.calls.trace import Spans, current
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
# What is due is not looked for more often than this.
_LATE_S = 0.02


class _Unset:
    """Stands for the default, where None means something."""


UNSET: Final = _Unset()


class _Open(Struct, eq=False):
    """A request of ours.

    Attributes:
        waiter: Who has made it.
        asked: Whom or what, in words.
        due_s: When the hub is to have said at last that nobody has answered.
    """

    waiter: Waiter
    asked: str
    due_s: float


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
        # No open request is due before.
        self._next_due_s = inf
        self._alarm: Callable[[], object] | None = None
        self._handled: dict[int, Callable[[], object]] = {}
        self._cancelled: set[int] = set()
        self._busy = 0
        self._queue: deque[tuple[int | None, wire.Message, str]] = deque()
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
        found = wire.values(await self._call(*self._prepare(path, load, to, timeout)))
        if len(found) == 1:
            return found[0]
        return tuple(found) if found else None

    async def request_many(
        self,
        path: str,
        *load: object,
        to: str | None = None,
        timeout: float | _Unset | None = UNSET,  # noqa: ASYNC109
    ) -> tuple[Any, ...]:
        """Ask, and return all values of the answer; else as `request`."""
        return tuple(wire.values(await self._call(*self._prepare(path, load, to, timeout))))

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
        line = wire.notification(address, wire.array(load), meta)
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
        self._numbers += 1
        line = wire.request(self._numbers, "$/hello", wire.array([hello]), b"")
        found = wire.values(await self._call(self._numbers, line, "hub", None))
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

    def _prepare(
        self,
        path: str,
        load: tuple[object, ...],
        to: str | None,
        timeout: float | _Unset | None,
    ) -> tuple[int, bytes, str, float | None]:
        """Number and line of a request, whom it asks, and how many seconds it has."""
        address = _address(path, to)
        params = wire.array(load)
        left_s = self.timeout_s if timeout is UNSET else cast("float | None", timeout)
        scope = current.get()
        if scope is None:
            trace = self._spans.child_of("")
        else:
            trace = self._spans.child_of(scope.traceparent)
            if scope.due_s is not None:
                rest_s = max(0.0, scope.due_s - self._link.time())
                left_s = rest_s if left_s is None else min(left_s, rest_s)
        if self._traced:
            log.debug("%s", dumps({"event": "ask", "path": address, "traceparent": trace}))
        self._numbers = number = self._numbers + 1
        if left_s is None:
            line = wire.request(number, address, params, wire.meta_member(None, trace))
        else:
            line = wire.passed_on(number, wire.encode(address), params, left_s * 1000, trace, b"")
        return number, line, to or address, left_s

    async def _call(
        self, number: int, line: bytes, asked: str, left_s: float | None
    ) -> "wire.Raw | bytes":
        """Send a request, and wait for the values of its answer."""
        self._check(line)
        link = self._link
        if link.is_full:
            await link.drain()
            if self._lost:
                raise _hub_gone()
        waiter = link.waiter()
        due_s = inf if left_s is None else link.time() + left_s + _GRACE_S
        self._open[number] = _Open(waiter, asked, due_s)
        if due_s < self._next_due_s:
            self._set_alarm(due_s)
        # Alone, it goes at once; one of many goes with the others.
        link.write(line, now=len(self._open) == 1)
        try:
            answer = await waiter
        except BaseException:
            if self._open.pop(number, None) is not None and not self._lost:
                link.write(wire.notification("$/cancel", b"[%d]" % number))
            raise
        if isinstance(answer, ClusterError):
            raise answer
        message: wire.Message = answer
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

    def _set_alarm(self, due_s: float) -> None:
        """Look at what is open at `due_s`.

        Nearly all is answered long before its time is up: so nothing is set for each request, and
        what is open is looked through when the first of it could be due.
        """
        if self._alarm is not None:
            self._alarm()
        self._next_due_s = due_s
        self._alarm = self._link.call_at(due_s + _LATE_S, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        now_s = self._link.time()
        next_s = inf
        for ours in list(self._open.values()):
            if ours.due_s > now_s:
                next_s = min(next_s, ours.due_s)
            elif not ours.waiter.done():
                text = f"no answer from {ours.asked}, nor from the hub"
                ours.waiter.set_result(RequestTimeout(text))
        self._next_due_s = next_s
        if next_s < inf:
            self._set_alarm(next_s)

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
            self._start(number, message, method)
        elif len(self._queue) < self.max_queue:
            self._queue.append((number, message, method))
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

    def _start(self, number: int | None, message: wire.Message, path: str) -> None:
        if number is not None and self._link.in_task is not None:
            direct = self.direct(path)
            if direct is not None:
                self._serve_directly(number, message, path, direct)
                return
        self._begin(number, self._serve(number, message, path), None)

    def _begin(
        self, number: int | None, call: Coroutine[Any, Any, None], context: Context | None
    ) -> None:
        self._busy += 1
        if number is not None:
            self._handled[number] = _too_early
        cancel = self._link.start(call, context)
        # A plain function has answered by now.
        if number is not None and number in self._handled:
            self._handled[number] = cancel

    def _serve_directly(
        self, number: int, message: wire.Message, path: str, direct: Direct
    ) -> None:
        """Have a plain function answer, here and now: what is made for a task costs more than it.

        What it leaves to be done goes on in a task: it has failed, or given something to await.
        """
        began_s = self._link.time()
        try:
            req = self._request(number, message, path, began_s)
        except NotSerializable as error:
            self._answer(number, self._failed(error))
            return
        context = copy_context()
        try:
            answer = context.run(direct.run, req)
        except Exception as error:  # an error handler may know what to do
            rest = self.resume(req, direct, error)
            self._begin(number, self._finish(number, req, rest, began_s), context)
            return
        except BaseException as error:
            self._answer(number, self._ended_within(error))
            raise
        if hasattr(answer, "__await__"):
            self._begin(number, self._finish(number, req, _awaited(req, answer), began_s), context)
            return
        if not req.answered:
            self._answer(number, answer if isinstance(answer, Reply) else _reply_of(answer))
        if self._traced:
            self._log_answer(req, began_s)

    async def _serve(self, number: int | None, message: wire.Message, path: str) -> None:
        began_s = self._link.time()
        try:
            req = self._request(number, message, path, began_s)
        except NotSerializable as error:
            self._done(number)
            if number is not None:
                self._answer(number, self._failed(error))
            return
        current.set(req)
        await self._finish(number, req, self.handle(req), began_s)

    def _request(
        self, number: int | None, message: wire.Message, path: str, now_s: float
    ) -> Request:
        """What somebody asks, as its handlers see it.

        Raises:
            NotSerializable: Its load cannot be read here.
        """
        meta = message.meta or _NO_META
        timeout_ms = meta.timeout_ms
        left_s = timeout_ms / 1000 if isinstance(timeout_ms, (int, float)) else None
        req = Request(
            path,
            wire.values(message.params or wire.NOTHING),
            asker=meta.asker or None,
            traceparent=meta.traceparent or "",
            timeout_s=left_s,
            due_s=None if left_s is None else now_s + left_s,
            send=None if number is None else self._send_early,
        )
        req.number = number
        return req

    async def _finish(
        self, number: int | None, req: Request, work: Coroutine[Any, Any, Any], began_s: float
    ) -> None:
        """Answer a request with what comes of it."""
        req.begin_without(self._link.in_task)
        reply: Reply | None = None
        try:
            answer = await work
            if not req.answered:
                reply = answer if isinstance(answer, Reply) else _reply_of(answer)
        except Exception as error:
            reply = self._failed(error)
        except BaseException as error:
            if number not in self._cancelled and number is not None:
                self._answer(number, self._ended_within(error))
            raise
        finally:
            self._done(number)
        if reply is not None and number is not None:
            self._answer(number, reply)
        if self._traced:
            self._log_answer(req, began_s)

    def _log_answer(self, req: Request, began_s: float) -> None:
        spent_ms = round((self._link.time() - began_s) * 1000, 3)
        hop = {"event": "answer", "path": req.original_path, "ms": spent_ms}
        log.debug("%s", dumps({**hop, "traceparent": req.traceparent}))

    def _failed(self, error: Exception) -> Reply:
        reply = Reply()
        reply.failure = self._failure(error)
        return reply

    def _ended_within(self, error: BaseException) -> Reply:
        reply = Reply()
        text = "the handler was ended from within"
        reply.failure = ClusterError(text, connection=self.name, type=type(error).__name__)
        return reply

    def _done(self, number: int | None) -> None:
        self._busy -= 1
        if number is not None:
            self._handled.pop(number, None)
            self._cancelled.discard(number)
        while self._queue and self._busy < self.max_concurrency and not self._lost:
            self._start(*self._queue.popleft())

    def _send_early(self, req: Request, reply: Reply) -> None:
        if req.number is not None:
            self._answer(req.number, reply)

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
        if reply.failure is not None:
            text = getattr(reply.failure, "traceback", "")
            line = wire.failure(wire.key(number), _whole(reply.failure), text)
        else:
            try:
                line = wire.int_answer(number, wire.array(reply.values))
            except NotSerializable as error:
                error.connection = self.name
                line = wire.failure(wire.key(number), error)
        if len(line) > self._max_bytes:
            text = f"the answer has {len(line)} bytes, the hub takes {self._max_bytes}"
            line = wire.failure(wire.key(number), MessageTooLarge(text, connection=self.name))
        self._link.write(line, now=self._busy <= 1)


async def _awaited(req: Request, answer: Any) -> Any:
    await req.wait()
    return await answer


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


def _address(path: object, to: str | None) -> str:
    if not isinstance(path, str):
        raise TypeError(f"the path of a request is text, not {path!r}")
    return path if to is None else join(to, path)


def _hub_gone() -> HubUnreachable:
    return HubUnreachable("the hub has gone")
