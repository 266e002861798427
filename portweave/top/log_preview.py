"""The end of a log below the list of `top`."""

import anyio
from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.worker import Worker

from portweave.encoding.text_style import Span
from portweave.top.feed import Feed
from portweave.top.line_fitting import fitted
from portweave.top.line_widgets import TextLine
from portweave.top.list_lines import Spans
from portweave.top.log_reader import read_log
from portweave.top.log_view import LogView
from portweave.top.stack_rows import Item, Service, Stack

# Moving through the list must not open each log.
_SETTLE_S = 0.15


class LogPreview(Vertical):
    """A title and the last lines of one log.

    Args:
        feed: Reads logs.
    """

    def __init__(self, feed: Feed, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._feed = feed
        self._item: Item | None = None
        self._worker: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield TextLine()
        view = LogView(is_tail=True)
        view.can_focus = False
        yield view

    def follow(self, stack: Stack | None, service: Service | None) -> None:
        """Show the log of a service, or of all services of a stack.

        Args:
            stack: The stack; None for no log.
            service: The service; None for all.
        """
        item: Item | None = None
        if stack is not None and stack.is_running and self.display:
            item = (stack.id, None if service is None else service.name)
        if item == self._item:
            return
        self._item = item
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
        self.query_one(LogView).restart(has_names=service is None)
        name = "" if item is None or stack is None else item[1] or stack.name
        self.query_one(TextLine).show(lambda width: _rule(name, width))
        if stack is not None and item is not None:
            self._worker = self.run_worker(self._read(stack, item[1]))

    async def _read(self, stack: Stack, instance: str | None) -> None:
        await anyio.sleep(_SETTLE_S)
        source = self._feed.log(stack, instance, is_whole=False)
        await read_log(source, self.query_one(LogView).append)


def _rule(name: str, width: int) -> Spans:
    title = f" {fitted(f'log of {name}', max(0, width - 6))} " if name else ""
    return (Span(f"──{title}" + "─" * max(0, width - 2 - cell_len(title)), "dim"),)
