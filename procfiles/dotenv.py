r"""Pure. Files of variables as npm's dotenv reads them, and python-dotenv where both agree.

`NAME=value` or `NAME: value`, `export` before it or not. A value in quotes (`'`, `"` or a
backquote) may have several lines, and a comment behind it; in double quotes `\n` and `\r` are a
newline and a carriage return. Unlike with npm's, `#` begins a comment in a bare value only behind a
blank. Nothing is expanded. (https://github.com/motdotla/dotenv, "Rules")
"""

import re

# What JavaScript takes for white space; Python has another idea of it.
BLANKS = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_BLANK = f"[{BLANKS}]"
_ASSIGNMENT = re.compile(
    rf"(?:export{_BLANK}+)?([A-Za-z0-9_.-]+)(?:{_BLANK}*=|:{_BLANK}+?)"
    rf"({_BLANK}*'(?:\\'|[^'])*'|{_BLANK}*\"(?:\\\"|[^\"])*\"|{_BLANK}*`(?:\\`|[^`])*`"
    rf"|(?:[^#\n]|(?<!{_BLANK})#)+)?"
    rf"{_BLANK}*(?:#[^\n]*)?(?=\n|\Z)",
)
_QUOTES = ("'", '"', "`")


class Variables:
    """What a file of variables says.

    Attributes:
        values: By name, in the order of the file; of several with one name the last.
        unread: The numbers of the lines that mean nothing, from 1.
    """

    __slots__ = ("unread", "values")

    def __init__(self, values: dict[str, str], unread: tuple[int, ...]) -> None:
        self.values = values
        self.unread = unread


def parse(text: str) -> Variables:
    """Read the variables of a file.

    Args:
        text: The text, without a byte order mark.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    values: dict[str, str] = {}
    unread: list[int] = []
    number, counted, position = 1, 0, 0
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end].lstrip(BLANKS)
        if not line or line[0] == "#":
            position = end + 1
            continue
        found = _ASSIGNMENT.match(text, end - len(line))
        number, counted = number + text.count("\n", counted, position), position
        value = None if found is None else _value(found[2] or "")
        if found is None or value is None:
            unread.append(number)
            position = end + 1
        else:
            values[found[1]] = value
            position = max(end, found.end()) + 1
    return Variables(values, tuple(unread))


def _value(written: str) -> str | None:
    """A value as it is meant; None where no environment can hold it."""
    value = written.strip(BLANKS)
    quote = value[:1]
    if len(value) > 1 and quote in _QUOTES and value[-1] == quote:
        value = value[1:-1]
    if quote == '"':
        value = value.replace("\\n", "\n").replace("\\r", "\r")
    return None if "\0" in value else value
