"""Pure. Texts that fit a width in terminal cells."""

from rich.cells import cell_len, chop_cells

from portweave.encoding.cells import cut
from portweave.encoding.terminal_escapes import escaped


def one_line(text: str) -> str:
    """Return a text without control characters, on one line."""
    return escaped(" ".join(text.split()))


def fitted(text: str, width: int) -> str:
    """Return as much of a text as fits, on one line, with an ellipsis where it is cut."""
    return cut(one_line(text), width)


def fitted_end(text: str, width: int) -> str:
    """Return as much of the end of a text as fits."""
    text = one_line(text)
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[1:]
    return f"…{text}" if width > 1 else ""


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text, broken at words; longer words are broken too.

    Args:
        text: One line.
        width: The width of each line, in cells.
    """
    found = [""]
    for word in text.split(" "):
        longer = f"{found[-1]} {word}" if found[-1] else word
        if cell_len(longer) <= width:
            found[-1] = longer
            continue
        pieces = chop_cells(word, width)
        found += pieces if found[-1] else []
        if not found[0]:
            found = pieces
    return found
