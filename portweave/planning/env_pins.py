"""Pure. The lines of a copied `.env` that set a port of the worktree it comes from.

Another worktree has its own block of ports. A service that took such a port from the copied file
would meet the services of the first worktree.
"""

import re
from collections.abc import Set as AbstractSet

from portweave.encoding.value import value

_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*)")
_NUMBER = re.compile(r"(?<![\w.])\d{4,5}(?![\w.])")


@value
class Unpinned:
    """A `.env` without the lines that set a port of another worktree.

    Attributes:
        text: The text without these lines.
        removed: The variables of these lines.
        mentions: Variables whose value contains such a port beside other text. They are kept.
    """

    text: str
    removed: tuple[str, ...]
    mentions: tuple[str, ...]


def without_pins(text: str, ports: AbstractSet[int]) -> Unpinned:
    """Leave out the lines that set a variable to one of these ports.

    Args:
        text: The text of a `.env`.
        ports: The ports of the worktree it comes from.
    """
    kept: list[str] = []
    removed: list[str] = []
    mentions: list[str] = []
    for line in text.splitlines(keepends=True):
        match = _ASSIGNMENT.match(line)
        if match is not None:
            found = match["value"].partition(" #")[0].strip().strip("'\"`")
            if found.isascii() and found.isdigit() and int(found) in ports:
                removed.append(match["name"])
                continue
            if any(int(number) in ports for number in _NUMBER.findall(found)):
                mentions.append(match["name"])
        kept.append(line)
    return Unpinned("".join(kept), tuple(removed), tuple(mentions))
