"""Pure. The columns of a terminal that a text takes, and texts cut to a number of columns.

East Asian characters and most pictographs take two columns, combining characters none (UAX #11).
"""

# Latin, Greek and Cyrillic letters without combining characters; punctuation; arrows; Braille.
_NARROW = ((0x20, 0x7F), (0xA0, 0x300), (0x370, 0x483), (0x2010, 0x2028), (0x2190, 0x21A0))
_BRAILLE = (0x2800, 0x2900)
ELLIPSIS = "…"


def width(text: str) -> int:
    """How many columns a text takes. Control characters take none."""
    # The table of widths takes 10 ms to import, and most texts do not need it.
    if text.isascii() or all(_is_narrow(ord(sign)) for sign in text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, columns: int, mark: str = ELLIPSIS) -> str:
    """A text that takes at most a number of columns; a longer one ends with a mark.

    Args:
        text: The text, in one line.
        columns: The most columns that it may take.
        mark: The end of a text that was cut. Without room for it, nothing is left of the text.
    """
    if width(text) <= columns:
        return text
    room = columns - width(mark)
    if room < 0:
        return ""
    taken = 0
    for position, sign in enumerate(text):
        taken += width(sign)
        if taken > room:
            return text[:position] + mark
    return text


def _is_narrow(code: int) -> bool:
    return any(first <= code < end for first, end in (*_NARROW, _BRAILLE))
