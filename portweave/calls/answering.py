"""Answer requests: give each to its route, and send the result back."""

import logging
import sys
import traceback
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from json import dumps
from typing import Any

from portweave.calls.request import Reply, Request, as_failure
from portweave.calls.router import Router
from portweave.calls.session import Session
from portweave.calls.trace import current
from portweave.calls.walk import Direct
from portweave.encoding import jsonrpc
from portweave.errors import ClusterError, MessageTooLarge, NotSerializable, Overloaded

log = logging.getLogger("portweave.calls")


class Responder(Router):
    """A router whose routes answer requests from the hub.

    Args:
        name: The name that addresses use; None if the connection only calls.
        session: The session with the hub.
        case_sensitive: Whether paths that differ by case are different.
        exact: Whether routes match no paths below their own, unless they say so.
        max_concurrency: How many requests are handled at the same time.
        max_queue: How many more may wait. Further ones are answered `Overloaded`.

    Attributes:
        options: The options of `cluster.init`, and this connection's own variables.
    """

    def __init__(
        self,
        name: str | None,
        session: Session,
        *,
        case_sensitive: bool,
        exact: bool,
        max_concurrency: int,
        max_queue: int,
    ) -> None:
        super().__init__(case_sensitive=case_sensitive, exact=exact)
        self.name = name
        self.options: dict[str, Any] = {}
        self.max_concurrency = max_concurrency
        self.max_queue = max_queue
        self._session = session
        self._handled: dict[int, Callable[[], object]] = {}
        self._cancelled: set[int] = set()
        self._busy = 0
        self._queue: deque[tuple[int | None, jsonrpc.Message, str]] = deque()
        self._traced = log.isEnabledFor(logging.DEBUG)
        self._heard: dict[str, Callable[[list[Any]], None]] = {}

    @property
    def env(self) -> str:
        """The cluster's environment: `development`, `test`, `production` or another word."""
        return str(self.options.get("env", "development"))

    def on(self, method: str, take: Callable[[list[Any]], None]) -> None:
        """Register a function for the values of one of the hub's own notifications.

        Args:
            method: The notification, such as `$/stream`.
            take: Gets its values.
        """
        self._heard[method] = take

    def _take_request(self, message: jsonrpc.Message, method: str) -> None:
        number = message.id if isinstance(message.id, int) else None
        if method == "$/cancel":
            for item in jsonrpc.values(message.params or jsonrpc.NOTHING):
                self._cancel(item)
        elif take := self._heard.get(method) if number is None else None:
            take(jsonrpc.values(message.params or jsonrpc.NOTHING))
        elif self._busy < self.max_concurrency:
            self._start(number, message, method)
        # A cancelled handler counts until it has ended, which takes a moment.
        elif len(self._queue) < self.max_queue + len(self._cancelled):
            self._queue.append((number, message, method))
        elif number is not None:
            error = Overloaded(f"{self.name} has too many requests", connection=self.name)
            self._session.link.write(jsonrpc.failure(b"%d" % number, error))

    def _cancel(self, number: object) -> None:
        for entry in self._queue:
            if entry[0] == number:
                self._queue.remove(entry)
                return
        if isinstance(number, int) and (cancel := self._handled.get(number)) is not None:
            self._cancelled.add(number)
            cancel()

    def _cancel_all(self) -> None:
        """Cancel all handlers, because the hub has gone."""
        self._queue.clear()
        for number, cancel in list(self._handled.items()):
            self._cancelled.add(number)
            cancel()

    def _start(self, number: int | None, message: jsonrpc.Message, path: str) -> None:
        if number is not None and self._session.link.in_task is not None:
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
        cancel = self._session.link.start(call, context)
        # A plain function has already answered.
        if number is not None and number in self._handled:
            self._handled[number] = cancel

    def _serve_directly(
        self, number: int, message: jsonrpc.Message, path: str, direct: Direct
    ) -> None:
        """Answer with a plain function, without a task, which would cost more than the answer.

        A task does the rest, if the function fails or returns an awaitable.
        """
        began_s = self._session.link.time()
        try:
            req = self._request(number, message, path, began_s)
        except NotSerializable as error:
            self._answer(number, self._failed(error))
            return
        context = copy_context()
        try:
            answer = context.run(direct.run, req)
        except Exception as error:  # an error handler may take it
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

    async def _serve(self, number: int | None, message: jsonrpc.Message, path: str) -> None:
        began_s = self._session.link.time()
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
        self, number: int | None, message: jsonrpc.Message, path: str, now_s: float
    ) -> Request:
        """The request for the handlers.

        Raises:
            NotSerializable: Its load cannot be read.
        """
        meta = message.meta or _NO_META
        timeout_ms = meta.timeout_ms
        left_s = timeout_ms / 1000 if isinstance(timeout_ms, (int, float)) else None
        req = Request(
            path,
            jsonrpc.values(message.params or jsonrpc.NOTHING),
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
        """Answer a request with the result of its work."""
        req.begin_without(self._session.link.in_task)
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
        spent_ms = round((self._session.link.time() - began_s) * 1000, 3)
        hop = {"event": "answer", "path": req.original_path, "ms": spent_ms}
        log.debug("%s", dumps({**hop, "traceparent": req.traceparent}))

    def _failed(self, error: Exception) -> Reply:
        reply = Reply()
        reply.failure = self._failure(error)
        return reply

    def _ended_within(self, error: BaseException) -> Reply:
        reply = Reply()
        text = "the handler was cancelled from within"
        reply.failure = ClusterError(text, connection=self.name, type=type(error).__name__)
        return reply

    def _done(self, number: int | None) -> None:
        self._busy -= 1
        if number is not None:
            self._handled.pop(number, None)
            self._cancelled.discard(number)
        while self._queue and self._busy < self.max_concurrency and not self._session.lost:
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
            # An error of the caller is expected.
            if self.env != "test" and failure.status >= 500:
                sys.stderr.write(text)
            if self.env != "production":
                failure.traceback = text  # type: ignore[attr-defined]
        return failure

    def _answer(self, number: int, reply: Reply) -> None:
        if self._session.lost:
            return
        if reply.failure is not None:
            text = getattr(reply.failure, "traceback", "")
            line = jsonrpc.failure(jsonrpc.key(number), _whole(reply.failure), text)
        else:
            try:
                line = jsonrpc.int_answer(number, jsonrpc.array(reply.values))
            except NotSerializable as error:
                error.connection = self.name
                line = jsonrpc.failure(jsonrpc.key(number), error)
        if len(line) > self._session.max_bytes:
            text = f"the answer has {len(line)} bytes, the hub takes {self._session.max_bytes}"
            line = jsonrpc.failure(jsonrpc.key(number), MessageTooLarge(text, connection=self.name))
        self._session.link.write(line, now=self._busy <= 1)


async def _awaited(req: Request, answer: Any) -> Any:
    await req.wait()
    return await answer


def _too_early() -> None:
    """Cancel what runs at this moment, without a task."""


_NO_META = jsonrpc.Meta()


def _whole(failure: ClusterError) -> ClusterError:
    """An error without the fields that JSON cannot hold."""
    kept: dict[str, object] = {}
    for name, item in failure.fields.items():
        try:
            jsonrpc.array([item])
        except NotSerializable:
            continue
        kept[str(name)] = item
    failure.fields = kept
    return failure


def _reply_of(answer: object) -> Reply:
    return Reply() if answer is None else Reply(answer)
