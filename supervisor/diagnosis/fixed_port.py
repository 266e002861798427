"""Pure. A port that a command, or a program, has as a number of its own."""

import re
from collections.abc import Collection, Iterable

from portweave.encoding.value import value


@value
class FixedPort:
    """A port that is written as a number.

    Attributes:
        port: The number.
        text: Where it stands, such as `-p 3000`.
        edit: What to write, in words.
        listens: Whether it is certain that a server listens on it.
    """

    port: int
    text: str
    edit: str
    listens: bool = True


def edit_hint(fixed: Iterable[FixedPort], ports: Collection[int], command: str) -> str:
    """The edit that takes away the first of these numbers that is written; empty for none.

    Args:
        fixed: Numbers that are certain to be ports.
        ports: The numbers.
        command: It may have one of them where nothing says that it is a port.
    """
    edit = next((one.edit for one in fixed if one.port in ports), "")
    words = re.findall(r"[\w.]+", command)
    plain = (f"write $PORT for {port} in the command" for port in ports if str(port) in words)
    return edit or next(plain, "")
