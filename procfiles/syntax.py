"""Pure. Syntax errors of JSON and YAML in words, with their place and a way out.

The parsers say where they stopped. What is wrong often stands before that place.
"""

_BLANKS = " \t\r\n"
_EMPTY_JSON = 'begin with this line:\n{"services": {"web": {"command": "npm start"}}}'


def json_problem(text: str, position: int, what: str) -> tuple[str, int, str]:
    """A syntax error of JSON: a sentence, the offset of what is wrong, and a hint.

    Args:
        text: The JSON text.
        position: The offset at which the parser stopped.
        what: What the parser says.
    """
    if not text.strip(_BLANKS):
        return "the file is empty", 0, _EMPTY_JSON
    # Python 3.13 stops at the comma itself.
    rest = text[position:].lstrip(", \t\r\n")
    before = text[:position].rstrip(_BLANKS)
    comma = position if text.startswith(",", position) else len(before) - 1
    if text.startswith(",", comma) and rest[:1] in ("}", "]"):
        hint = "remove the comma: JSON allows none before } and ]"
        return f"a comma before {rest[0]}", comma, hint
    here = text[position : position + 1]
    if here in ("/", "#") or text.startswith(("//", "/*", "#"), _next(text, position)):
        hint = "remove it, or use portweave.yaml, which has comments (#)"
        return "a comment, which JSON does not have", _next(text, position), hint
    if here == "'":
        return "a single quote, where JSON needs a double quote", position, 'write "text"'
    if not here:
        hint = "look for a } or ] that is missing"
        return "the file ends too early", max(len(before) - 1, 0), hint
    if "',' delimiter" in what:
        hint = "put a comma between two entries"
        return "a comma is missing before this", position, hint
    if "':' delimiter" in what:
        return "a colon is missing before this", position, 'write "key": value'
    if "Extra data" in what:
        return "the file goes on after its last }", position, "remove what follows"
    if "property name" in what:
        return "a key without double quotes", position, 'write "key": value'
    if "control character" in what.lower():
        return "a text goes on in the next line", position, "close its quote, or write \\n"
    if "Unterminated string" in what:
        return "the quote of this text is not closed", position, 'end it with "'
    word = text[position : position + 5]
    for wrong, right in (("True", "true"), ("False", "false"), ("None", "null")):
        if word.startswith(wrong):
            return f"{wrong} is no value of JSON", position, f"did you mean {right}?"
    if "Expecting value" in what and here.isalpha():
        return "a text without double quotes", position, 'write "text"'
    if "Expecting value" in what:
        return "this is no JSON value", position, ""
    return what[:1].lower() + what[1:], position, ""


def _next(text: str, position: int) -> int:
    """The offset of the next character that is not blank."""
    return len(text) - len(text[position:].lstrip(_BLANKS))


def yaml_problem(
    text: str, what: str, place: tuple[int, int], began: tuple[int, int]
) -> tuple[str, tuple[int, int], str]:
    """A syntax error of YAML: a sentence, the place of what is wrong, and a hint.

    Args:
        text: The YAML text.
        what: What the parser says.
        place: Line and column where the parser stopped, from 1.
        began: Line and column where it began to read what it did not understand.
    """
    lines = text.split("\n")
    line = lines[place[0] - 1] if place[0] <= len(lines) else ""
    indent = line[: len(line) - len(line.lstrip(_BLANKS))]
    here = line[place[1] - 1 : place[1]]
    if "\t" in indent:
        tab = (place[0], indent.index("\t") + 1)
        return "a tab indents this line", tab, "indent with blanks: YAML allows no tabs there"
    if here == "\t":
        return "a tab, where YAML allows none", place, "use blanks instead"
    if "mapping values are not allowed" in what:
        return _misplaced_colon(lines, place)
    if "could not find expected ':'" in what:
        return "this line is no 'key: value'", began, "write a colon and a blank behind the key"
    if "did not find expected key" in what or "block end" in what:
        hint = "indent the keys of one mapping equally"
        return "this line is not indented as the lines above it", place, hint
    if "expected '-' indicator" in what:
        hint = "begin each entry of a list with a dash, all equally indented"
        return "this line is no entry of the list above it", place, hint
    if "unexpected end of stream" in what:
        return "the quote that begins here is not closed", began, "end it with the same quote"
    if "expected ',' or '" in what:
        hint = f"close it with {what.rpartition(' or ')[2]}, and put commas between entries"
        return "the bracket that begins here is not closed", began, hint
    if "cannot start any token" in what or "alphabetic or numeric character" in what:
        start = began if "alphabetic" in what else place
        first = (lines[start[0] - 1] if start[0] <= len(lines) else "")[start[1] - 1 : start[1]]
        return f"a text cannot begin with {first} in YAML", start, "put it in quotes"
    return what, place, ""


def _misplaced_colon(lines: list[str], place: tuple[int, int]) -> tuple[str, tuple[int, int], str]:
    """The problem of a colon where YAML expects none: in a text, or after a line without one."""
    line = lines[place[0] - 1] if place[0] <= len(lines) else ""
    if ": " in line[: place[1] - 1]:
        key, _, value = line.strip().partition(": ")
        inner = value.partition(": ")[0]
        if inner and " " not in inner:
            at = (place[0], line.index(value) + 1)
            return (
                f"two keys on one line: {key} and {inner}",
                at,
                f"write {inner}: on a line of its own, indented",
            )
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        return "a colon and a blank inside a text", place, f'put it in quotes: {key}: "{quoted}"'
    above = place[0] - 1
    while above > 0 and not lines[above - 1].strip():
        above -= 1
    before = lines[above - 1] if above else ""
    if before.strip() and ":" not in before:
        column = len(before) - len(before.lstrip(" ")) + 1
        name = before.strip()
        return f"there is no colon after {name}", (above, column), f"write {name}:"
    hint = "check how far this line is indented, and whether the line above is complete"
    return "a colon, where no key can be", place, hint
