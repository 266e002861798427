r"""Pure. Parse .env files by the rules of npm's dotenv (https://github.com/motdotla/dotenv).

A line is `NAME=value` or `NAME: value`, with or without `export` before it. A value in quotes (`'`,
`"` or a backquote) may have several lines, and a comment after it. In double quotes `\n` and `\r`
are a newline and a carriage return. Nothing is expanded. One rule is python-dotenv's: in a value
without quotes, `#` begins a comment only after a blank.
"""

# White space in JavaScript, which differs from Python's.
BLANKS = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_BLANK = f"[{BLANKS}]"
_ASSIGNMENT = (
    rf"(?:export{_BLANK}+)?([A-Za-z0-9_.-]+)(?:{_BLANK}*=|:{_BLANK}+?)"
    rf"({_BLANK}*'(?:\\'|[^'])*'|{_BLANK}*\"(?:\\\"|[^\"])*\"|{_BLANK}*`(?:\\`|[^`])*`"
    rf"|(?:[^#\n]|(?<!{_BLANK})#)+)?"
    rf"{_BLANK}*(?:#[^\n]*)?(?=\n|\Z)"
)
_QUOTES = ("'", '"', "`")


class Variables:
    """The variables of a .env file.

    Attributes:
        values: Name to value, in file order; the last value of a repeated name.
        unread: The numbers of the malformed lines, from 1.
        lines: Name to the line of its value, from 1.
    """

    __slots__ = ("lines", "unread", "values")

    def __init__(
        self,
        values: dict[str, str],
        unread: tuple[int, ...],
        lines: dict[str, int] | None = None,
    ) -> None:
        self.values = values
        self.unread = unread
        self.lines = lines or {}


def parse(text: str) -> Variables:
    """Read the variables of a .env file.

    Args:
        text: The file's text, without a byte order mark.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    values: dict[str, str] = {}
    unread: list[int] = []
    lines: dict[str, int] = {}
    number, counted, position = 1, 0, 0
    if not text:
        return Variables(values, ())
    # Imported here, with the pattern: most worktrees have no .env.
    import re

    assignment = re.compile(_ASSIGNMENT)
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end].lstrip(BLANKS)
        if not line or line[0] == "#":
            position = end + 1
            continue
        found = assignment.match(text, end - len(line))
        number, counted = number + text.count("\n", counted, position), position
        value = None if found is None else _value(found[2] or "")
        if found is None or value is None:
            unread.append(number)
            position = end + 1
        else:
            values[found[1]] = value
            lines[found[1]] = number
            position = max(end, found.end()) + 1
    return Variables(values, tuple(unread), lines)


def _value(written: str) -> str | None:
    """A value without its quotes and escapes; None where it has a NUL."""
    value = written.strip(BLANKS)
    quote = value[:1]
    if len(value) > 1 and quote in _QUOTES and value[-1] == quote:
        value = value[1:-1]
    if quote == '"':
        value = value.replace("\\n", "\n").replace("\\r", "\r")
    return None if "\0" in value else value
