"""Pure. Names cut to the width of a column, so that they stay distinct."""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable

# The widest column of names on a terminal.
NAME_COLUMNS = 16


def short_names(
    names: "Iterable[str]", width: int = NAME_COLUMNS, mark: str = "…"
) -> dict[str, str]:
    """A text of at most `width` characters for each name; distinct names get distinct texts.

    A name that fits stays as it is. Of a longer one the middle becomes `mark`. Where the ends do
    not tell names apart, all long names keep more of the beginning or of the end.

    Args:
        names: The names.
        width: The number of characters, at least 8.
        mark: One character in place of what is cut.
    """
    found = {name: name for name in names}
    long = [name for name in found if len(name) > width]
    if not long:
        return found
    taken = found.keys() - set(long)
    kept = width - 1
    middle = (kept + 1) // 2
    # From even halves outwards: 8 of the beginning and 7 of the end, 9 and 6, 7 and 8, …
    heads = sorted(range(kept + 1), key=lambda head: (abs(head - middle), -head))
    for head in heads:
        cut = [_cut(name, head, kept - head, mark) for name in long]
        if len({*cut, *taken}) == len(cut) + len(taken):
            return found | dict(zip(long, cut, strict=True))
    for name in long:
        found[name] = next(text for text in _numbered(name, width, mark) if text not in taken)
        taken.add(found[name])
    return found


def _cut(name: str, head: int, tail: int, mark: str) -> str:
    return name[:head] + mark + (name[-tail:] if tail else "")


def _numbered(name: str, width: int, mark: str) -> "Iterable[str]":
    """Beginnings of a name with a number behind, from 1."""
    number = 0
    while True:
        number += 1
        end = f"{mark}{number}"
        yield name[: width - len(end)] + end
