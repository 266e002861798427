"""Pure. What a view keeps while it is held: the newest, within a limit in bytes."""

from collections import deque

# Overwrites the last line of a terminal.
CLEAR_LINE = b"\r\x1b[K"
_OWN = b"[portweave] "
_OWN_LINES = 100


class HeldOutput:
    """Pieces of output that are shown later.

    Args:
        most_bytes: How much is kept; of what is older only the lines are counted.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._pieces: deque[bytes] = deque()
        self._skipped_lines = 0

    def put(self, piece: bytes) -> None:
        """Keep a piece, which is one or more whole lines."""
        self._pieces.append(piece)
        self._bytes += len(piece)
        while self._bytes > self._most_bytes:
            oldest = self._pieces.popleft()
            # The end of a piece is kept, from the beginning of a line.
            cut = oldest.find(b"\n", self._bytes - self._most_bytes - 1) + 1 or len(oldest)
            if cut < len(oldest):
                self._pieces.appendleft(oldest[cut:])
            self._bytes -= cut
            self._skipped_lines += oldest.count(b"\n", 0, cut)

    def take(self) -> tuple[int, list[bytes]]:
        """Take all out: how many lines were skipped, and the pieces behind them."""
        taken = self._skipped_lines, list(self._pieces)
        self._pieces.clear()
        self._bytes = self._skipped_lines = 0
        return taken


def last_words(waiting: bytes, most_bytes: int) -> bytes:
    """What is shown of output that nobody waits for: its end, and portweave's own lines before it.

    Args:
        waiting: Lines of services and of portweave.
        most_bytes: How much of the end is kept.
    """
    begin = waiting.rfind(b"\n", 0, -most_bytes) + 1
    if not begin:
        return waiting
    lines = waiting[: begin - 1].split(b"\n")
    # What stands before was a status, which the line has overwritten.
    shown = [line.rpartition(CLEAR_LINE)[2] for line in lines]
    own = [line + b"\n" for line in shown if line.startswith(_OWN)]
    text = f"{len(lines) - len(own):,} lines dropped: the reader of this output was too slow\n"
    return _OWN + text.encode() + b"".join(own[-_OWN_LINES:]) + waiting[begin:]
