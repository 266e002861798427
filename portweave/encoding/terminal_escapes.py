r"""Portweave's own words on their way to a terminal: control characters are shown, not obeyed.

Names, commands, paths and what git says come from a repository that may be a stranger's. A terminal
obeys control characters (ECMA-48; xterm's "Operating System Commands" set its title or clipboard),
and Unicode's embeddings reorder a line (UAX #9). Here is the one place where they are escaped: each
stream that portweave prints its words to.

What stands for a character is valid in a string of JSON too, and means the same there. Only
characters below U+0020 are shown as `\xNN`: JSON has none of these outside an escape of its own.
"""

import sys

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TextIO

# Newline and tab stay.
_LOW = {code: f"\\x{code:02x}" for code in range(0x20) if code not in (0x09, 0x0A)}
_HIGH = {
    code: f"\\u{code:04x}"
    for code in (*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
_SHOWN = _LOW | _HIGH
_HARMLESS = bytes([0x09, 0x0A, *range(0x20, 0x7F)])


def escaped(text: str) -> str:
    r"""A text with its control characters but newline and tab as `\xNN` or `\uNNNN`."""
    # Nearly all is plain, and a search in C takes no time.
    if text.isascii() and not text.encode().translate(None, _HARMLESS):
        return text
    return text.translate(_SHOWN)


class EscapedStream:
    """A text stream that escapes what is written to it; else it is as the stream behind it.

    Args:
        behind: That stream.
    """

    def __init__(self, behind: "TextIO") -> None:
        self.behind = behind

    def write(self, text: str) -> int:
        """Write a text; the number of its characters."""
        self.behind.write(escaped(text))
        return len(text)

    def writelines(self, lines: "Iterable[str]") -> None:
        """Write texts one behind the other."""
        self.write("".join(lines))

    def __getattr__(self, name: str) -> "Any":
        return getattr(self.behind, name)


def write_data(text: str) -> None:
    """Write data for programs to stdout: a pipe gets it as it is, and a terminal escaped."""
    stream = sys.stdout
    if isinstance(stream, EscapedStream) and not stream.isatty():
        stream = stream.behind
    stream.write(text)
