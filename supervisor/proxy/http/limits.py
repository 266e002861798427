"""What both sides of the proxy share: limits."""

from portweave.supervisor.proxy.http.head_limits import (
    HEAD_BYTES,
    MOST_FIELDS,
)

# The longest head of an answer, and the longest run of bytes that are no body within one.
ANSWER_HEAD_BYTES = 1 << 18
# What is kept of a body, or of a protocol that is to follow, until it can be passed on.
HELD_BYTES = 1 << 18


class HeadTooLongError(ValueError):
    """A head has more bytes than anybody needs."""

    def __init__(self) -> None:
        super().__init__(f"a head has more than {HEAD_BYTES} bytes")


class TooManyFieldsError(HeadTooLongError):
    """A head has more fields than anybody needs."""

    def __init__(self) -> None:
        ValueError.__init__(self, f"a head has more than {MOST_FIELDS} fields")
