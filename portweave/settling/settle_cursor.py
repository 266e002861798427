"""Pure. A cursor of settle: positions in logs as of `logs --brief`, and a time.

So `logs --brief --after` takes the cursor too. The time is the entry of a name that no instance
can have.
"""

from portweave.supervisor.logs.cursor import pack, unpack

_TIME = "@"
_NANOSECONDS = 1_000_000_000
# A longer cursor would leave no room for the answer: then it is the time alone.
_LONGEST = 1200


def pack_cursor(places: "dict[str, tuple[int, int]]", time_ns: int) -> str:
    """Positions and a time as a text without blanks.

    Args:
        places: For each instance, the segment, and how many of its records were read.
        time_ns: Since the epoch.
    """
    moment = {_TIME: divmod(time_ns, _NANOSECONDS)}
    text = pack({**places, **moment})
    return text if len(text) <= _LONGEST else pack(moment)


def unpack_cursor(text: str) -> "tuple[dict[str, tuple[int, int]], int | None]":
    """The positions and the time in a text; None for a cursor of `logs --brief`, without a time.

    Raises:
        ValueError: The text is no cursor.
    """
    places = unpack(text)
    found = places.pop(_TIME, None)
    if found is None:
        return places, None
    return places, found[0] * _NANOSECONDS + found[1]
