"""Read logs: by time, by run, from the end, and on as they grow.

This works whether a stack runs or not, and takes no lock. Bytes that a writer adds meanwhile may be
missed. Only the requested part is read, and only those records of an index that a search needs.
"""

import os
import time

from portweave.encoding.value import value
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
    LineJoiner,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# How many records are read at a time, and how many bytes of a log.
_RECORDS = 512
_READ_BYTES = 1 << 20
# How far back to look for the beginning of a line, in records.
_BACK_RECORDS = 4096
_BACK_BYTES = 4 << 20
# A writer adds to the index right after the log. Bytes that the index lacks for longer are left
# over from a killed writer.
_UNINDEXED_S = 0.05
_FLAGS = os.O_RDONLY | os.O_CLOEXEC


@value
class Position:
    """A position in an instance's log, between two records.

    Attributes:
        segment: Number of the segment.
        record: How many records of the segment come before.
    """

    segment: int
    record: int


class Segment:
    """One log file with its index, open until it is closed.

    Args:
        base: The path without the ending.
        number: The segment's number.
        newest: Whether it is the newest segment.

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
        """Device and inode, to tell it from another segment with the same name."""
        found = os.fstat(self._index)
        return found.st_dev, found.st_ino

    def record(self, number: int) -> Record | None:
        """One record; None if it is damaged or missing."""
        return next(unpack(os.pread(self._index, RECORD_BYTES, number * RECORD_BYTES)), None)

    def records(self, begin: int, end: int) -> "Iterator[Record]":
        """The records from `begin` to before `end`, up to the first damaged one."""
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

    def unindexed(self) -> Record | None:
        """The end of the log that the index lacks, if no writer is about to add it."""
        until_s = time.monotonic() + _UNINDEXED_S
        found = self._unindexed()
        while found is not None and time.monotonic() < until_s:
            time.sleep(_UNINDEXED_S / 5)
            again = self._unindexed()
            if again is None or again.offset != found.offset:
                return None
            found = again
        return found

    def _unindexed(self) -> Record | None:
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
        # A rotation may just have renamed it: then the opened file is the next segment.
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
        """Look for new segments, and close those that were removed."""
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
    def end(self) -> Position:
        """The position behind the last record."""
        if not self.segments:
            return Position(0, 0)
        last = self.segments[-1]
        return Position(last.number, last.count)

    @property
    def last_run(self) -> int:
        """The number of the newest run; 0 if there is none."""
        return next((record.run for _, _, record in self.backward(self.end)), 0)

    def since(self, time_ns: int) -> Position:
        """The position before the first record from this time on."""
        return self._first(lambda record: record.time_ns >= time_ns)

    def run_start(self, run: int) -> Position:
        """The position before the first record of a run."""
        return self._first(lambda record: record.run >= run)

    def _first(self, predicate: "Callable[[Record], bool]") -> Position:
        for segment in reversed(self.segments):

            def predicate_at(number: int, segment: Segment = segment) -> bool:
                record = segment.record(number)
                return record is None or predicate(record)

            found = first_where(segment.count, predicate_at)
            if found:
                return Position(segment.number, found)
        return self.begin

    @property
    def begin(self) -> Position:
        """The position before all records."""
        return Position(self.segments[0].number if self.segments else 0, 0)

    def tail(self, lines: int, kinds: "frozenset[int]", end: Position) -> Position:
        """A position with at least so many lines between it and `end`.

        Args:
            lines: How many lines.
            kinds: Only records of these kinds count.
            end: The later position.
        """
        place = end
        found = -1  # the newest line may have no newline
        for segment, number, record in self.backward(end):
            if found >= lines:
                break
            place = Position(segment.number, number)
            if record.kind in kinds:
                found += segment.data(record).count(b"\n")
        return place

    def begun(self, place: Position) -> dict[int, bytes]:
        """The incomplete line of each stream at a position, within the run that goes on there."""
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

    def backward(self, place: Position) -> "Iterator[tuple[Segment, int, Record]]":
        """The records before a position, the newest first, each with segment and number."""
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


class LogReader:
    """Reads an instance's log from a position on.

    Args:
        log: The log.
        place: Where to begin.
        begun: Whether to include the beginning of a line that lies before the position.
        unended: Whether to return that beginning at the end of its run, even if no chunk continues
            it.
    """

    def __init__(
        self, log: Log, place: Position, *, begun: bool = True, unended: bool = False
    ) -> None:
        self.log = log
        self.place = place
        self._joiner = LineJoiner(log.begun(place) if begun else None, unended=unended)
        self._segment: Segment | None = None

    def blocks(self) -> "Iterator[Block]":
        """The whole lines that are there by now and were not read yet."""
        found = list(self.log.segments)
        if found and found[-1].number < self.place.segment:
            # All segments were removed, and new ones made.
            self.place = Position(0, 0)
        if found and 0 < self.place.segment < found[0].number - 1:
            text = b"[portweave] lines are missing here: newer ones have taken their place\n"
            yield Block(0, 0, NOTE, text)
        for segment in found:
            if segment.number < self.place.segment:
                continue
            count = segment.count
            is_other = self._segment is not None and self._segment is not segment
            if segment.number > self.place.segment or is_other or count < self.place.record:
                # It is the next segment, or the same one after it was emptied or replaced.
                self.place = Position(segment.number, 0)
            self._segment = segment
            for record, data in _read(segment, self.place.record, count):
                self.place = Position(segment.number, self.place.record + 1)
                yield from self._joiner.feed(record, data)

    def rest(self) -> "Iterator[Block]":
        """What is left at the end: incomplete lines, and bytes that the index lacks."""
        if self.log.segments:
            segment = self.log.segments[-1]
            unindexed = segment.unindexed()
            while unindexed is not None and unindexed.length:
                whole = unindexed.length
                unindexed.length = min(whole, _READ_BYTES)
                yield from self._joiner.feed(unindexed, segment.data(unindexed))
                unindexed.offset += unindexed.length
                unindexed.length = whole - unindexed.length
        yield from self._joiner.close()

    def pending(self) -> list[Block]:
        """The incomplete lines so far."""
        return self._joiner.pending()


def instances(folder: str) -> list[str]:
    """The instances that have logs in a folder, sorted by name."""
    return sorted(segments(list_folder(folder)))


def list_folder(folder: str) -> list[str]:
    """The names in a folder; empty if there is no such folder."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _read(segment: Segment, begin: int, end: int) -> "Iterator[tuple[Record, bytes]]":
    """Records with their bytes. Small neighbours are read together."""
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
