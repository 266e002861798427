"""Read lines from the logs of several instances, in order of time."""

from portweave.supervisor.logs.index import (
    ERR,
    NOTE,
    OUT,
)
from portweave.supervisor.logs.line_joiner import Block
from portweave.supervisor.logs.reader import (
    Log,
    LogReader,
    Position,
    instances,
)

TYPE_CHECKING = False  # importing `typing` takes as long as the work
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from portweave.supervisor.logs.filters import (
        ContextState,
        Grep,
    )
else:
    # The package around it takes twenty times as long to import.
    from _collections import deque


class Query:
    """A query for log lines.

    Attributes:
        since_ns: Earliest time, inclusive; None for no limit.
        until_ns: Latest time, inclusive; None for no limit.
        last: The number of lines from the end, of all sources together; None for all.
        last_each: The number of lines from the end of each source; None for all.
        stream: `OUT` or `ERR`; None for both.
        run: The number of a run, 0 for the newest; None for all.
        grep: Lines that match; None for all.
        after: Only lines after these positions, by instance: segment and record; None for all.
    """

    __slots__ = ("after", "grep", "last", "last_each", "run", "since_ns", "stream", "until_ns")

    def __init__(
        self,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        last: int | None = None,
        last_each: int | None = None,
        stream: int | None = None,
        run: int | None = None,
        grep: "Grep | None" = None,
        after: "dict[str, tuple[int, int]] | None" = None,
    ) -> None:
        self.since_ns = since_ns
        self.until_ns = until_ns
        self.last = last
        self.last_each = last_each
        self.stream = stream
        self.run = run
        self.grep = grep
        self.after = after

    @property
    def most_lines(self) -> int | None:
        """The most lines of one source; None for any number."""
        limits = [limit for limit in (self.last, self.last_each) if limit is not None]
        return min(limits, default=None)


class Folder:
    """The logs of one worktree.

    Attributes:
        path: The folder; it may not exist.
        project: Name of the project; set only where several are shown.
        namespace: The worktree's namespace; set only where several are shown.
        since_ns: Earliest time where the query has none; None for no limit.
        removed: Services that are shown only by name.
    """

    __slots__ = ("namespace", "path", "project", "removed", "since_ns")

    def __init__(self, path: str, project: str = "", namespace: str = "") -> None:
        self.path = path
        self.project = project
        self.namespace = namespace
        self.since_ns: int | None = None
        self.removed: frozenset[str] = frozenset()

    @property
    def prefix(self) -> str:
        """The text before the names of its services; empty where one worktree is shown."""
        return f"{self.project}/{self.namespace} " if self.namespace else ""


class Source:
    """An instance whose log is read.

    Attributes:
        name: The text before its lines.
        service: Name of the service.
        number: The number of the instance, from 1.
        folder: The folder of its log.
        reading: The state of reading; None before it starts.
    """

    __slots__ = (
        "_around",
        "folder",
        "log",
        "name",
        "number",
        "reading",
        "run",
        "service",
    )

    def __init__(self, folder: Folder, instance: str) -> None:
        self.folder = folder
        self.service, self.number = _parts(instance)
        self.name = folder.prefix + instance
        self.log = Log(folder.path, instance)
        self.reading: LogReader | None = None
        # The last run to show; None for no limit.
        self.run: int | None = None
        self._around: ContextState | None = None

    def _start(self, query: Query, *, follow: bool) -> LogReader:
        """Start to read at the position that a query names."""
        log = self.log
        place = log.begin
        unended = False
        self.run = query.run
        if query.run is not None:
            self.run = query.run or log.last_run
            place = log.run_start(self.run)
            if follow and not query.run:
                # While following, later runs are shown too.
                self.run = None
        since_ns = self.folder.since_ns if query.since_ns is None else query.since_ns
        if since_ns is not None:
            place = _later(place, log.since(since_ns))
        most_lines = query.most_lines
        if most_lines is not None and query.grep is None:
            end = log.end if query.until_ns is None else log.since(query.until_ns + 1)
            if self.run is not None:
                end = _earlier(end, log.run_start(self.run + 1))
            kinds = frozenset((OUT, ERR, NOTE)) if query.stream is None else {query.stream}
            tail = log.tail(most_lines, frozenset(kinds), end)
            # The open line may be the last of all, however long ago it began.
            unended = _order(tail) > _order(place)
            place = _later(place, tail)
        begun = True
        if query.after is not None and log.instance in query.after:
            # The reader has already seen the beginning of the line.
            place, begun = Position(*query.after[log.instance]), False
        self.reading = LogReader(log, place, begun=begun, unended=unended)
        return self.reading

    @property
    def is_older(self) -> bool:
        """Whether all lines of the log are older than those that its folder selects."""
        since_ns = self.folder.since_ns
        return since_ns is not None and _order(self.log.since(since_ns)) >= _order(self.log.end)

    def blocks(self, query: Query, *, follow: bool) -> "Iterator[Block]":
        """Return blocks that are unread; without `follow`, including an unfinished last line."""
        reading = self.reading or self._start(query, follow=follow)
        found = _within(self, query, reading.blocks())
        if not follow:
            found = _chain(found, _within(self, query, reading.rest()))
        if query.grep is None:
            return found
        self._around = self._around or query.grep.around()
        return query.grep.blocks(found, self._around)

    def pending(self, query: Query) -> "Iterator[Block]":
        """Return unfinished lines; none where the query filters by text."""
        if self.reading is None or query.grep is not None:
            return iter(())
        return _within(self, query, self.reading.pending())


def _parts(instance: str) -> tuple[str, int]:
    """Split an instance into service and number, from 1."""
    service, dot, number = instance.rpartition(".")
    return (service, int(number)) if dot and number.isdigit() else (instance, 1)


def _within(source: Source, query: Query, blocks: "Iterable[Block]") -> "Iterator[Block]":
    for block in blocks:
        if source.run is not None and block.run > source.run:
            return
        if query.until_ns is not None and block.time_ns > query.until_ns:
            return
        if query.stream is None or block.kind == query.stream:
            yield block


def _chain(*parts: "Iterable[Block]") -> "Iterator[Block]":
    for part in parts:
        yield from part


def _later(one: Position, other: Position) -> Position:
    return max(one, other, key=_order)


def _earlier(one: Position, other: Position) -> Position:
    return min(one, other, key=_order)


def _order(place: Position) -> tuple[int, int]:
    return place.segment, place.record


def select_last(folder: Folder) -> None:
    """Select the output of the last stack, without removed services.

    Where the start of the last stack is unknown, everything stays selected.
    """
    found = _last_start(folder)
    if found is None:
        return
    at_ns = found.get("startedNs")
    folder.since_ns = at_ns if isinstance(at_ns, int) else None
    folder.removed = frozenset(_texts(found.get("removed")))


def services_of(folder: Folder) -> tuple[str, ...]:
    """The services of the last stack, in the order of the definitions; none where unknown."""
    found = _last_start(folder)
    return () if found is None else _texts(found.get("order"))


def _last_start(folder: Folder) -> "dict[str, object] | None":
    """The record of the last start of the stack; None without one that can be read."""
    from portweave.encoding.json_text import is_object, loads

    path = f"{folder.path.removesuffix('/logs')}/runs/.started.json"
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            found = loads(file.read())
    except (OSError, ValueError):
        return None
    return found if is_object(found) else None


def _texts(found: object) -> tuple[str, ...]:
    from portweave.encoding.json_text import is_list

    return tuple(map(str, found)) if is_list(found) else ()


def find_sources(
    folder: Folder, names: "Sequence[str]", *, known: "Collection[str]" = ()
) -> list[Source]:
    """Return the instances with these names, or all that the folder does not exclude.

    Args:
        folder: The folder of logs.
        names: Services or instances; a service stands for all of its instances. Empty for all.
        known: Instances to leave out.
    """

    def is_wanted(instance: str) -> bool:
        service, _ = _parts(instance)
        if not names:
            return service not in folder.removed
        return instance in names or service in names

    return [
        Source(folder, instance)
        for instance in instances(folder.path)
        if instance not in known and is_wanted(instance)
    ]


def merged(
    sources: "Sequence[Source]", query: Query, *, follow: bool = False
) -> "Iterator[tuple[Source, Block]]":
    """Merge the lines of sources by time; the lines of one source keep their order.

    Args:
        sources: The sources.
        query: Which lines.
        follow: Whether more lines may come, so that unfinished ones wait.
    """
    from heapq import merge

    def of(source: Source) -> "Iterator[tuple[Source, Block]]":
        found: Iterable[Block] = source.blocks(query, follow=follow)
        blocks = ((source, block) for block in found)
        if query.last_each is None:
            return blocks
        return iter(_last_lines(blocks, query.last_each))

    found = merge(*map(of, sources), key=lambda pair: pair[1].time_ns)
    if query.last is None:
        return found
    return iter(_last_lines(found, query.last))


def _last_lines(
    blocks: "Iterable[tuple[Source, Block]]", count: int
) -> "Iterable[tuple[Source, Block]]":
    """Return the last lines of blocks."""
    kept: deque[tuple[Source, Block]] = deque()
    total = 0
    for source, block in blocks:
        kept.append((source, block))
        total += block.lines.count(b"\n")
        while total - (first := kept[0][1].lines.count(b"\n")) >= count and len(kept) > 1:
            total -= first
            kept.popleft()
    if total > count:
        # Only the first block has too many lines.
        source, block = kept.popleft()
        lines = block.lines[:-1].split(b"\n")[total - count :]
        if lines:
            text = b"\n".join(lines) + b"\n"
            kept.appendleft((source, Block(block.time_ns, block.run, block.kind, text)))
    return kept
