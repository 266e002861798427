"""Pure. A request as its handlers see it, and what they may answer with."""

import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from portweave.calls.pattern import Key
from portweave.errors import ClusterError


class Reply:
    """An answer of several values, or of none: `return Reply("pon", name)`."""

    __slots__ = ("failure", "values")

    def __init__(self, *values: object) -> None:
        self.values: tuple[object, ...] = values
        self.failure: ClusterError | None = None

    @classmethod
    def error(
        cls, error: Exception | str, *, status: int | None = None, **fields: object
    ) -> "Reply":
        """An answer that is an error.

        Args:
            error: What went wrong; of an exception, the name of its class is told too.
            status: 400 to 599; by default the exception's own `status`, else 500.
            fields: What the asker finds in `error.fields`.
        """
        reply = cls()
        reply.failure = as_failure(error, status, fields)
        return reply


class Request:
    """What somebody asks. Handlers may add attributes of their own, for those behind them.

    Attributes:
        path: What is behind the part that the route has matched: `""`, or `/x/y`.
        base_path: The part that was matched, those of routers around it included.
        original_path: The path as the connection got it.
        params: What the pattern has found, by name or number.
        load: The values that were sent, in order.
        asker: Name of the connection that asks; None where it has none.
        traceparent: W3C Trace Context, section 3.2; empty where there is none.
        timeout_s: How much time there was for the answer; None for any.
        due_s: When that is up, on the loop's clock.
        answered: Whether `send` was called.
        number: The hub's of it; None for a notification.
    """

    # What most requests leave as it is.
    base_path = ""
    answered = False
    number: int | None = None
    _in_task: Callable[[], Awaitable[None]] | None = None

    def __init__(
        self,
        path: str,
        load: list[Any],
        *,
        asker: str | None = None,
        traceparent: str = "",
        timeout_s: float | None = None,
        due_s: float | None = None,
        send: Callable[["Request", Reply], None] | None = None,
    ) -> None:
        self.path = path
        self.original_path = path
        self.params: dict[Key, Any] = {}
        self.load = load
        self.asker = asker
        self.traceparent = traceparent
        self.timeout_s = timeout_s
        self.due_s = due_s
        self._send = send

    def begin_without(self, in_task: Callable[[], Awaitable[None]] | None) -> None:
        """There is no task yet; `in_task` sees to it that there is."""
        self._in_task = in_task

    async def wait(self) -> None:
        """See to it that there is a task, before anything is awaited."""
        if self._in_task is not None:
            in_task, self._in_task = self._in_task, None
            await in_task()

    @property
    def key(self) -> str:
        """A name of this request's own."""
        found: str | None = self.__dict__.get("_key")
        if found is None:
            found = self.__dict__["_key"] = str(uuid.uuid4())
        return found

    def send(self, *values: object) -> None:
        """Answer now, with any values, and go on; what is answered later does not count."""
        self.send_reply(Reply(*values))

    def send_reply(self, reply: Reply) -> None:
        """Answer now with a `Reply`, as `Reply.error(…)`."""
        if not self.answered:
            self.answered = True
            if self._send is not None:
                self._send(self, reply)

    if TYPE_CHECKING:
        # Handlers may add what they like.
        def __setattr__(self, name: str, value: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...


def as_failure(
    error: Exception | str, status: int | None = None, fields: dict[str, object] | None = None
) -> ClusterError:
    """An error as it is answered.

    Args:
        error: Its `status`, or `status_code`, from 400 to 599 is kept; so are its `fields`.
        status: In its place.
        fields: Besides.
    """
    if isinstance(error, ClusterError):
        return ClusterError(
            error.message,
            connection=error.connection,
            status=status or error.status,
            type=error.type,
            fields={**error.fields, **(fields or {})},
        )
    own_fields: object = getattr(error, "fields", None)
    return ClusterError(
        str(error),
        status=status or status_of(error),
        type="Error" if isinstance(error, str) else type(error).__name__,
        fields={**(own_fields if isinstance(own_fields, dict) else {}), **(fields or {})},
    )


def status_of(error: object) -> int:
    """The status of an exception: its own where it has one from 400 to 599, else 500."""
    for name in ("status", "status_code"):
        own: object = getattr(error, name, None)
        if isinstance(own, int) and 400 <= own <= 599:
            return own
    return 500
