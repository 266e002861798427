"""Pure. The index beside a log: a record of fixed size for each chunk that a service printed.

A log holds the bytes as they came, both streams in turn, and nothing else. What belongs to which
stream, when it was read, and in which run, stands in the index, so that a reader finds a time, a
run or the last lines of gigabytes by looking at a few records. A log and its index are a segment;
segments of one instance are numbered. Only the newest log has no number in its name:

    web.log.7  web.idx.7     older, and never written again
    web.log    web.idx.8     the newest

The index never changes its name, and the log gets its own by one rename(2). So a crash at any step
leaves pairs that belong together: where `web.log.8` and `web.idx.8` are and no `web.idx.9`, what
comes next is segment 9.

Readers do not lock. What stands last in an index may be torn, and a log may have bytes that its
index does not know of yet; both can be told, as records follow each other without a gap.
"""

from _struct import Struct

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Kinds of records. The first two are the streams.
OUT = 0
ERR = 1
# Words of portweave's own inside a log: what is missing there.
NOTE = 2
# A run begins; of no length.
START = 3

# offset, time, length, run, kind, check
_LAYOUT = Struct("<QQIIB3xI")
RECORD_BYTES: int = _LAYOUT.size
LONGEST_BYTES = (1 << 32) - 1
_SALT = 0x706F7274
_MASK = 0xFFFFFFFF

# The name of portweave's own log is not to be had by a service.
_OWN = "portweave"
_ITS_NAMESAKE = "%70ortweave"


class Record:
    """One chunk of a log.

    Attributes:
        offset: Where in the log it begins.
        time_ns: When it was read, since the epoch. Within a segment times do not decrease.
        length: Its bytes.
        run: The number of the run, from 1, counted for each instance over all starts.
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
        """Where in the log it ends."""
        return self.offset + self.length


def pack(offset: int, time_ns: int, length: int, run: int, kind: int) -> bytes:
    """A record as bytes; the fields are those of `Record`."""
    check = (offset + time_ns + length + run + kind ^ _SALT) & _MASK
    return _LAYOUT.pack(offset, time_ns, length, run, kind, check)


def unpack(data: bytes) -> "Iterator[Record]":
    """The records of a piece of an index, up to the first that is damaged."""
    whole = len(data) - len(data) % RECORD_BYTES
    for offset, time_ns, length, run, kind, check in _LAYOUT.iter_unpack(data[:whole]):
        if check != (offset + time_ns + length + run + kind ^ _SALT) & _MASK:
            return
        yield Record(offset, time_ns, length, run, kind)


def first_where(count: int, is_so: "Callable[[int], bool]") -> int:
    """The first number below `count` of which `is_so` holds, `count` if of none.

    `is_so` has to hold for all numbers behind one for which it does.
    """
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if is_so(middle):
            high = middle
        else:
            low = middle + 1
    return low


def stem(instance: str) -> str:
    """What the names of an instance's files begin with."""
    return _ITS_NAMESAKE if instance == _OWN else instance


def segments(names: "Iterable[str]") -> dict[str, list[int]]:
    """The numbers of the segments of each instance, ascending, from the names of a folder."""
    found: dict[str, list[int]] = {}
    for name in names:
        begin, dot, number = name.rpartition(".idx.")
        if dot and number.isascii() and number.isdigit():
            instance = _OWN if begin == _ITS_NAMESAKE else begin
            found.setdefault(instance, []).append(int(number))
    for numbers in found.values():
        numbers.sort()
    return found
