"""Pure. A request as handlers get it, and the replies that they may return."""

import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from portweave.calls.pattern import Key
from portweave.errors import ClusterError


class Reply:
    """An answer with several values, or with none: `return Reply("pon", name)`."""

    __slots__ = ("failure", "values")

    def __init__(self, *values: object) -> None:
        self.values: tuple[object, ...] = values
        self.failure: ClusterError | None = None

    @classmethod
    def error(
        cls, error: Exception | str, *, status: int | None = None, **fields: object
    ) -> "Reply":
        """An answer with an error.

        Args:
            error: A message or an exception. The name of an exception's class is sent, too.
            status: 400 to 599; by default the exception's own `status`, otherwise 500.
            fields: The caller gets them as `error.fields`.
        """
        reply = cls()
        reply.failure = as_failure(error, status, fields)
        return reply


class Request:
    """A request. Handlers may add attributes for later handlers.

    Attributes:
        path: The part after what the route has matched: `""`, or `/x/y`.
        base_path: The part that the route, and routers around it, have matched.
        original_path: The path as the connection got it.
        params: The pattern's parameters, by name or number.
        load: The sent values, in order.
        asker: Name of the calling connection; None if it has none.
        traceparent: W3C Trace Context, section 3.2; empty if there is none.
        timeout_s: The time limit for the answer; None for no limit.
        due_s: When that time is up, on the loop's clock.
        answered: Whether `send` was called.
        number: The hub's id of it; None for a notification.
    """

    # Most requests keep these defaults.
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
        """Note that there is no task yet; awaiting `in_task` makes one."""
        self._in_task = in_task

    async def wait(self) -> None:
        """Make sure that there is a task, before you await anything else."""
        if self._in_task is not None:
            in_task, self._in_task = self._in_task, None
            await in_task()

    @property
    def key(self) -> str:
        """A text that identifies this request."""
        found: str | None = self.__dict__.get("_key")
        if found is None:
            found = self.__dict__["_key"] = str(uuid.uuid4())
        return found

    def send(self, *values: object) -> None:
        """Answer now, with any values, and go on. A later answer is ignored."""
        self.send_reply(Reply(*values))

    def send_reply(self, reply: Reply) -> None:
        """Answer now with a `Reply`, such as `Reply.error(…)`."""
        if not self.answered:
            self.answered = True
            if self._send is not None:
                self._send(self, reply)

    if TYPE_CHECKING:
        # Handlers may add attributes.
        def __setattr__(self, name: str, value: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...


def as_failure(
    error: Exception | str, status: int | None = None, fields: dict[str, object] | None = None
) -> ClusterError:
    """An error in the form of an answer.

    Args:
        error: A message or an exception. Its `fields`, and its `status` or `status_code` from 400
            to 599, are kept.
        status: Replaces the status.
        fields: More fields.
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
    """The status of an exception: its own from 400 to 599, otherwise 500."""
    for name in ("status", "status_code"):
        own: object = getattr(error, name, None)
        if isinstance(own, int) and 400 <= own <= 599:
            return own
    return 500
