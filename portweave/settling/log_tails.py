"""Read the new lines of a stack's logs, with their times."""

import time

from portweave.allocator.worktree import logs_dir
from portweave.logreading.query import Folder, Query, Source
from portweave.settling.verdicts import MOST_LINES, Line
from portweave.supervisor.logs.line_splitter import plain_text

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from portweave.supervisor.logs.line_joiner import Block
    from portweave.supervisor.registry.stack_records import StackRecord

_RECENT_LINES = 60
_REFRESH_S = 1.0
# Output reaches the log so much after its time, at most. On a busy disk it may be later.
_WRITTEN_NS = 20_000_000


class LogTails:
    """The ends of the logs of a stack's instances.

    Args:
        record: The stack.
        names: The instances.

    Attributes:
        read_ns: Up to when they were read, in nanoseconds since the epoch.
    """

    def __init__(self, record: "StackRecord", names: tuple[str, ...]) -> None:
        self._folder = Folder(logs_dir(record.folder, record.namespace))
        self._sources = {name: Source(self._folder, name) for name in names}
        self._query = Query(last_each=MOST_LINES)
        self._refreshed_s = time.monotonic()
        self.read_ns = time.time_ns()

    def earlier(self, since_s: float) -> "dict[str, list[Line]]":
        """Begin to read, and return the lines since a time, in seconds since the epoch."""
        self._query = Query(since_ns=max(0, int(since_s * 1e9)), last_each=MOST_LINES)
        return self.new()

    def new(self) -> "dict[str, list[Line]]":
        """The lines that were not read yet, by instance."""
        if time.monotonic() - self._refreshed_s > _REFRESH_S:
            self._refreshed_s = time.monotonic()
            for source in self._sources.values():
                source.log.refresh()
        self.read_ns = time.time_ns() - _WRITTEN_NS
        found: dict[str, list[Line]] = {}
        for name, source in self._sources.items():
            lines = _lines(source.blocks(self._query, follow=True))
            if lines:
                found[name] = lines
        return found

    def recent(self, name: str) -> "list[Line]":
        """The last lines of an instance's newest run."""
        source = Source(self._folder, name)
        found = _lines(source.blocks(Query(run=0, last_each=_RECENT_LINES), follow=False))
        source.log.close()
        return found

    def places(self, before: "Mapping[str, tuple[int, int]]") -> "dict[str, tuple[int, int]]":
        """The positions that were read up to, for a cursor.

        Args:
            before: Positions of the cursor before. Instances that were not read keep theirs.
        """
        found = dict(before)
        for name, source in self._sources.items():
            if source.reading is not None:
                place = source.reading.place
                found[name] = (place.segment, place.record)
        return found


def _lines(blocks: "Iterable[Block]") -> "list[Line]":
    return [
        Line(block.time_ns / 1e9, plain_text(line))
        for block in blocks
        for line in block.lines[:-1].split(b"\n")
    ]
