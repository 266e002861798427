"""Pure. Split the output of services into whole lines, and make them safe to show.

All functions work on chunks of many lines: one search, one replacement and one write for 64 KiB
make the relay fast. They treat a single line only if its chunk holds something that must not pass
as it is: a carriage return, a control character, an escape sequence, or bytes that are not text.
Patterns are compiled when the first such chunk comes, so commands that show plain lines save that.
"""

from portweave.encoding.terminal_escapes import escaped

TYPE_CHECKING = False  # `typing` costs as much as `re`
if TYPE_CHECKING:
    from collections import deque
    from re import Pattern
else:
    # Importing `collections` costs twenty times as much.
    from _collections import deque

# A longer line is cut here. So a line without an end needs limited memory.
LONGEST_LINE_BYTES = 4 << 20
# Stands at the end of a cut line. The rest is a line of its own.
CUT_MARK = b" \xe2\x80\xa6"


class LineSplitter:
    """Splits bytes, received in any pieces, into whole lines.

    Args:
        limit_bytes: A longer line comes in several pieces, each with a mark and a newline.
    """

    def __init__(self, limit_bytes: int = LONGEST_LINE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._pieces: list[bytes] = []
        self._pending_bytes = 0

    @property
    def pending(self) -> bool:
        """Whether a line is incomplete."""
        return self._pending_bytes > 0

    @property
    def begun(self) -> bytes:
        """The incomplete line; it stays incomplete."""
        return b"".join(self._pieces)

    def feed(self, data: bytes) -> bytes:
        """The lines that these bytes complete, each with its newline; empty if none."""
        end = data.rfind(b"\n") + 1
        if end == 0:
            self._hold(data)
            if self._pending_bytes <= self._limit_bytes:
                return b""
            return self.close()[:-1] + CUT_MARK + b"\n"
        lines = data[:end]
        if self._pieces:
            self._pieces.append(lines)
            lines = b"".join(self._pieces)
            self._drop()
        if end < len(data):
            self._hold(data[end:])
        return lines

    def take_pending(self) -> bytes:
        """Take out the incomplete line. What follows counts as a new line."""
        line = b"".join(self._pieces)
        self._drop()
        return line

    def close(self) -> bytes:
        """The last line, with a newline added; empty if there is none."""
        line = self.take_pending()
        return line + b"\n" if line else b""

    def _hold(self, data: bytes) -> None:
        self._pieces.append(data)
        self._pending_bytes += len(data)

    def _drop(self) -> None:
        self._pieces = []
        self._pending_bytes = 0


class LastLines:
    """The last lines of one run, to explain its end.

    Args:
        count: How many lines to keep.
        longest_bytes: Where to cut a line.
    """

    def __init__(self, count: int = 80, longest_bytes: int = 1000) -> None:
        self._count = count
        self._longest_bytes = longest_bytes
        self._chunks: deque[bytes] = deque()
        self._bytes = 0

    def feed(self, lines: bytes) -> None:
        """Add whole lines. They are split later, when `lines` is called."""
        tail = lines[-self._count * self._longest_bytes :]
        self._chunks.append(tail)
        self._bytes += len(tail)
        while self._bytes - len(self._chunks[0]) >= self._count * self._longest_bytes:
            self._bytes -= len(self._chunks.popleft())

    def clear(self) -> None:
        """Remove all lines, because a new run begins."""
        self._chunks.clear()
        self._bytes = 0

    def lines(self, count: int | None = None) -> list[str]:
        """The last lines as text, without control sequences."""
        whole = b"".join(self._chunks).split(b"\n")
        if whole and not whole[-1]:
            whole.pop()
        kept = whole[-(count or self._count) :]
        return [plain_text(line[: self._longest_bytes]) for line in kept]


class _Patterns:
    """The patterns for lines that are not plain."""

    __slots__ = ("colour", "control", "screen", "sequence")

    def __init__(self) -> None:
        from re import compile as make

        # ECMA-48, 5.4 (control sequences), 5.6 (strings) and 5.5 (other escape sequences).
        self.sequence: Pattern[bytes] = make(
            rb"\x1b\[[0-?]*[ -/]*[@-~]"
            rb"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"
            rb"|\x1b[ -/]*[0-Z\\^-~]"
            rb"|\x1b"
        )
        self.colour: Pattern[bytes] = make(rb"\x1b\[[0-9;:]*m")
        # Erase (J), cursor position (H, f), alternate screen (?47, ?1047, ?1049), soft reset (!p),
        # and full reset (ESC c, which `tsc --watch` sends).
        self.screen: Pattern[bytes] = make(
            rb"\x1b(?:\[(?:[0-3]?J|[0-9;]*[Hf]|\?(?:47|104[79])[hl]|!p)|c)"
        )
        self.control: Pattern[bytes] = make(rb"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]")


_made: list[_Patterns] = []


def _patterns() -> _Patterns:
    if not _made:
        _made.append(_Patterns())
    return _made[0]


# Bytes that a terminal may get as they are: printable ASCII, tab, newline, and bytes of longer
# UTF-8 characters.
_HARMLESS = bytes([0x09, 0x0A, *range(0x20, 0x7F), *range(0x80, 0x100)])
_RESET = b"\x1b[0m"


def plain_text(line: bytes) -> str:
    """A line as text, without escape sequences; control bytes and broken characters are escaped."""
    line = _last_state(line)
    # Bytes on both sides of a sequence must not join to a character.
    pieces = _patterns().sequence.split(line) if b"\x1b" in line else (line,)
    text = "".join(piece.decode("utf-8", "backslashreplace") for piece in pieces)
    return text.translate(_ESCAPED)


_ESCAPED = {c: f"\\x{c:02x}" for c in (*range(0x09), *range(0x0B, 0x20), 0x7F, *range(0x80, 0xA0))}


def for_terminal(lines: bytes, *, colour: bool) -> bytes:
    r"""Whole lines, safe for a terminal.

    A line that was rewritten with carriage returns keeps its final state. Other escape sequences
    are removed. Other control bytes, and bytes that are not UTF-8, are shown as `\xNN`.

    Args:
        lines: The lines.
        colour: Whether to keep colours, which then end with their line.
    """
    if not lines.translate(None, _HARMLESS) and _is_text(lines):
        return lines
    return b"\n".join(_sanitise(line, colour=colour) for line in lines.split(b"\n"))


def for_pipe(lines: bytes) -> bytes:
    """Whole lines, safe for a pipe: sequences that clear the screen are removed.

    Piped output often ends on a terminal, where one service must not erase the lines of the others.
    """
    # Searching one byte is seventy times as fast as searching two.
    return _patterns().screen.sub(b"", lines) if b"\x1b" in lines else lines


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\xc2" not in data or not any(0x80 <= ord(c) < 0xA0 for c in data.decode())


def _sanitise(line: bytes, *, colour: bool) -> bytes:
    line = _last_state(line)
    if not line:
        return line
    parts: list[bytes] = []
    coloured = False
    position = 0
    patterns = _patterns()
    for match in patterns.sequence.finditer(line):
        parts.append(_escape(line[position : match.start()]))
        if colour and patterns.colour.fullmatch(match[0]):
            parts.append(match[0])
            coloured = True
        position = match.end()
    parts.append(_escape(line[position:]))
    if coloured:
        parts.append(_RESET)
    return b"".join(parts)


def _last_state(line: bytes) -> bytes:
    """What a terminal would show of the line: the text after the last carriage return."""
    line = line.rstrip(b"\r")
    return line[line.rfind(b"\r") + 1 :]


def _escape(text: bytes) -> bytes:
    text = _patterns().control.sub(lambda match: b"\\x%02x" % match[0][0], text)
    return text.decode("utf-8", "backslashreplace").translate(_ESCAPED_C1).encode()


_ESCAPED_C1 = {c: f"\\x{c:02x}" for c in range(0x80, 0xA0)}


def without_colour(lines: bytes) -> bytes:
    """Whole lines without escape sequences."""
    if b"\x1b" not in lines:
        return lines
    sequence = _patterns().sequence
    # Line by line, because an endless sequence must not remove further lines.
    return b"\n".join(sequence.sub(b"", line) for line in lines.split(b"\n"))


def name_label(name: str, width: int, colour: str = "", mark: str = "|") -> bytes:
    """A name as it stands before a line, padded to the width of the longest name.

    Args:
        name: The instance's name, or a short form of it.
        width: The width of the column.
        colour: Parameters of Select Graphic Rendition (ECMA-48, 8.3.117); empty for no colour.
        mark: The character between name and line.
    """
    label = f"{escaped(name):<{width}} {mark} "
    return (f"\x1b[{colour}m{label}\x1b[0m" if colour else label).encode()


def with_prefix(prefix: bytes, lines: bytes) -> tuple[bytes, bytes, bytes]:
    """Whole lines, each after `prefix`, as pieces to write one after the other."""
    return prefix, lines[:-1].replace(b"\n", b"\n" + prefix), b"\n"
