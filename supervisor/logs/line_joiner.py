"""Pure. Join the chunks of a log to whole lines of each stream."""

from portweave.encoding.value import value
from portweave.supervisor.logs.index import (
    ERR,
    NOTE,
    OUT,
    START,
    Record,
)
from portweave.supervisor.logs.line_splitter import LineSplitter


@value
class Block:
    """Lines of one stream of an instance that were complete at the same time.

    Attributes:
        time_ns: When they were complete.
        run: The number of their run.
        kind: `OUT` or `ERR`; `NOTE` for text of portweave's.
        lines: The lines, each with its newline.
    """

    time_ns: int
    run: int
    kind: int
    lines: bytes


class LineJoiner:
    """Joins the chunks of one instance to lines.

    Args:
        begun: The beginning of a line in each stream before the first chunk. A line counts where it
            ends, so a beginning that no chunk continues is left out.
        unended: Whether to return even such a line at the end of its run.
    """

    def __init__(self, begun: dict[int, bytes] | None = None, *, unended: bool = False) -> None:
        self._run: int | None = None
        self._touched: set[int] = set()
        self._time_ns = 0
        self._splitters = {OUT: LineSplitter(), ERR: LineSplitter()}
        for kind, data in (begun or {}).items():
            if data:
                self._splitters[kind].feed(data)
                if unended:
                    self._touched.add(kind)

    def feed(self, record: Record, data: bytes) -> list[Block]:
        """The lines that a chunk completes, after the last ones of an older run."""
        found: list[Block] = []
        if record.run != self._run:
            if self._run is not None:
                found = self.close()
            elif record.kind == START:
                self.close()
            self._run = record.run
        self._time_ns = record.time_ns
        if record.kind == NOTE:
            # Bytes after a gap do not continue the line before it.
            found += self.close()
            text = data.strip(b"\n") + b"\n"
            found.append(Block(record.time_ns, record.run, NOTE, text))
        elif record.kind != START and data:
            self._touched.add(record.kind)
            lines = self._splitters[record.kind].feed(data)
            if lines:
                found.append(Block(record.time_ns, record.run, record.kind, lines))
        return found

    def pending(self) -> list[Block]:
        """The incomplete lines so far; they stay incomplete."""
        return [
            Block(self._time_ns, self._run or 0, kind, splitter.begun)
            for kind, splitter in self._splitters.items()
            if splitter.pending and kind in self._touched
        ]

    def close(self) -> list[Block]:
        """The incomplete lines, which no chunk will continue."""
        return [
            Block(self._time_ns, self._run or 0, kind, lines)
            for kind, splitter in self._splitters.items()
            if (lines := splitter.close()) and kind in self._touched
        ]
