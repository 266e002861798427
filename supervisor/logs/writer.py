"""Write logs to disk: each byte that a service prints, at once, with an index beside it.

No fault of the disk stops a service. Bytes that cannot be written are dropped, counted and
reported; when there is room again, the log gets a mark. Files have mode 0600, in a folder of mode
0700. A segment ends at 10 MiB, or after a few days. Five segments of an instance are kept, none for
longer than two weeks.
"""

import errno
import os
import time
from collections.abc import Callable

from portweave.supervisor.logs.index import (
    ERR,
    LONGEST_BYTES,
    NOTE,
    OUT,
    RECORD_BYTES,
    START,
    Record,
    pack,
    segments,
    stem,
    unpack,
)
from portweave.system.files import make_own_folder

SEGMENT_BYTES = 10 << 20
SEGMENTS_KEPT = 5
RETENTION_S = 14 * 24 * 3600
# Otherwise a log that grows slowly would be kept for months.
SEGMENT_AGE_NS = RETENTION_S * 1_000_000_000 // SEGMENTS_KEPT
# If the clock is set back by more, a new segment begins: times in a segment are in order.
_CLOCK_STEP_NS = 60 * 1_000_000_000
_RETRY_NS = 1_000_000_000
# How often to check whether the files were removed.
_LOOK_NS = 1_000_000_000
_TELL_PAUSE_S = 60.0
_TOGETHER_S = 0.5
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class LogFolder:
    """The logs of a stack.

    Args:
        path: The folder. Made if missing.
        warn: Takes warnings for the user.
    """

    def __init__(self, path: str, warn: Callable[[str], None]) -> None:
        self.path = path
        self._warn = warn
        self._told_s = -_TELL_PAUSE_S
        self._failing: set[str] = set()
        self._missing_bytes = 0
        self._logs: dict[str, LogFile] = {}
        self._segments: dict[str, list[int]] = {}
        self._listed_s = -_TOGETHER_S
        self._asked: set[str] = set()
        self._is_tidied = False

    def log(self, instance: str) -> "LogFile":
        """The log of an instance, always the same object."""
        if instance not in self._logs:
            self._logs[instance] = LogFile(self, instance)
        return self._logs[instance]

    def segments_of(self, instance: str) -> list[int]:
        """The numbers of an instance's segments, ascending. Makes the folder if it is missing.

        The folder is listed once for all instances that start together.
        """
        now_s = time.monotonic()
        if instance in self._asked or now_s - self._listed_s >= _TOGETHER_S:
            make_own_folder(self.path)
            self._segments = segments(os.listdir(self.path))
            self._listed_s = now_s
            self._asked.clear()
        self._asked.add(instance)
        return self._segments.get(instance, [])

    def remove_old(self) -> None:
        """Remove files beyond the retention time, even those of removed services."""
        self._is_tidied = True
        oldest_s = time.time() - RETENTION_S
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    is_log = ".log" in entry.name or ".idx." in entry.name
                    if is_log and entry.stat(follow_symlinks=False).st_mtime < oldest_s:
                        os.unlink(entry.path)
        except OSError:
            # This is not urgent: the next start tries again.
            return

    def failed(self, instance: str, error: OSError) -> None:
        """An instance's output could not be kept."""
        if not self._failing and time.monotonic() - self._told_s >= _TELL_PAUSE_S:
            self._told_s = time.monotonic()
            self._warn(f"logs are not kept for now: {error.strerror or error} ({self.path})")
        self._failing.add(instance)

    def recovered(self, instance: str, missing_bytes: int) -> None:
        """An instance's log goes on, without some bytes."""
        self._failing.discard(instance)
        self._missing_bytes += missing_bytes
        if not self._failing:
            self._warn(f"logs are kept again; {self._missing_bytes:,} bytes are missing in them")
            self._missing_bytes = 0

    def close(self) -> None:
        """Close all files."""
        if not self._is_tidied:
            # The stack ended before its first turn of cleaning.
            self.remove_old()
        for log in self._logs.values():
            log.close()


class LogFile:
    """The log of one instance.

    Attributes:
        run: The number of the newest run; 0 before the first, or while it is unknown.
    """

    def __init__(self, folder: LogFolder, instance: str) -> None:
        self.run = 0
        self._folder = folder
        self._instance = instance
        self._log = self._index = -1
        self._segment = 0
        self._end = 0
        self._index_bytes = 0
        self._born_ns = self._last_ns = self._looked_ns = 0
        self._started_ns = 0
        self._dropped_bytes = 0
        self._dropped_why = ""
        self._retry_ns = 0

    @property
    def _base(self) -> str:
        """The beginning of the paths of its files. The folder may be moved."""
        return f"{self._folder.path}/{stem(self._instance)}"

    def begin(self) -> None:
        """Begin a run."""
        self._note_start()
        self._started_ns = time.time_ns()

    def write(self, kind: int, data: bytes) -> None:
        """Write what a stream (`OUT` or `ERR`) printed. Never fails."""
        now_ns = time.time_ns()
        if self._retry_ns - _RETRY_NS <= now_ns < self._retry_ns:
            self._dropped_bytes += len(data)
            return
        rest = data
        try:
            self._prepare(now_ns)
            while rest:
                rest = rest[self._append(kind, rest, now_ns) :]
        except OSError as error:
            self._drop(len(rest), error, now_ns)

    def trouble(self) -> str:
        """Why bytes are missing at the end, and how many; empty if none are."""
        if not self._retry_ns:
            return ""
        return f"{self._dropped_bytes:,} bytes could not be written: {self._dropped_why}"

    def close(self) -> None:
        """Close the files. Even a run that printed nothing is recorded."""
        self._note_start()
        self._close()

    def _note_start(self) -> None:
        if self._started_ns:
            now_ns = time.time_ns()
            try:
                self._prepare(now_ns)
            except OSError as error:
                self._drop(0, error, now_ns)

    def _prepare(self, now_ns: int) -> None:
        """Make sure that there is a segment to write to, and that it has all earlier output."""
        if now_ns - self._looked_ns > _LOOK_NS or now_ns < self._looked_ns:
            self._looked_ns = now_ns
            if self._log >= 0 and not self._is_in_place():
                self._close()
        if self._log < 0:
            self._open(now_ns)
        if (
            self._end >= SEGMENT_BYTES
            or self._index_bytes >= SEGMENT_BYTES
            or now_ns - self._born_ns > SEGMENT_AGE_NS
            or now_ns < self._last_ns - _CLOCK_STEP_NS
        ):
            self._rotate(now_ns)
        if self._started_ns:
            self.run += 1
            started_ns, self._started_ns = self._started_ns, 0
            self._append(START, b"", started_ns)
        if self._retry_ns:
            if self._dropped_bytes:
                size, why = self._dropped_bytes, self._dropped_why
                text = f"\n[portweave] {size:,} bytes are missing here: {why}\n".encode()
                if self._append(NOTE, text, now_ns) < len(text):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._retry_ns = 0
            missing_bytes, self._dropped_bytes = self._dropped_bytes, 0
            self._folder.recovered(self._instance, missing_bytes)

    def _append(self, kind: int, data: bytes, now_ns: int) -> int:
        """Write to log and index; return how many bytes were written, perhaps not all."""
        self._last_ns = max(self._last_ns, now_ns)
        written = os.write(self._log, data) if data else 0
        end = os.lseek(self._log, 0, os.SEEK_CUR if data else os.SEEK_END)
        offset = end - written
        if offset < self._end:
            # The log was emptied, so its index is wrong.
            os.ftruncate(self._index, 0)
            self._index_bytes = 0
        try:
            self._note(pack(offset, self._last_ns, written, self.run, kind))
        except OSError:
            # Bytes that the index lacks would be misread later.
            os.ftruncate(self._log, offset)
            raise
        self._end = end
        self._index_bytes += RECORD_BYTES
        return written

    def _note(self, record: bytes) -> None:
        if os.write(self._index, record) < RECORD_BYTES:
            os.ftruncate(self._index, self._index_bytes)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _drop(self, size: int, error: OSError, now_ns: int) -> None:
        if not self._dropped_bytes:
            self._dropped_why = error.strerror or str(error)
        self._dropped_bytes += size
        self._retry_ns = now_ns + _RETRY_NS
        self._folder.failed(self._instance, error)

    def _is_in_place(self) -> bool:
        """Whether log and index still lie at their paths."""
        try:
            log = os.stat(f"{self._base}.log")
            index = os.stat(f"{self._base}.idx.{self._segment}")
        except OSError:
            return False
        return os.path.samestat(log, os.fstat(self._log)) and os.path.samestat(
            index, os.fstat(self._index)
        )

    def _open(self, now_ns: int) -> None:
        """Open the newest segment, and repair it after a crash."""
        found = self._folder.segments_of(self._instance)
        self._segment = found[-1] if found else 1
        self.run = self.run or self._newest_run(found)
        if os.path.exists(f"{self._base}.log.{self._segment}"):
            # The last rotation was interrupted.
            self._segment += 1
        self._open_segment(now_ns)
        self._drop_segments(found)

    def _open_segment(self, now_ns: int) -> None:
        index = os.open(f"{self._base}.idx.{self._segment}", _FLAGS, 0o600)
        try:
            self._log = os.open(f"{self._base}.log", _FLAGS, 0o600)
        except OSError:
            os.close(index)
            raise
        self._index = index
        self._born_ns, self._last_ns = now_ns, 0
        self._end = self._index_bytes = 0
        try:
            self._mend(os.fstat(self._log))
        except OSError:
            self._close()
            raise

    def _mend(self, log: os.stat_result) -> None:
        """Make the index list exactly what the log has."""
        count = os.fstat(self._index).st_size // RECORD_BYTES
        last = None
        while count and last is None:
            count -= 1
            last = _record(self._index, count)
            if last is not None and last.end > log.st_size:
                last = None
        self._index_bytes = (count + 1) * RECORD_BYTES if last is not None else 0
        os.ftruncate(self._index, self._index_bytes)
        kind = OUT
        if last is not None:
            first = _record(self._index, 0)
            self._born_ns = first.time_ns if first is not None else last.time_ns
            self._last_ns, self._end = last.time_ns, last.end
            kind = last.kind if last.kind in (OUT, ERR) else OUT
        self._last_ns = max(self._last_ns, log.st_mtime_ns if self._end < log.st_size else 0)
        while self._end < log.st_size:
            length = min(log.st_size - self._end, LONGEST_BYTES)
            os.write(self._index, pack(self._end, self._last_ns, length, self.run, kind))
            self._end += length
            self._index_bytes += RECORD_BYTES

    def _newest_run(self, found: list[int]) -> int:
        for number in reversed(found):
            try:
                index = os.open(f"{self._base}.idx.{number}", os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                count = os.fstat(index).st_size // RECORD_BYTES
                while count:
                    count -= 1
                    record = _record(index, count)
                    if record is not None:
                        return record.run
            finally:
                os.close(index)
        return 0

    def _rotate(self, now_ns: int) -> None:
        in_place = self._is_in_place()
        self._close()
        if not in_place:
            self._open(now_ns)
            return
        os.rename(f"{self._base}.log", f"{self._base}.log.{self._segment}")
        self._segment += 1
        self._open_segment(now_ns)
        self._drop_segments([self._segment - SEGMENTS_KEPT])

    def _drop_segments(self, numbers: list[int]) -> None:
        for number in numbers:
            if number <= self._segment - SEGMENTS_KEPT:
                for name in (f"{self._base}.log.{number}", f"{self._base}.idx.{number}"):
                    try:
                        os.unlink(name)
                    except FileNotFoundError:
                        continue

    def _close(self) -> None:
        for descriptor in (self._log, self._index):
            if descriptor >= 0:
                os.close(descriptor)
        self._log = self._index = -1


def _record(index: int, number: int) -> Record | None:
    data = os.pread(index, RECORD_BYTES, number * RECORD_BYTES)
    return next(unpack(data), None)
