"""Logs for the page: the last lines, then new ones, in batches.

Each reader reads the files at its own pace, so a slow one delays nothing else.
"""

import re
from collections.abc import Iterator

from portweave.allocator.worktree import logs_dir
from portweave.logreading.query import (
    Folder,
    Query,
    Source,
    find_sources,
    merged,
)
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
from portweave.supervisor.logs.summary import reports_error

MOST_LINES = 5000
LONGEST_LINE = 8192
_PIECE_LINES = 500
_STREAMS = {OUT: "out", ERR: "err", NOTE: "note"}
_LOOKED_AT_LINES = 200

# Time in milliseconds since the epoch, instance, stream, text with colours.
Line = tuple[int, str, str, str]


class Tail:
    """Follow the logs of a worktree, or of some of its services.

    Args:
        root: The worktree's root.
        namespace: The namespace of the stack.
        names: Services or instances; empty for all.
        last: The number of lines to begin with.
        sought: Text that a line must contain; empty for any line.
    """

    def __init__(
        self, root: str, namespace: str, names: tuple[str, ...], *, last: int, sought: str = ""
    ) -> None:
        self._folder = Folder(logs_dir(root, namespace))
        self._names = names
        grep = Grep(re.escape(sought), ignore_case=True) if sought else None
        self._query = Query(last=max(1, min(last, MOST_LINES)), grep=grep)
        self._sources: list[Source] = []
        self._blocks: Iterator[tuple[Source, Block]] | None = None
        self._lines: Iterator[Line] = iter(())

    def read(self) -> list[Line]:
        """Return the next batch of unread lines; empty where there are none."""
        found: list[Line] = []
        while len(found) < _PIECE_LINES:
            line = next(self._lines, None)
            if line is not None:
                found.append(line)
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
            self._lines = _lines(*pair)
        return found

    def close(self) -> None:
        """Close the files."""
        for source in self._sources:
            for segment in source.log.segments:
                segment.close()
            source.log.segments = []
        self._sources = []

    def _look(self) -> None:
        known = {source.log.instance for source in self._sources}
        for source in self._sources:
            source.log.refresh()
        self._sources += find_sources(self._folder, self._names, known=known)


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
        for source in sources:
            for segment in source.log.segments:
                segment.close()
    return found


def _lines(source: Source, block: Block) -> Iterator[Line]:
    at_ms, stream = block.time_ns // 1_000_000, _STREAMS[block.kind]
    for line in block.lines[:-1].split(b"\n"):
        cut = line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + " …".encode()
        text = for_terminal(cut, colour=True).decode("utf-8", "backslashreplace")
        yield at_ms, source.log.instance, stream, text
