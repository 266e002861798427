"""Pure. A reader's position in logs, as text that a program passes back to go on from there."""


def pack(places: "dict[str, tuple[int, int]]") -> str:
    """Positions as a text of letters, digits and `.:,-_`.

    Args:
        places: For each instance, the segment, and how many of its records were read.
    """
    return ",".join(f"{name}:{a}:{b}" for name, (a, b) in sorted(places.items())) or "-"


def unpack(text: str) -> "dict[str, tuple[int, int]]":
    """The positions in a text.

    Raises:
        ValueError: The text is not from `pack`.
    """
    found: dict[str, tuple[int, int]] = {}
    for part in text.split(",") if text != "-" else ():
        name, _, place = part.partition(":")
        segment, _, record = place.partition(":")
        if not (name and all(n.isascii() and n.isdigit() for n in (segment, record))):
            raise ValueError(f"no place in a log: {part!r}")
        found[name] = (int(segment[:18]), int(record[:18]))
    return found
