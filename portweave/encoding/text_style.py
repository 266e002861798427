"""Pure. The colours that portweave's own words have on a terminal, by meaning.

A line is composed of texts and `Span`s, and `render` makes one string of it. The text of each
part is escaped there, so that no name or path reaches a terminal raw.
"""

from portweave.encoding.terminal_escapes import escaped
from portweave.encoding.value import value

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable

# Select Graphic Rendition (ECMA-48, 8.3.117), by role. The roles of states have their names.
CODES = {
    "error": "1;31",
    "warning": "1;33",
    "hint": "1;36",
    "good": "32",
    "strong": "1",
    "dim": "2",
    "waiting": "2",
    "starting": "33",
    "ready": "32",
    "unhealthy": "31",
    "backoff": "31",
    "stopping": "33",
    "stopped": "2",
    "exited": "2",
    "completed": "32",
    "failed": "1;31",
    "blocked": "31",
}


@value
class Span:
    """A part of a line that has a role of its own.

    Args:
        text: The text.
        role: A key of `CODES`; other roles have no colour.
        code: Parameters of Select Graphic Rendition in place of the role's; empty for the role's.
    """

    text: str
    role: str
    code: str = ""


def render(line: "Iterable[str | Span]", *, colour: bool) -> str:
    """A line as a terminal gets it, without its newline.

    Args:
        line: Its parts.
        colour: Whether to write colours.
    """
    return "".join(_painted(part, colour=colour) for part in line)


def plain(line: "Iterable[str | Span]") -> str:
    """The text of a line, without colours and not escaped."""
    return "".join(part if isinstance(part, str) else part.text for part in line)


PREFIX = "[portweave]"
_WORDS = ("error", "hint", "warning")


def message(text: str) -> "list[str | Span]":
    """A line that portweave prints, with its prefix dim and its first word by its meaning.

    Args:
        text: The line, with or without `[portweave]`.
    """
    parts: list[str | Span] = []
    rest = text
    if text.startswith(f"{PREFIX} "):
        parts += (Span(PREFIX, "dim"), " ")
        rest = text[len(PREFIX) + 1 :]
    head = rest.lstrip(" ")
    word, colon, tail = head.partition(":")
    if colon and word in _WORDS:
        parts += (rest[: len(rest) - len(head)], Span(f"{word}:", word))
        rest = tail
    parts.append(rest)
    return parts


def coloured_message(text: str) -> str:
    """A line as a terminal gets it, with colours if it is a message of portweave."""
    return render(message(text) if text.startswith(PREFIX) else (text,), colour=True)


def _painted(part: "str | Span", *, colour: bool) -> str:
    if isinstance(part, str):
        return escaped(part)
    code = part.code or CODES.get(part.role)
    if not colour or code is None or not part.text:
        return escaped(part.text)
    return f"\x1b[{code}m{escaped(part.text)}\x1b[0m"
