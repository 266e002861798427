"""Points in time, as users write them and as portweave prints them."""

import time

from portweave.encoding.duration import parse as parse_duration

_DAY_S = 24 * 3600.0
_LATEST_S = 253_402_300_800.0  # the year 10000


def parse(text: str, now_s: float) -> float | None:
    """Seconds since the epoch for a point in time; None if the text is none.

    Args:
        text: How long ago (`90`, `5m`, `1h30m`, `2d`), a time of today, or RFC 3339. The latter's
            zone may be missing for the local zone, and its time for midnight.
        now_s: The time now, in seconds since the epoch.
    """
    ago_s = _ago(text)
    if ago_s is not None:
        return now_s - ago_s
    from datetime import datetime

    if len(text) > 2 and text[2] == ":":
        text = time.strftime("%Y-%m-%dT", time.localtime(now_s)) + text
    try:
        found_s = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return found_s if 0 <= found_s < _LATEST_S else None


def _ago(text: str) -> float | None:
    days, mark, rest = text.partition("d")
    if not mark:
        return parse_duration(text)
    if not (days.isascii() and days.isdigit() and len(days) < 6):
        return None
    more_s = parse_duration(rest) if rest else 0.0
    return None if more_s is None else int(days) * _DAY_S + more_s


def rfc3339(time_ns: int) -> str:
    """A time in UTC with microseconds: `2026-01-31T12:00:00.000000Z`."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{rest // 1000:06d}Z"


def local(time_ns: int) -> str:
    """A time in the local zone with milliseconds: `2026-01-31 12:00:00.000`."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    whole = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    return f"{whole}.{rest // 1_000_000:03d}"
