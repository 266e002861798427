"""A port that a command, or a program, has as a number of its own."""

from collections.abc import Collection, Iterable

from portweave.supervisor.core.value import value


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


def edit_of(fixed: Iterable[FixedPort], ports: Collection[int]) -> str:
    """The edit that takes away the first of these numbers that is written; empty for none."""
    return next((one.edit for one in fixed if one.port in ports), "")
