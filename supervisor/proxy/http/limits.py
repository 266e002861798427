"""Limits that both sides of the proxy share."""

from portweave.supervisor.proxy.http.head_limits import (
    HEAD_BYTES,
    MOST_FIELDS,
)

# The most bytes of an answer's head, and of a run of bytes without a body within an answer.
ANSWER_HEAD_BYTES = 1 << 18
# The most bytes kept of a body or a tunnel until the other side can take them.
HELD_BYTES = 1 << 18


class HeadTooLongError(ValueError):
    """A head has too many bytes."""

    def __init__(self) -> None:
        super().__init__(f"a head has more than {HEAD_BYTES} bytes")


class TooManyFieldsError(HeadTooLongError):
    """A head has too many fields."""

    def __init__(self) -> None:
        ValueError.__init__(self, f"a head has more than {MOST_FIELDS} fields")
