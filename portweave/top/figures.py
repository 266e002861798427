"""Pure. Ages, sizes, shares and bars, as short texts."""

_FULL, _HALF, _TRACK = "━", "╸", "─"


def age_text(age_s: float) -> str:
    """Return an age in its largest unit, such as `3m`; at most four characters below 1000 days."""
    seconds = max(0, int(age_s))
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length_s:
            return f"{seconds // length_s}{unit}"
    return f"{seconds}s"


def size_text(amount_bytes: int) -> str:
    """Return an amount of memory, such as `21 MB`; at most seven characters below 1 TB."""
    if amount_bytes >= 1_000_000_000:
        return f"{amount_bytes / 1e9:.1f} GB"
    return f"{amount_bytes // 1_000_000} MB"


def percent_text(percent: float) -> str:
    """Return a share, such as `4.2%` or `140%`; at most five characters below 1000 %."""
    return f"{percent:.0f}%" if percent >= 99.95 else f"{percent:.1f}%"


def bar(share: float, width: int) -> tuple[str, str]:
    """Return a bar, and the track behind it.

    Args:
        share: How full it is, from 0 to 1.
        width: The width of both together, in cells.
    """
    halves = round(max(0.0, min(share, 1.0)) * width * 2)
    filled = _FULL * (halves // 2) + _HALF * (halves % 2)
    return filled, _TRACK * (width - len(filled))
