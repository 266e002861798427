"""Pure. Chunks of a log in, whole lines of each stream out."""

from portweave.supervisor.logs.index import (
    ERR,
    NOTE,
    OUT,
    START,
    Record,
)
from portweave.supervisor.logs.line_splitter import LineSplitter


class Block:
    """Lines that one stream of an instance brought at one moment.

    Attributes:
        time_ns: When they were complete.
        run: In which run.
        kind: `OUT` or `ERR`; `NOTE` for words of portweave's own.
        lines: Each with its newline.
    """

    __slots__ = ("kind", "lines", "run", "time_ns")

    def __init__(self, time_ns: int, run: int, kind: int, lines: bytes) -> None:
        self.time_ns = time_ns
        self.run = run
        self.kind = kind
        self.lines = lines


class Joiner:
    """Puts the lines of one instance together.

    Args:
        begun: What each stream has begun of a line before the first chunk. A line belongs where it
            ends, so one that nothing comes to is left out.
        unended: Whether even that one is told, where its run ends.
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
        """Take a chunk; return the lines that it completes, of an older run's last ones too."""
        found: list[Block] = []
        if record.run != self._run:
            if self._run is not None:
                found = self.close()
            elif record.kind == START:
                self.close()
            self._run = record.run
        self._time_ns = record.time_ns
        if record.kind == NOTE:
            # What comes behind a gap is not the rest of what stood before it.
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
        """The lines that have begun and not ended, as they stand; they stay begun."""
        return [
            Block(self._time_ns, self._run or 0, kind, splitter.begun)
            for kind, splitter in self._splitters.items()
            if splitter.pending and kind in self._touched
        ]

    def close(self) -> list[Block]:
        """The lines that have begun and will not go on."""
        return [
            Block(self._time_ns, self._run or 0, kind, lines)
            for kind, splitter in self._splitters.items()
            if (lines := splitter.close()) and kind in self._touched
        ]
