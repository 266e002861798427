"""Pure. What heads meant that came lately, so that one that comes again is not read again.

Where many requests come in a short time most are alike, and their answers too; where few come, it
does not matter how long they take to read. A strict parser finds the same in the same bytes, as
long as it stands between two messages; so this changes nothing but the time it takes.
"""

from typing import Generic, TypeVar

from portweave.encoding.value import value

_Key = TypeVar("_Key")
_Meaning = TypeVar("_Meaning")

MOST_HEADS = 256
# The longest that are kept.
MOST_BYTES = 2048
HEAD_END = b"\r\n\r\n"


@value
class WholeAnswer:
    """An answer that came at once, and is to be sent on so.

    Attributes:
        head: As the client gets it.
        body_bytes: How long the body behind it is, which the client gets as it came.
    """

    head: bytes
    body_bytes: int


class HeadCache(Generic[_Key, _Meaning]):
    """Some heads and what they mean.

    Attributes:
        find: Given a head, its meaning; None where it is not known.
    """

    __slots__ = ("_known", "find")

    def __init__(self) -> None:
        self._known: dict[_Key, _Meaning] = {}
        self.find = self._known.get

    def __len__(self) -> int:
        return len(self._known)

    def keep(self, head: _Key, meaning: _Meaning) -> None:
        """Know a head from now on; all others are forgotten where there are too many."""
        if len(self._known) >= MOST_HEADS:
            self._known.clear()
        self._known[head] = meaning

    def forget(self) -> None:
        """Know none any more: heads hold cookies, which are not to be kept without need."""
        self._known.clear()
