"""Pure. The index beside a log: a record of fixed size for each chunk that a service printed.

A log holds the printed bytes of both streams, in order, and nothing else. The index tells stream,
time and run of each chunk. So a reader finds a time, a run or the last lines of gigabytes after
reading a few records. A log and its index are a segment. The segments of an instance are numbered.
Only the newest log has no number in its name:

    web.log.7  web.idx.7     older, and never written again
    web.log    web.idx.8     the newest

An index never changes its name; a log is renamed once, by rename(2). So a crash at any step leaves
pairs that belong together: if `web.log.8` and `web.idx.8` exist and `web.idx.9` does not, the next
segment is 9.

Readers take no lock. The last record of an index may be incomplete, and a log may have bytes that
the index does not list yet. A reader notices both, because records follow each other without a gap.
"""

from _struct import Struct

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Kinds of records. The first two are the streams.
OUT = 0
ERR = 1
# Text of portweave's inside a log, about missing bytes.
NOTE = 2
# The start of a run, of length 0.
START = 3

# offset, time, length, run, kind, check
_LAYOUT = Struct("<QQIIB3xI")
RECORD_BYTES: int = _LAYOUT.size
LONGEST_BYTES = (1 << 32) - 1
_SALT = 0x706F7274
_MASK = 0xFFFFFFFF

# A service cannot have the name of portweave's own log.
_OWN = "portweave"
_ITS_NAMESAKE = "%70ortweave"


class Record:
    """One chunk of a log.

    Attributes:
        offset: Its first byte in the log.
        time_ns: When it was read, since the epoch. Times in a segment never decrease.
        length: Its size in bytes.
        run: The number of the run, from 1 on, over all starts of the instance.
        kind: `OUT`, `ERR`, `NOTE` or `START`.
    """

    __slots__ = ("kind", "length", "offset", "run", "time_ns")

    def __init__(self, offset: int, time_ns: int, length: int, run: int, kind: int) -> None:
        self.offset = offset
        self.time_ns = time_ns
        self.length = length
        self.run = run
        self.kind = kind

    @property
    def end(self) -> int:
        """The byte in the log behind it."""
        return self.offset + self.length


def pack(offset: int, time_ns: int, length: int, run: int, kind: int) -> bytes:
    """A record as bytes; the arguments are the attributes of `Record`."""
    check = (offset + time_ns + length + run + kind ^ _SALT) & _MASK
    return _LAYOUT.pack(offset, time_ns, length, run, kind, check)


def unpack(data: bytes) -> "Iterator[Record]":
    """The records in a part of an index, up to the first damaged one."""
    whole = len(data) - len(data) % RECORD_BYTES
    for offset, time_ns, length, run, kind, check in _LAYOUT.iter_unpack(data[:whole]):
        if check != (offset + time_ns + length + run + kind ^ _SALT) & _MASK:
            return
        yield Record(offset, time_ns, length, run, kind)


def first_where(count: int, predicate: "Callable[[int], bool]") -> int:
    """The first number below `count` for which `predicate` is true; `count` if there is none.

    Args:
        count: How many numbers to search, from 0 on.
        predicate: Once true, it must be true for all greater numbers.
    """
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if predicate(middle):
            high = middle
        else:
            low = middle + 1
    return low


def stem(instance: str) -> str:
    """The beginning of the names of an instance's files."""
    return _ITS_NAMESAKE if instance == _OWN else instance


def segments(names: "Iterable[str]") -> dict[str, list[int]]:
    """The segment numbers of each instance, ascending, from the file names of a folder."""
    found: dict[str, list[int]] = {}
    for name in names:
        begin, dot, number = name.rpartition(".idx.")
        if dot and number.isascii() and number.isdigit():
            instance = _OWN if begin == _ITS_NAMESAKE else begin
            found.setdefault(instance, []).append(int(number))
    for numbers in found.values():
        numbers.sort()
    return found
