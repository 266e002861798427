"""Pure. Blank lines with which a program clears the screen.

Vite prints as many newlines as the terminal has rows, moves the cursor home and erases what is
below. In a view of many services the blank lines would push everything else off the screen.
"""

TYPE_CHECKING = False  # `typing` costs as much as `re`
if TYPE_CHECKING:
    from re import Pattern

# No terminal has more rows.
_MOST_LINES = 1000

_made: "list[Pattern[bytes]]" = []


def _without_clearing(lines: bytes) -> bytes:
    if b"\x1b[" not in lines:
        return lines
    if not _made:
        from re import compile as make

        # Cursor position to line 1 and column 1 (ECMA-48, 8.3.21 and 8.3.63).
        _made.append(
            make(rb"(?:\A|(?<=[^\n]\n))\n+(?=(?:\x1b\[[0-9;]*m)*\x1b\[(?:1?(?:;1?)?)[Hf])")
        )
    return _made[0].sub(b"", lines)


class BlankLines:
    """Holds blank lines back until the next line shows whether they clear the screen."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, lines: bytes) -> bytes:
        """Take whole lines; return those to show, without blank lines that clear the screen."""
        if self._held:
            lines = self._held + lines
        text_bytes = len(lines.rstrip(b"\n"))
        # Blank lines are what follows the newline of the last text.
        end = text_bytes + 1 if text_bytes else 0
        if len(lines) - end > _MOST_LINES:
            end = len(lines)
        self._held = lines[end:]
        return _without_clearing(lines[:end])

    def before(self, part: bytes) -> bytes:
        """Return the blank lines to show before the beginning of a line."""
        held, self._held = self._held, b""
        return _without_clearing(held + part)[: -len(part)] if held else b""

    def close(self) -> bytes:
        """Return the blank lines that are still held."""
        held, self._held = self._held, b""
        return held
