"""Pure. What a file of variables says of ports and of other variables that are computed.

What npm portweave accepts means here what it means there. Besides, `export NAME=…`, blanks around
`=`, quoted values with a comment behind them, and quoted values over several lines are accepted.
Nothing is expanded. All other variables are read by `portweave.procfiles.dotenv`.
"""

from portweave.errors import DotenvError

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

# What JavaScript takes for white space; `str.strip()` has another idea of it.
BLANKS = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_NAME = _LETTERS | frozenset("0123456789")


def read(text: str, path: str, names: "AbstractSet[str]") -> dict[str, str]:
    """Read some variables of a file, in file order; of several with one name the last wins.

    Args:
        text: The text.
        path: The file's, for messages.
        names: Of the variables.

    Raises:
        DotenvError: A line that would hold one of them is no `NAME=value`, or the value has a NUL.
    """
    values: dict[str, str] = {}
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        line = lines[number].strip(BLANKS)
        number += 1
        if not line or line[0] == "#":
            continue
        assignment = _split(line)
        if assignment is None:
            if names.isdisjoint(_first_words(line)):
                continue
            raise DotenvError(path, number, _words(line), hint="NAME=value, or # and a comment")
        name, value = assignment
        if value[:1] in ('"', "'"):
            end = _closing_line(lines, number, value)
            if end is not None:
                first = lines[number - 1].rstrip("\r")
                start = first.index(value[0], first.index("=")) + 1
                inside = [first[start:], *(line.rstrip("\r") for line in lines[number:end])]
                last = lines[end].rstrip("\r")
                value = "\n".join([*inside, last[: last.index(value[0])]])
                number = end + 1
            else:
                value = _quoted(value)
        else:
            value = _without_comment(value)
        if name in names:
            if "\0" in value:
                raise DotenvError(path, number, f"{name}: NUL in a value")
            values[name] = value
    return values


def _first_words(line: str) -> list[str]:
    """The words that the name of a variable may be among: before `=` or `:`, two at the most."""
    head = line.partition("=")[0].partition(":")[0]
    return "".join(char if char in _NAME else " " for char in head).split()[:2]


def _words(line: str) -> str:
    """What to call a line that is not understood, without its value."""
    name = line.partition("=")[0].removeprefix("export ").strip(BLANKS)
    return name if name and _NAME.issuperset(name) and "=" in line else "no NAME=value"


def _split(line: str) -> tuple[str, str] | None:
    """Name and value of a line, None where it is no assignment."""
    name, equals, value = line.partition("=")
    if not equals or "\r" in line or "\u2028" in line or "\u2029" in line:
        return None
    bare = name.rstrip(" \t")
    if bare[:7] in ("export ", "export\t"):
        bare = bare[7:].lstrip(" \t")
    if bare != name:
        # npm portweave keeps blanks behind `=`; where it would have refused the line, they go.
        value = value.lstrip(" \t")
    if not bare or bare[0] not in _LETTERS or not _NAME.issuperset(bare):
        return None
    return bare, value


def _quoted(value: str) -> str:
    """The value of what begins with a quote, on one line."""
    quote = value[0]
    if len(value) > 1 and value[-1] == quote:
        return value[1:-1]
    end = value.find(quote, 1)
    if end > 0:
        behind = value[end + 1 :]
        if behind[0] in BLANKS and behind.lstrip(BLANKS)[:1] == "#":
            return value[1:end]
    return _without_comment(value)


def _without_comment(value: str) -> str:
    start = value.find("#", 1)
    while start > 0:
        if value[start - 1] in BLANKS:
            return value[:start].rstrip(BLANKS)
        start = value.find("#", start + 1)
    return value


def _closing_line(lines: list[str], number: int, value: str) -> int | None:
    """The index of the line on which the quote that opens `value` closes; None: not a later one.

    Args:
        lines: All lines.
        number: The index of the one behind that of `value`.
        value: From the quote on.
    """
    quote = value[0]
    if quote in value[1:]:
        return None
    # Where every line up to there has a meaning of its own, npm portweave reads them so, and takes
    # the quote for a part of the value.
    is_one_value = False
    for index in range(number, len(lines)):
        line = lines[index].strip(BLANKS)
        is_one_value = is_one_value or bool(line and line[0] != "#" and _split(line) is None)
        before, found, behind = line.partition(quote)
        del before
        if found:
            behind = behind.strip(BLANKS)
            return index if is_one_value and (not behind or behind[0] == "#") else None
    return None
