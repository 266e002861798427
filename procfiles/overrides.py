"""Pure. Read a .env file's overrides of ports and of other computed variables.

A line that npm portweave accepts has the same meaning here. This parser also accepts `export
NAME=…`, blanks around `=`, a comment after a quoted value, and quoted values of several lines.
Nothing is expanded. `portweave.procfiles.dotenv` reads all other variables.
"""

from portweave import errors

TYPE_CHECKING = False  # importing `typing` takes as long as the work here
if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

# White space in JavaScript; `str.strip()` removes other characters.
BLANKS = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_NAME = _LETTERS | frozenset("0123456789")


def read(text: str, path: str, names: "AbstractSet[str]") -> dict[str, str]:
    """Read the named variables of a .env file, in file order; the last value of a name wins.

    Args:
        text: The file's text.
        path: The file's path, for messages.
        names: The names of the variables to read.

    Returns:
        Name to value.

    Raises:
        DotenvError: A line for one of the names is malformed, or its value has a NUL.
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
            raise errors.DotenvError(
                path,
                number,
                _words(line),
                hint="write NAME=value, or # and a comment",
                column=lines[number - 1].index(line) + 1,
            )
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
                raise errors.DotenvError(path, number, f"{name}: NUL in a value")
            values[name] = value
    return values


def _first_words(line: str) -> list[str]:
    """The first two words before `=` or `:`; one of them may be a variable's name."""
    head = line.partition("=")[0].partition(":")[0]
    return "".join(char if char in _NAME else " " for char in head).split()[:2]


def _words(line: str) -> str:
    """The name of a malformed line in messages, without its value."""
    name = line.partition("=")[0].removeprefix("export ").strip(BLANKS)
    return name if name and _NAME.issuperset(name) and "=" in line else "no NAME=value"


def _split(line: str) -> tuple[str, str] | None:
    """The name and value of an assignment; None for any other line."""
    name, equals, value = line.partition("=")
    if not equals or "\r" in line or "\u2028" in line or "\u2029" in line:
        return None
    bare = name.rstrip(" \t")
    if bare[:7] in ("export ", "export\t"):
        bare = bare[7:].lstrip(" \t")
    if bare != name:
        # npm portweave keeps blanks after `=`. It refuses `export`, and blanks before `=`: in
        # such lines the blanks after `=` are removed.
        value = value.lstrip(" \t")
    if not bare or bare[0] not in _LETTERS or not _NAME.issuperset(bare):
        return None
    return bare, value


def _quoted(value: str) -> str:
    """The value of a text on one line that begins with a quote."""
    quote = value[0]
    if len(value) > 1 and value[-1] == quote:
        return value[1:-1]
    end = value.find(quote, 1)
    if end > 0:
        after = value[end + 1 :]
        if after[0] in BLANKS and after.lstrip(BLANKS)[:1] == "#":
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
    """The index of the later line that closes the quote of `value`; None where there is none.

    Args:
        lines: All lines of the file.
        number: The index of the line after the one with `value`.
        value: The text from the opening quote on.
    """
    quote = value[0]
    if quote in value[1:]:
        return None
    # If each line up to the closing quote is valid by itself, npm portweave reads each by itself.
    # The quote is then a part of the value.
    is_one_value = False
    for index in range(number, len(lines)):
        line = lines[index].strip(BLANKS)
        is_one_value = is_one_value or bool(line and line[0] != "#" and _split(line) is None)
        _, found, after = line.partition(quote)
        if found:
            after = after.strip(BLANKS)
            return index if is_one_value and (not after or after[0] == "#") else None
    return None
