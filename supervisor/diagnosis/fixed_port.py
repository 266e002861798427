"""Pure. A port that stands as a number in a command or program, and the edit that replaces it."""

import re
from collections.abc import Collection, Iterable

from portweave.encoding.value import value


@value
class FixedPort:
    """A port that is written as a number.

    Attributes:
        port: The number.
        text: The words that contain it, such as `-p 3000`.
        edit: What to write instead, in words.
        listens: Whether a server certainly listens on it.
    """

    port: int
    text: str
    edit: str
    listens: bool = True


def edit_hint(fixed: Iterable[FixedPort], ports: Collection[int], command: str) -> str:
    """The edit that replaces one of these ports; empty where none is written.

    Args:
        fixed: Numbers that are certainly ports.
        ports: The ports to replace.
        command: It may contain one of them as a plain number.
    """
    edit = next((one.edit for one in fixed if one.port in ports), "")
    words = re.findall(r"[\w.]+", command)
    plain = (f"write $PORT for {port} in the command" for port in ports if str(port) in words)
    return edit or next(plain, "")
