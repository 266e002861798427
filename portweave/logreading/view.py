"""Show lines of logs, and follow new ones."""

import os
import time

from portweave.encoding.colours import Style
from portweave.encoding.timestamps import (
    local,
    rfc3339,
)
from portweave.logreading.query import (
    Folder,
    Query,
    Source,
    find_sources,
    merged,
    services_of,
)
from portweave.supervisor.logs.index import (
    ERR,
    NOTE,
    OUT,
)
from portweave.supervisor.logs.line_joiner import Block
from portweave.supervisor.logs.line_splitter import (
    for_pipe,
    for_terminal,
    plain_text,
    with_prefix,
    without_colour,
)
from portweave.supervisor.logs.name_column import NameColumn
from portweave.system.files import write_all

TYPE_CHECKING = False  # importing `typing` takes as long as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_FLUSH_BYTES = 256 << 10
_CLEAR_LINE = b"\r\x1b[K"
_STREAMS = {OUT: "out", ERR: "err", NOTE: "note"}
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.2
# The interval between looks for new folders.
_FOLDERS_PAUSE_S = 1.0
# A folder with a modification time this recent may change again without a new one.
_SETTLED_NS = 100_000_000
# An unfinished line, such as a prompt, is shown after this time without more output.
_PART_S = 0.1


class Printer:
    """Print lines to a file descriptor.

    Args:
        fd: The descriptor.
        terminal: Whether it is a terminal.
        colour: Whether to keep the colours in lines.
        style: How names look.
        prefix: Whether to print names before lines.
        times: Whether to print times before lines.
        as_json: Whether to print each line as an object instead.
        before_write: Called before each write, with whether it ends with an unfinished line.
    """

    def __init__(
        self,
        fd: int,
        *,
        terminal: bool,
        colour: bool,
        style: Style,
        prefix: bool = True,
        times: bool = False,
        as_json: bool = False,
        before_write: "Callable[[bool], None] | None" = None,
    ) -> None:
        self._fd = fd
        self._before_write = before_write
        self._terminal = terminal
        self._colour = colour
        self._prefix = prefix
        self._times = times
        self._as_json = as_json
        self._column = NameColumn((), style.names, style.marks, is_short=terminal)
        self._folders: set[str] = set()
        self._pieces: list[bytes] = []
        self._size = 0
        self._open: tuple[str, int, bytes] | None = None

    def name(self, sources: "Iterable[Source]") -> None:
        """Give these sources labels, and make the column wide enough."""
        sources = list(sources)
        for folder in {source.folder.path: source.folder for source in sources}.values():
            if folder.path not in self._folders:
                self._folders.add(folder.path)
                # By the definitions, so that a service has the colour that `up` gives it.
                order = (folder.prefix + service for service in services_of(folder))
                self._column.add((), order)
        self._column.add(sorted(source.name for source in sources))

    def show(self, source: Source, block: Block) -> None:
        """Print whole lines."""
        if self._as_json:
            self._put(*map(str.encode, _objects(source, block)))
        else:
            if self._open is not None:
                is_same = self._open[:2] == (source.name, block.kind)
                self._put(_CLEAR_LINE if is_same else b"\n")
                self._open = None
            lines = self._tame(block.lines)
            prefix = self._head(source, block)
            self._put(*(with_prefix(prefix, lines) if prefix else (lines,)))
        if self._size >= _FLUSH_BYTES:
            self.flush()

    def show_part(self, source: Source, block: Block) -> None:
        """Print an unfinished line, in place of its earlier part."""
        part = (source.name, block.kind, block.lines)
        if self._open == part or not self._terminal or self._as_json:
            return
        if self._open is not None:
            self._put(_CLEAR_LINE if self._open[:2] == part[:2] else b"\n")
        self._open = part
        self._put(self._head(source, block), self._tame(block.lines))

    def flush(self) -> None:
        """Write all that was printed."""
        data = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        if data and self._before_write is not None:
            self._before_write(self._open is not None)
        write_all(self._fd, data)

    def close(self) -> None:
        """Write all, and end an unfinished line."""
        if self._open is not None:
            self._put(b"\n")
            self._open = None
        self.flush()

    def _head(self, source: Source, block: Block) -> bytes:
        head = f"{local(block.time_ns)} ".encode() if self._times else b""
        return head + self._column.label(source.name) if self._prefix else head

    def _tame(self, lines: bytes) -> bytes:
        if self._terminal:
            return for_terminal(lines, colour=self._colour)
        return for_pipe(lines) if self._colour else without_colour(lines)

    def _put(self, *pieces: bytes) -> None:
        self._pieces += pieces
        self._size += sum(map(len, pieces))


def _objects(source: Source, block: Block) -> "Iterator[str]":
    from portweave.encoding.json_text import quote

    folder = source.folder
    where = ""
    if folder.namespace:
        where = f'"project": {quote(folder.project)}, "namespace": {quote(folder.namespace)}, '
    head = (
        f'{{"time": "{rfc3339(block.time_ns)}", {where}"service": {quote(source.service)}, '
        f'"instance": {source.number}, "stream": "{_STREAMS[block.kind]}", "run": {block.run}, '
    )
    for line in block.lines[:-1].split(b"\n"):
        yield f'{head}"line": {quote(plain_text(line))}}}\n'


class Follower:
    """Show new lines of logs, across stacks and restarts.

    Args:
        find_folders: Returns the folders of logs; called again from time to time.
        names: Services or instances; empty for all.
        query: The query.
        printer: Prints the lines.
        goes_on: Returns whether more lines may come; called while idle. None for ever.
    """

    def __init__(
        self,
        find_folders: "Callable[[], Iterable[Folder]]",
        names: "Sequence[str]",
        query: Query,
        printer: Printer,
        goes_on: "Callable[[], bool] | None" = None,
    ) -> None:
        self._goes_on = goes_on
        self._find_folders = find_folders
        self._names = names
        self._query = query
        self._printer = printer
        self._folders: dict[str, Folder] = {}
        self._asked_s = -_FOLDERS_PAUSE_S
        self._sources: list[Source] = []
        self._changed: dict[str, int] = {}
        self._news_s = 0.0

    def run(self) -> None:
        """Show existing and new lines until the query's end."""
        query, printer = self._query, self._printer
        self._look_for_files()
        for source, block in merged(self._sources, query, follow=True):
            printer.show(source, block)
        printer.flush()
        # From here on, all lines are new.
        query.last = query.last_each = None
        pause_s = _SHORTEST_PAUSE_S
        while query.until_ns is None or time.time_ns() <= query.until_ns:
            time.sleep(pause_s)
            is_last = self._goes_on is not None and not self._goes_on()
            self._look_for_files()
            if self._show_news():
                pause_s = _SHORTEST_PAUSE_S
            else:
                pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
            if is_last:
                return

    def _show_news(self) -> bool:
        any_news = False
        for source, block in merged(self._sources, self._query, follow=True):
            self._printer.show(source, block)
            any_news = True
        now_s = time.monotonic()
        if any_news:
            self._news_s = now_s
        elif now_s - self._news_s >= _PART_S:
            for source in self._sources:
                for block in source.pending(self._query):
                    self._printer.show_part(source, block)
        self._printer.flush()
        return any_news

    def _look_for_files(self) -> None:
        now_s = time.monotonic()
        if now_s - self._asked_s >= _FOLDERS_PAUSE_S:
            self._asked_s = now_s
            for folder in self._find_folders():
                known = self._folders.setdefault(folder.path, folder)
                if known.removed != folder.removed:
                    known.removed = folder.removed
                    self._changed.pop(folder.path, None)
        for folder in self._folders.values():
            try:
                changed_ns = os.stat(folder.path).st_mtime_ns
            except OSError:
                changed_ns = 0
            if self._changed.get(folder.path) == changed_ns:
                continue
            if time.time_ns() - changed_ns > _SETTLED_NS:
                self._changed[folder.path] = changed_ns
            self._refresh(folder)

    def _refresh(self, folder: Folder) -> None:
        known = {source.log.instance: source for source in self._sources if source.folder is folder}
        for source in known.values():
            source.log.refresh()
        new = find_sources(folder, self._names, known=known)
        self._sources += new
        self._printer.name(new)
