"""Pure. Select lines of logs by a pattern."""

import re
from collections import deque
from collections.abc import Iterable, Iterator

from portweave.supervisor.logs.index import NOTE
from portweave.supervisor.logs.line_joiner import Block
from portweave.supervisor.logs.line_splitter import plain_text

SEPARATOR = b"--\n"
# Lines of these bytes alone are searched as they are, not as text.
_PLAIN = bytes([0x09, 0x0A, *range(0x20, 0x7F)])
# With one of these, a pattern may match one line, but not a block of lines around it.
_LOCAL = ("(?", "\\A", "\\Z", "*+", "++", "?+", "}+")


class ContextState:
    """The state of a search with context in one source, between blocks."""

    def __init__(self) -> None:
        self.before: deque[Block] = deque()
        self.after = 0
        self.skipped = False
        self.shown = False


class Grep:
    """Selects lines that contain a pattern, as text without escape sequences.

    Args:
        pattern: A regular expression.
        ignore_case: Whether `a` matches `A`.
        invert: Whether to select the other lines.
        context: How many lines around each match to select.

    Raises:
        re.error: The pattern is no regular expression.
    """

    def __init__(
        self, pattern: str, *, ignore_case: bool = False, invert: bool = False, context: int = 0
    ) -> None:
        flags = re.IGNORECASE if ignore_case else 0
        self._search = re.compile(pattern, flags).search
        self._invert = invert
        self._context = context
        # Most blocks contain no such line. One search shows that.
        is_local = invert or any(part in pattern for part in _LOCAL)
        self._search_all = None if is_local else re.compile(pattern, flags | re.MULTILINE).search

    def around(self) -> ContextState:
        """A new state, to be passed with all blocks of one source."""
        return ContextState()

    def blocks(self, blocks: Iterable[Block], around: ContextState) -> Iterator[Block]:
        """The selected lines of one instance.

        Args:
            blocks: The next lines, in order.
            around: The state from the method `around`, one for each instance.
        """
        if self._context:
            yield from self._with_context(blocks, around)
            return
        for block in blocks:
            if block.kind == NOTE:
                yield block
            elif self._may_match(block.lines):
                kept = [line for line in _lines(block.lines) if self._is_wanted(line)]
                if kept:
                    yield Block(block.time_ns, block.run, block.kind, b"\n".join(kept) + b"\n")

    def _with_context(self, blocks: Iterable[Block], around: ContextState) -> Iterator[Block]:
        before = around.before
        for block in blocks:
            for line in _lines(block.lines):
                one = Block(block.time_ns, block.run, block.kind, line + b"\n")
                if block.kind == NOTE or self._is_wanted(line):
                    if around.skipped and around.shown:
                        yield Block(block.time_ns, block.run, NOTE, SEPARATOR)
                    yield from before
                    yield one
                    before.clear()
                    around.after, around.skipped, around.shown = self._context, False, True
                elif around.after:
                    around.after -= 1
                    yield one
                else:
                    before.append(one)
                    if len(before) > self._context:
                        before.popleft()
                        around.skipped = True

    def _may_match(self, lines: bytes) -> bool:
        if self._search_all is None or lines.translate(None, _PLAIN):
            return True
        return self._search_all(lines.decode("ascii")) is not None

    def _is_wanted(self, line: bytes) -> bool:
        text = plain_text(line) if line.translate(None, _PLAIN) else line.decode("ascii")
        return (self._search(text) is not None) != self._invert


def _lines(lines: bytes) -> list[bytes]:
    return lines[:-1].split(b"\n")
