"""Pure. What services print, from bytes in any pieces to whole lines for a reader.

Everything works on chunks of many lines, never line by line: one search, one replacement and one
write for 64 KiB is what makes the relay cheap. A line is looked at by itself only where a chunk
holds something that must not pass as it
is: a carriage return, a control character, an escape sequence, bytes that are no text. What finds
these is only made then: a command that shows plain lines is to cost no more than it must.
"""

from portweave.encoding.terminal_escapes import escaped

TYPE_CHECKING = False  # `typing` costs as much as `re`
if TYPE_CHECKING:
    from collections import deque
    from re import Pattern
else:
    # The package around it costs twenty times as much.
    from _collections import deque

# A longer line is cut here, so that one that never ends costs bounded memory.
LONGEST_LINE_BYTES = 4 << 20
# What a cut line ends with; what follows is a line of its own.
CUT_MARK = b" \xe2\x80\xa6"


class LineSplitter:
    """Bytes in any pieces, whole lines out.

    A line longer than `limit_bytes` comes in several pieces, each ended by a mark and a newline.
    """

    def __init__(self, limit_bytes: int = LONGEST_LINE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._pieces: list[bytes] = []
        self._pending_bytes = 0

    @property
    def pending(self) -> bool:
        """Whether a line has begun and not ended."""
        return self._pending_bytes > 0

    @property
    def begun(self) -> bytes:
        """What there is of a line that has not ended; it stays where it is."""
        return b"".join(self._pieces)

    def feed(self, data: bytes) -> bytes:
        """Take bytes; return the lines they complete, each with its newline, or nothing."""
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

    def peek(self) -> bytes:
        """The line that has begun, and take it: what follows counts as a new one."""
        line = b"".join(self._pieces)
        self._drop()
        return line

    def close(self) -> bytes:
        """The last line, with a newline put behind it; empty if there is none."""
        line = self.peek()
        return line + b"\n" if line else b""

    def _hold(self, data: bytes) -> None:
        self._pieces.append(data)
        self._pending_bytes += len(data)

    def _drop(self) -> None:
        self._pieces = []
        self._pending_bytes = 0


class LastLines:
    """The last lines of one run, for whoever asks what went wrong.

    Args:
        count: How many lines are kept.
        longest_bytes: Where a line is cut.
    """

    def __init__(self, count: int = 80, longest_bytes: int = 1000) -> None:
        self._count = count
        self._longest_bytes = longest_bytes
        self._chunks: deque[bytes] = deque()
        self._bytes = 0

    def feed(self, lines: bytes) -> None:
        """Take whole lines. Only their end is kept, and it is cut up when it is asked for."""
        tail = lines[-self._count * self._longest_bytes :]
        self._chunks.append(tail)
        self._bytes += len(tail)
        while self._bytes - len(self._chunks[0]) >= self._count * self._longest_bytes:
            self._bytes -= len(self._chunks.popleft())

    def clear(self) -> None:
        """Forget all: a new run begins."""
        self._chunks.clear()
        self._bytes = 0

    def lines(self, count: int | None = None) -> list[str]:
        """The last lines as text, without their control sequences."""
        whole = b"".join(self._chunks).split(b"\n")
        if whole and not whole[-1]:
            whole.pop()
        kept = whole[-(count or self._count) :]
        return [plain_text(line[: self._longest_bytes]) for line in kept]


class _Patterns:
    """What is looked for in lines that are not plain."""

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
        # Clear (J), cursor to a place (H, f), alternate screen (?47, ?1047, ?1049), soft reset
        # (!p), and full reset (ESC c: so does `tsc --watch` clear).
        self.screen: Pattern[bytes] = make(
            rb"\x1b(?:\[(?:[0-3]?J|[0-9;]*[Hf]|\?(?:47|104[79])[hl]|!p)|c)"
        )
        self.control: Pattern[bytes] = make(rb"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]")


_made: list[_Patterns] = []


def _patterns() -> _Patterns:
    if not _made:
        _made.append(_Patterns())
    return _made[0]


# What may go to a terminal as it is: printable ASCII, tab, newline, and bytes of longer UTF-8
# characters.
_HARMLESS = bytes([0x09, 0x0A, *range(0x20, 0x7F), *range(0x80, 0x100)])
_RESET = b"\x1b[0m"


def plain_text(line: bytes) -> str:
    """A line as text: without escape sequences, control bytes and broken characters escaped."""
    line = _last_state(line)
    # What stands on both sides of a sequence is no character, although the bytes would make one.
    pieces = _patterns().sequence.split(line) if b"\x1b" in line else (line,)
    text = "".join(piece.decode("utf-8", "backslashreplace") for piece in pieces)
    return text.translate(_ESCAPED)


_ESCAPED = {c: f"\\x{c:02x}" for c in (*range(0x09), *range(0x0B, 0x20), 0x7F, *range(0x80, 0xA0))}


def for_terminal(lines: bytes, *, colour: bool) -> bytes:
    r"""Whole lines as a terminal may have them.

    Of a line that was rewritten with carriage returns the final state is kept; colours stay if
    `colour`, and end with their line; other escape sequences are left out; other control bytes and
    bytes that are not UTF-8 are shown as `\xNN`.
    """
    if not lines.translate(None, _HARMLESS) and _is_text(lines):
        return lines
    return b"\n".join(_tame(line, colour=colour) for line in lines.split(b"\n"))


def for_pipe(lines: bytes) -> bytes:
    """Whole lines as a program may have them: all, but for what would clear a screen.

    What is piped mostly ends on a terminal all the same, and there one service must not wipe away
    the others.
    """
    # One byte is searched for seventy times as fast as two.
    return _patterns().screen.sub(b"", lines) if b"\x1b" in lines else lines


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\xc2" not in data or not any(0x80 <= ord(c) < 0xA0 for c in data.decode())


def _tame(line: bytes, *, colour: bool) -> bytes:
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
    """What a terminal would show in the end: what stands behind the last carriage return."""
    line = line.rstrip(b"\r")
    return line[line.rfind(b"\r") + 1 :]


def _escape(text: bytes) -> bytes:
    text = _patterns().control.sub(lambda match: b"\\x%02x" % match[0][0], text)
    return text.decode("utf-8", "backslashreplace").translate(_ESCAPED_C1).encode()


_ESCAPED_C1 = {c: f"\\x{c:02x}" for c in range(0x80, 0xA0)}


def without_colour(lines: bytes) -> bytes:
    """Whole lines as a program may have them that wants no escape sequences."""
    if b"\x1b" not in lines:
        return lines
    sequence = _patterns().sequence
    # Line by line: a sequence that is never ended takes its own line with it, and no other.
    return b"\n".join(sequence.sub(b"", line) for line in lines.split(b"\n"))


# What names are shown in (ECMA-48, 8.3.117).
NAME_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


def name_label(name: str, width: int, colour: int | None) -> bytes:
    """A name as it stands before lines, as wide as the longest one."""
    label = f"{escaped(name):<{width}} | "
    return (label if colour is None else f"\x1b[{colour}m{label}\x1b[0m").encode()


def with_prefix(prefix: bytes, lines: bytes) -> tuple[bytes, bytes, bytes]:
    """Whole lines, each behind `prefix`, in pieces to be written one behind the other."""
    return prefix, lines[:-1].replace(b"\n", b"\n" + prefix), b"\n"
