"""Pure. Durations: `300ms`, `10s`, `1m30s`, `2h`, or a number of seconds."""

_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_ORDER: tuple[str, ...] = ("h", "m", "s", "ms")
_DIGITS = frozenset("0123456789")
LONGEST_S = 366 * 24 * 3600.0


def parse(text: str) -> float | None:
    """The seconds of a duration; None if the text is none, or longer than a year.

    Units come from the largest to the smallest, each once. A number without a unit is in seconds.
    Only the last number may have decimals.
    """
    total_s = 0.0
    rest = text
    units = _ORDER
    if not rest:
        return None
    while rest:
        length = 0
        while length < len(rest) and (rest[length] in _DIGITS or rest[length] == "."):
            length += 1
        number, rest = rest[:length], rest[length:]
        whole, dot, decimals = number.partition(".")
        if not whole or len(number) > 20 or (dot and (not decimals or "." in decimals)):
            return None
        length = 0
        while length < len(rest) and rest[length] in "hms":
            length += 1
        unit, rest = rest[:length], rest[length:]
        if not unit and not rest and units is _ORDER:
            unit = "s"
        if unit not in units or (dot and rest):
            return None
        units = units[units.index(unit) + 1 :]
        total_s += float(number) * _UNITS_S[unit]
    return total_s if total_s <= LONGEST_S else None


def duration_text(seconds: float) -> str:
    """A duration as `parse` reads it, such as `1m30s`; with milliseconds below a second."""
    milliseconds = round(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    whole, rest_ms = divmod(milliseconds, 1000)
    hours, rest_s = divmod(whole, 3600)
    minutes, seconds = divmod(rest_s, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"), (rest_ms if whole < 60 else 0, "ms"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)
