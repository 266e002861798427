"""Logs for the page: the last lines, then new ones, in batches.

Each reader reads the files at its own pace, so a slow one delays nothing else.
"""

import re
from collections import deque
from collections.abc import Iterator

from portweave.allocator.worktree import logs_dir
from portweave.encoding.value import value
from portweave.logreading.query import (
    Folder,
    Query,
    Source,
    find_sources,
    merged,
)
from portweave.supervisor.logs.error_words import reports_error
from portweave.supervisor.logs.filters import Grep
from portweave.supervisor.logs.index import (
    ERR,
    NOTE,
    OUT,
)
from portweave.supervisor.logs.line_joiner import Block
from portweave.supervisor.logs.line_splitter import (
    for_terminal,
    plain_text,
)
from portweave.supervisor.logs.log_levels import level_of
from portweave.supervisor.reporting.status_rows import rfc3339

MOST_LINES = 5000
LONGEST_LINE = 8192
_PIECE_LINES = 500
_CHUNK_BYTES = 1 << 16
_STREAMS = {OUT: "out", ERR: "err", NOTE: "note"}
_LOOKED_AT_LINES = 200

# Time in milliseconds since the epoch, instance, stream, text with colours.
Line = tuple[int, str, str, str]
# The same with the level (empty for none) and the number of the run.
Record = tuple[int, str, str, str, str, int]
# A line as it is in the file.
_Raw = tuple[Source, Block, bytes]


@value
class LineFilter:
    """Which lines to show.

    Attributes:
        sought: Text that a line must contain, in any case; empty for any line.
        levels: The levels to show; empty for all.
        stream: `out` or `err`; empty for both.
        since_ms: The earliest time, in milliseconds since the epoch; None for any.
    """

    sought: str = ""
    levels: frozenset[str] = frozenset()
    stream: str = ""
    since_ms: int | None = None

    @property
    def needs_whole_file(self) -> bool:
        """Whether the last matching lines are found only by reading all lines."""
        return bool(self.sought or self.levels)


ANY_LINE = LineFilter()


class Tail:
    """Follow the logs of a worktree, or of some of its services.

    Args:
        root: The worktree's root.
        namespace: The namespace of the stack.
        names: Services or instances; empty for all.
        last: The number of lines to begin with.
        wanted: Which lines to show.

    Attributes:
        matches: How many lines of the whole file matched; None without a search, or before it.
    """

    def __init__(
        self,
        root: str,
        namespace: str,
        names: tuple[str, ...],
        *,
        last: int,
        wanted: LineFilter = ANY_LINE,
    ) -> None:
        self._folder = Folder(logs_dir(root, namespace))
        self._names = names
        self._wanted = wanted
        self._last = max(1, min(last, MOST_LINES))
        self._query = query_of(wanted)
        if not wanted.needs_whole_file:
            self._query.last = self._last
        self._sources: list[Source] = []
        self._blocks: Iterator[tuple[Source, Block]] | None = None
        self._records: Iterator[Record] = iter(())
        self._is_scanned = not wanted.needs_whole_file
        self.matches: int | None = None

    def read(self) -> list[Line]:
        """Return the next batch of unread lines; empty where there are none."""
        return [record[:4] for record in self.read_records()]

    def read_records(self) -> list[Record]:
        """Return the next batch of unread lines with levels and runs; empty for none."""
        if not self._is_scanned:
            self._scan()
        found: list[Record] = []
        while len(found) < _PIECE_LINES:
            record = next(self._records, None)
            if record is not None:
                found.append(record)
                continue
            if self._blocks is None:
                self._look()
                self._blocks = iter(merged(self._sources, self._query, follow=True))
            pair = next(self._blocks, None)
            if pair is None:
                # From here on, all lines are new.
                self._query.last = None
                self._blocks = None
                break
            self._records = map(record_of, matching(*pair, self._wanted))
        return found

    def _scan(self) -> None:
        """Find the last matching lines in the whole file, and count all."""
        self._is_scanned = True
        self._look()
        kept: deque[_Raw] = deque(maxlen=self._last)
        count = 0
        for source, block in merged(self._sources, self._query, follow=True):
            for raw in matching(source, block, self._wanted):
                kept.append(raw)
                count += 1
        self.matches = count
        self._records = iter([record_of(raw) for raw in kept])

    def close(self) -> None:
        """Close the files."""
        _close(self._sources)
        self._sources = []

    def _look(self) -> None:
        known = {source.log.instance for source in self._sources}
        for source in self._sources:
            source.log.refresh()
        self._sources += find_sources(self._folder, self._names, known=known)


def query_of(wanted: LineFilter) -> Query:
    """Return the query of a filter, without its levels and without a limit."""
    grep = Grep(re.escape(wanted.sought), ignore_case=True) if wanted.sought else None
    stream = {"out": OUT, "err": ERR}.get(wanted.stream)
    since_ns = None if wanted.since_ms is None else wanted.since_ms * 1_000_000
    return Query(grep=grep, stream=stream, since_ns=since_ns)


def matching(source: Source, block: Block, wanted: LineFilter) -> Iterator[_Raw]:
    """Yield the lines of a block that a filter shows; its query has searched them already."""
    for line in block.lines[:-1].split(b"\n"):
        if block.kind == NOTE and wanted.needs_whole_file:
            continue
        if not wanted.levels or level_of(plain_text(line[:LONGEST_LINE])) in wanted.levels:
            yield source, block, line


def record_of(raw: _Raw) -> Record:
    """Convert a line for the page."""
    source, block, line = raw
    cut = line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + " …".encode()
    text = for_terminal(cut, colour=True).decode("utf-8", "backslashreplace")
    level = "" if block.kind == NOTE else level_of(plain_text(cut))
    stream = _STREAMS[block.kind]
    return block.time_ns // 1_000_000, source.log.instance, stream, text, level, block.run


def text_chunks(
    root: str, namespace: str, names: tuple[str, ...], wanted: LineFilter
) -> Iterator[bytes]:
    """Yield all lines of a log as a text file: time, instance and text, in UTF-8.

    Args:
        root: The worktree's root.
        namespace: The namespace of the stack.
        names: Services or instances; empty for all.
        wanted: Which lines.
    """
    sources = find_sources(Folder(logs_dir(root, namespace)), names)
    chunk = bytearray()
    try:
        for source, block in merged(sources, query_of(wanted)):
            stamp = rfc3339(block.time_ns / 1e9)
            for _, _, line in matching(source, block, wanted):
                text = f"{stamp} {source.log.instance} | {plain_text(line)}\n"
                chunk += text.encode("utf-8", "backslashreplace")
            if len(chunk) >= _CHUNK_BYTES:
                yield bytes(chunk)
                chunk.clear()
        yield bytes(chunk)
    finally:
        _close(sources)


def _close(sources: list[Source]) -> None:
    for source in sources:
        for segment in source.log.segments:
            segment.close()
        source.log.segments = []


def last_error(root: str, namespace: str, instance: str) -> str | None:
    """Return the last line of an instance that looks like an error, without colours; None for none.

    Args:
        root: The worktree's root.
        namespace: The namespace of the stack.
        instance: Such as `web` or `web.2`.
    """
    folder = Folder(logs_dir(root, namespace))
    sources = [s for s in find_sources(folder, (instance,)) if s.log.instance == instance]
    found: str | None = None
    try:
        for _, block in merged(sources, Query(last=_LOOKED_AT_LINES, run=0), follow=True):
            for line in block.lines[:-1].split(b"\n"):
                text = plain_text(line[:LONGEST_LINE]).strip()
                if reports_error(text):
                    found = text[:240]
    finally:
        _close(sources)
    return found
