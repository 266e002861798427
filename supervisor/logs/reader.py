"""Logs as readers find them: by time, by run, from the end, and on as they grow.

Whether a stack runs does not matter, and nothing is locked: what somebody appends meanwhile is
seen or not. Only what is asked for is read, and of an index as much as a search looks at.
"""

import os
import time

from portweave.supervisor.logs.index import (
    ERR,
    NOTE,
    OUT,
    RECORD_BYTES,
    Record,
    first_where,
    segments,
    stem,
    unpack,
)
from portweave.supervisor.logs.line_joiner import (
    Block,
    Joiner,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# How many records are looked at in one go, and how many bytes of a log are read.
_RECORDS = 512
_READ_BYTES = 1 << 20
# How far back the beginning of a line is looked for.
_BACK_RECORDS = 4096
_BACK_BYTES = 4 << 20
# A writer notes what it has written at once; what stays unknown to the index for so long is what a
# killed one has left.
_UNNOTED_S = 0.05
_FLAGS = os.O_RDONLY | os.O_CLOEXEC


class Place:
    """A place in an instance's log: between two records.

    Attributes:
        segment: Number of the segment.
        record: How many of its records lie before.
    """

    __slots__ = ("record", "segment")

    def __init__(self, segment: int, record: int) -> None:
        self.segment = segment
        self.record = record


class Segment:
    """One log file with its index, open until it is closed.

    Args:
        base: What the names of its files begin with.
        number: Its number.
        newest: Whether there is none behind it.

    Raises:
        FileNotFoundError: It was removed, or is being made.
    """

    def __init__(self, base: str, number: int, *, newest: bool) -> None:
        self.number = number
        self._index = os.open(f"{base}.idx.{number}", _FLAGS)
        try:
            self._log = _open_log(base, number, newest=newest)
        except OSError:
            os.close(self._index)
            raise

    @property
    def count(self) -> int:
        """How many records there are now."""
        return os.fstat(self._index).st_size // RECORD_BYTES

    @property
    def identity(self) -> tuple[int, int]:
        """What tells it from another with the same name."""
        found = os.fstat(self._index)
        return found.st_dev, found.st_ino

    def record(self, number: int) -> Record | None:
        """One record; None where it is damaged or missing."""
        return next(unpack(os.pread(self._index, RECORD_BYTES, number * RECORD_BYTES)), None)

    def records(self, begin: int, end: int) -> "Iterator[Record]":
        """The records from `begin` on, before `end`, up to one that is damaged."""
        while begin < end:
            count = min(_RECORDS, end - begin)
            found = list(unpack(os.pread(self._index, count * RECORD_BYTES, begin * RECORD_BYTES)))
            yield from found
            if len(found) < count:
                return
            begin += count

    def data(self, record: Record) -> bytes:
        """The bytes of a record."""
        return os.pread(self._log, record.length, record.offset)

    def unnoted(self) -> Record | None:
        """What the log has behind all that its index tells of, and nobody is about to tell."""
        until_s = time.monotonic() + _UNNOTED_S
        found = self._unnoted()
        while found is not None and time.monotonic() < until_s:
            time.sleep(_UNNOTED_S / 5)
            again = self._unnoted()
            if again is None or again.offset != found.offset:
                return None
            found = again
        return found

    def _unnoted(self) -> Record | None:
        log = os.fstat(self._log)
        last = self.record(self.count - 1) if self.count else None
        end = 0 if last is None else last.end
        if log.st_size <= end:
            return None
        kind = last.kind if last is not None and last.kind == ERR else OUT
        run = 0 if last is None else last.run
        return Record(end, log.st_mtime_ns, log.st_size - end, run, kind)

    def close(self) -> None:
        """Close its files."""
        os.close(self._index)
        os.close(self._log)


def _open_log(base: str, number: int, *, newest: bool) -> int:
    own_name = f"{base}.log.{number}"
    try:
        return os.open(own_name, _FLAGS)
    except FileNotFoundError:
        if not newest:
            raise
    found = os.open(f"{base}.log", _FLAGS)
    try:
        # It may have got its own name just before that, and what was opened is the next one.
        renamed = os.open(own_name, _FLAGS)
    except FileNotFoundError:
        return found
    os.close(found)
    return renamed


class Log:
    """All segments of one instance, the oldest first."""

    def __init__(self, folder: str, instance: str) -> None:
        self.instance = instance
        self._folder = folder
        self._base = f"{folder}/{stem(instance)}"
        self.segments: list[Segment] = []
        self.refresh()

    def refresh(self) -> None:
        """Look which segments there are now; those that are open stay so while they are there."""
        kept: dict[int, Segment] = {segment.number: segment for segment in self.segments}
        self.segments = []
        numbers = segments(list_folder(self._folder)).get(self.instance, [])
        for number in numbers:
            segment = kept.pop(number, None)
            if segment is not None and not self._is_there(segment):
                segment.close()
                segment = None
            try:
                newest = number == numbers[-1]
                self.segments.append(segment or Segment(self._base, number, newest=newest))
            except FileNotFoundError:
                continue
        for segment in kept.values():
            segment.close()

    def _is_there(self, segment: Segment) -> bool:
        try:
            found = os.stat(f"{self._base}.idx.{segment.number}")
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == segment.identity

    @property
    def end(self) -> Place:
        """Behind all that there is now."""
        if not self.segments:
            return Place(0, 0)
        last = self.segments[-1]
        return Place(last.number, last.count)

    @property
    def last_run(self) -> int:
        """The number of the newest run, 0 where there is none."""
        return next((record.run for _, _, record in self.backward(self.end)), 0)

    def since(self, time_ns: int) -> Place:
        """Before the first record of a time."""
        return self._first(lambda record: record.time_ns >= time_ns)

    def run_start(self, run: int) -> Place:
        """Before the first record of a run."""
        return self._first(lambda record: record.run >= run)

    def _first(self, is_so: "Callable[[Record], bool]") -> Place:
        for segment in reversed(self.segments):

            def is_so_at(number: int, segment: Segment = segment) -> bool:
                record = segment.record(number)
                return record is None or is_so(record)

            found = first_where(segment.count, is_so_at)
            if found:
                return Place(segment.number, found)
        return self.begin

    @property
    def begin(self) -> Place:
        """Before all that there is."""
        return Place(self.segments[0].number if self.segments else 0, 0)

    def tail(self, lines: int, kinds: "frozenset[int]", end: Place) -> Place:
        """So far before `end` that at least so many lines of some kinds lie between."""
        place = end
        found = -1  # the newest one may have no newline
        for segment, number, record in self.backward(end):
            if found >= lines:
                break
            place = Place(segment.number, number)
            if record.kind in kinds:
                found += segment.data(record).count(b"\n")
        return place

    def begun(self, place: Place) -> dict[int, bytes]:
        """What each stream has begun of a line before a place, in the run that goes on there."""
        pieces: dict[int, list[bytes]] = {OUT: [], ERR: []}
        open_kinds = set(pieces)
        run: int | None = None
        looked = size = 0
        for segment, _, record in self.backward(place):
            run = record.run if run is None else run
            looked += 1
            if record.run != run or not open_kinds or looked > _BACK_RECORDS or size > _BACK_BYTES:
                break
            if record.kind not in open_kinds or not record.length:
                continue
            data = segment.data(record)
            size += len(data)
            cut = data.rfind(b"\n") + 1
            pieces[record.kind].insert(0, data[cut:])
            if cut:
                open_kinds.discard(record.kind)
        return {kind: b"".join(found) for kind, found in pieces.items()}

    def backward(self, place: Place) -> "Iterator[tuple[Segment, int, Record]]":
        """The records before a place with their numbers, the newest first."""
        for segment in reversed(self.segments):
            if segment.number > place.segment:
                continue
            end = place.record if segment.number == place.segment else segment.count
            while end > 0:
                begin = max(0, end - _RECORDS)
                found = list(segment.records(begin, end))
                for number in range(len(found) - 1, -1, -1):
                    yield segment, begin + number, found[number]
                end = begin

    def close(self) -> None:
        """Close all files."""
        for segment in self.segments:
            segment.close()
        self.segments = []


class Reading:
    """What is read of an instance's log, from a place on.

    Args:
        log: The log.
        place: Where to begin.
        begun: Whether the beginning of a line that lies before the place is taken along.
        unended: Whether it is told, where its run ends, even if nothing comes to it.
    """

    def __init__(
        self, log: Log, place: Place, *, begun: bool = True, unended: bool = False
    ) -> None:
        self.log = log
        self.place = place
        self._joiner = Joiner(log.begun(place) if begun else None, unended=unended)
        self._segment: Segment | None = None

    def blocks(self) -> "Iterator[Block]":
        """The whole lines that there are by now and were not read yet."""
        found = list(self.log.segments)
        if found and found[-1].number < self.place.segment:
            # They were removed, and others made since.
            self.place = Place(0, 0)
        if found and 0 < self.place.segment < found[0].number - 1:
            text = b"[portweave] lines are missing here: newer ones have taken their place\n"
            yield Block(0, 0, NOTE, text)
        for segment in found:
            if segment.number < self.place.segment:
                continue
            count = segment.count
            is_other = self._segment is not None and self._segment is not segment
            if segment.number > self.place.segment or is_other or count < self.place.record:
                # The next one, or one that somebody has emptied, or made in its place.
                self.place = Place(segment.number, 0)
            self._segment = segment
            for record, data in _read(segment, self.place.record, count):
                self.place = Place(segment.number, self.place.record + 1)
                yield from self._joiner.feed(record, data)

    def rest(self) -> "Iterator[Block]":
        """What stands at the very end and is no whole line, or in no index, as nobody goes on."""
        if self.log.segments:
            segment = self.log.segments[-1]
            unnoted = segment.unnoted()
            while unnoted is not None and unnoted.length:
                whole = unnoted.length
                unnoted.length = min(whole, _READ_BYTES)
                yield from self._joiner.feed(unnoted, segment.data(unnoted))
                unnoted.offset += unnoted.length
                unnoted.length = whole - unnoted.length
        yield from self._joiner.close()

    def pending(self) -> list[Block]:
        """The lines that have begun and not ended, as they stand."""
        return self._joiner.pending()


def instances(folder: str) -> list[str]:
    """The instances that have logs in a folder, in the order of their names."""
    return sorted(segments(list_folder(folder)))


def list_folder(folder: str) -> list[str]:
    """The names in a folder; none where there is no such folder."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _read(segment: Segment, begin: int, end: int) -> "Iterator[tuple[Record, bytes]]":
    """Records with their bytes; small neighbours are read in one go."""
    batch: list[Record] = []
    size = 0
    for record in segment.records(begin, end):
        if batch and (size + record.length > _READ_BYTES or record.offset != batch[-1].end):
            yield from _cut_up(segment, batch, size)
            batch, size = [], 0
        batch.append(record)
        size += record.length
    if batch:
        yield from _cut_up(segment, batch, size)


def _cut_up(segment: Segment, batch: list[Record], size: int) -> "Iterator[tuple[Record, bytes]]":
    start = batch[0].offset
    data = segment.data(Record(start, 0, size, 0, 0))
    if len(batch) == 1:
        yield batch[0], data
        return
    for record in batch:
        yield record, data[record.offset - start : record.end - start]
