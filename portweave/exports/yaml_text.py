"""Pure. Write values as YAML (yaml.org/spec/1.2.2), as YAML 1.1 reads them too.

PyYAML writes the same, but takes half of the time of a large export. Long lines stay whole, so that
commands can be read and copied.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from portweave.encoding.json_text import is_list, is_object

# The key under which a mapping includes another one (yaml.org/type/merge).
MERGE = "<<"
_ANCHOR = "variables"
# Texts that need no quotes: they begin with a letter, and no colon or blank ends a part.
_PLAIN = re.compile(r"[A-Za-z_/](?:[\w./@+,=-]|:(?=[\w/])| (?=[\w./@+=]))*", re.ASCII)
# YAML 1.1 reads these as other types.
_WORDS = frozenset(["true", "false", "yes", "no", "on", "off", "y", "n", "null"])


def as_yaml(
    documents: Iterable[object], starts: str = "", shared: dict[str, object] | None = None
) -> str:
    """Write values as YAML documents.

    Args:
        documents: Dicts and lists that are not empty, of such, texts, numbers, booleans and None.
        starts: The text before each document.
        shared: A dict that is written once; a dict with it under `MERGE` refers to it.
    """
    lines: list[str] = []
    # None is a value too.
    marked = object() if shared is None else shared
    for document in documents:
        if starts:
            lines.append(starts.rstrip("\n"))
        _add(lines, document, "", "", marked)
    return "\n".join([*lines, ""])


def _add(lines: list[str], one: object, indent: str, head: str, shared: object) -> None:
    """Add the lines of a dict or list.

    Args:
        lines: Gets the lines.
        one: The dict or list.
        indent: The indent of all lines but the first.
        head: The indent of the first line.
        shared: The dict that is written once.
    """
    deeper = f"{indent}  "
    if is_object(one):
        for key, member in one.items():
            # What stands in most lines goes first.
            if isinstance(member, str):
                lines.append(f"{head}{_text(key)}: {_text(member)}")
            elif member is shared and key == MERGE:
                lines.append(f"{head}{MERGE}: *{_ANCHOR}")
            elif not member or not (is_object(member) or is_list(member)):
                lines.append(f"{head}{_text(key)}: {_scalar(member)}")
            else:
                mark = f" &{_ANCHOR}" if member is shared else ""
                lines.append(f"{head}{_text(key)}:{mark}")
                # A list may stand below its key.
                inner = indent if is_list(member) else deeper
                _add(lines, member, inner, inner, shared)
            head = indent
    elif is_list(one):
        for member in one:
            if member and (is_object(member) or is_list(member)):
                _add(lines, member, deeper, f"{head}- ", shared)
            else:
                lines.append(f"{head}- {_scalar(member)}")
            head = indent


def _scalar(one: object) -> str:
    if isinstance(one, str):
        return _text(one)
    if one is None:
        return "null"
    if isinstance(one, bool):
        return "true" if one else "false"
    return str(one)


@lru_cache(maxsize=10_000)
def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character == "\n":
        return "\\n"
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\U{number:08x}"
