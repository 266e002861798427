r"""Escape control characters in portweave's own output to a terminal.

Names, commands, paths and git's answers come from a repository, which may be malicious. A terminal
obeys control characters (ECMA-48; xterm's "Operating System Commands" set its title or clipboard),
and Unicode's embeddings reorder a line (UAX #9). They are escaped here only, in each stream that
portweave writes its messages to.

An escape means the same in a string of JSON. Only characters below U+0020 become `\xNN`: in JSON
these occur in escapes only.
"""

import sys

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TextIO

# Escapes by character. It is filled at the first use: most output needs none.
_escapes: dict[int, str] = {}


def escaped(text: str) -> str:
    r"""A text with control characters, except newline and tab, as `\xNN` or `\uNNNN`."""
    # Nearly all texts are plain, and a search in C takes no time.
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    if not _escapes:
        _fill()
    return text.translate(_escapes)


def _fill() -> None:
    high = (*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    _escapes.update({code: f"\\u{code:04x}" for code in high})
    # Newline and tab stay.
    low = (code for code in range(0x20) if code not in (0x09, 0x0A))
    _escapes.update({code: f"\\x{code:02x}" for code in low})


class EscapedStream:
    """A text stream that escapes what is written to it, and otherwise behaves as another stream.

    Args:
        behind: The other stream.

    Attributes:
        render: Makes the text to write of a whole line or a part of one.
    """

    def __init__(self, behind: "TextIO") -> None:
        self.behind = behind
        self.render: Callable[[str], str] = escaped

    def write(self, text: str) -> int:
        """Write a text; return the number of its characters."""
        if self.render is escaped:
            self.behind.write(escaped(text))
        else:
            self.behind.write("\n".join(map(self.render, text.split("\n"))))
        return len(text)

    def writelines(self, lines: "Iterable[str]") -> None:
        """Write texts one after the other."""
        self.write("".join(lines))

    def __getattr__(self, name: str) -> "Any":
        return getattr(self.behind, name)


def write_rendered(text: str, stream: "TextIO") -> None:
    """Write what `text_style.render` has made, whose texts are escaped already."""
    behind = stream.behind if isinstance(stream, EscapedStream) else stream
    behind.write(text)


def write_data(text: str) -> None:
    """Write data for programs to stdout: unchanged to a pipe, escaped to a terminal."""
    stream = sys.stdout
    if isinstance(stream, EscapedStream) and not stream.isatty():
        stream = stream.behind
    stream.write(text)
