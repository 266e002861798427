"""Pure. Keep the newest output while a view is held, within a limit in bytes."""

from collections import deque

from portweave.encoding.marks import ASCII, UNICODE

# Overwrites the last line of a terminal.
CLEAR_LINE = b"\r\x1b[K"
_OWN = b"[portweave] "
_OWN_LINES = 100


class HeldOutput:
    """Pieces of output to show later.

    Args:
        most_bytes: How much to keep. Of older output only the number of lines is kept.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._pieces: deque[bytes] = deque()
        self._skipped_lines = 0

    def put(self, piece: bytes) -> None:
        """Add a piece: one or more whole lines."""
        self._pieces.append(piece)
        self._bytes += len(piece)
        while self._bytes > self._most_bytes:
            oldest = self._pieces.popleft()
            # Keep the end of the piece, from the beginning of a line.
            cut = oldest.find(b"\n", self._bytes - self._most_bytes - 1) + 1 or len(oldest)
            if cut < len(oldest):
                self._pieces.appendleft(oldest[cut:])
            self._bytes -= cut
            self._skipped_lines += oldest.count(b"\n", 0, cut)

    def drain(self) -> tuple[int, list[bytes]]:
        """Remove all pieces; return how many older lines were dropped, and the pieces."""
        taken = self._skipped_lines, list(self._pieces)
        self._pieces.clear()
        self._bytes = self._skipped_lines = 0
        return taken


def last_words(waiting: bytes, most_bytes: int) -> bytes:
    """What to show of output that had no reader: its end, after portweave's own lines.

    Args:
        waiting: Lines of services and of portweave.
        most_bytes: How much of the end to keep.
    """
    begin = waiting.rfind(b"\n", 0, -most_bytes) + 1
    if not begin:
        return waiting
    lines = waiting[: begin - 1].split(b"\n")
    # The text before it was a status, which the line has overwritten.
    shown = [line.rpartition(CLEAR_LINE)[2] for line in lines]
    own = _own_lines(shown)
    text = f"{len(lines) - len(own):,} lines dropped: the reader of this output was too slow\n"
    return _OWN + text.encode() + b"".join(own[-_OWN_LINES:]) + waiting[begin:]


def _own_lines(lines: list[bytes]) -> list[bytes]:
    """The lines of portweave itself: behind its prefix, or in the column of a service."""
    import re  # imported here: only a slow reader needs it

    colour = rb"(?:\x1b\[[0-9;]*m)*"
    signs = (sign for of in (UNICODE, ASCII) for sign in (of.info, of.good, of.bad, of.warning))
    mark = b"|".join(re.escape(sign.encode()) for sign in signs)
    own = re.compile(rb"%b(?:\[portweave\]|[^\s|]+ +%b(?:%b))%b " % (colour, colour, mark, colour))
    return [line + b"\n" for line in lines if own.match(line)]
