"""The widget with all stacks: title, list, the log of the selected row, and its details."""

import time
from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Resize

from portweave.encoding.text_style import Span
from portweave.top.feed import Event, Feed
from portweave.top.line_fitting import fitted
from portweave.top.line_widgets import TextLine
from portweave.top.list_columns import Column, columns_for
from portweave.top.list_lines import ListLine, ListView, Spans, list_lines
from portweave.top.log_preview import LogPreview
from portweave.top.row_filter import filtered_stacks
from portweave.top.sort_orders import ORDERS, sorted_stacks
from portweave.top.stack_list import StackList
from portweave.top.stack_rows import Service, Stack, apply_event
from portweave.top.status_lines import (
    column_at,
    detail_spans,
    heading_spans,
    title_spans,
)

# In a lower screen the list needs all lines.
_PREVIEW_HEIGHT = 28
# Ages below a minute change each second, others rarely.
_YOUNG_S, _TICK_S, _REST_S = 60.0, 1.0, 15.0
_EMPTY = (
    "No stack is running. portweave up starts one in its worktree.",
    "i shows the worktrees that portweave knows; u starts one of them.",
)


class StackView(Vertical):
    """All stacks.

    Args:
        feed: Where the data comes from.
        home: The user's home folder.
    """

    def __init__(self, feed: Feed, *, home: str) -> None:
        super().__init__()
        self._feed, self._home = feed, home
        self._stacks: dict[str, Stack] = {}
        self._worktrees: tuple[Stack, ...] = ()
        self._shows_worktrees = False
        self._shown: dict[str, Stack] = {}
        self._columns: tuple[Column, ...] = ()
        self._order, self._sought = ORDERS[0], ""
        self._folded: frozenset[str] = frozenset()
        self._is_loaded = False
        self._wants_preview: bool | None = None
        self._doing: Mapping[int, str] = {}
        self._drawn_s = 0.0
        self._has_seconds = False

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield TextLine(id="title")
        yield TextLine(id="heading")
        yield StackList(id="list")
        yield LogPreview(self._feed, id="preview")
        yield TextLine(id="detail")

    def on_mount(self) -> None:
        """Begin to follow the stacks."""
        self._preview.display = False
        self.run_worker(self._feed.run(self._take), group="feed")
        self.set_interval(_TICK_S, self._tick)

    def on_resize(self, event: Resize) -> None:
        """Lay the list out anew."""
        self._place_preview()
        self._draw()

    @property
    def rows(self) -> StackList:
        """The list."""
        return self.query_one(StackList)

    def selection(self) -> tuple[Stack | None, Service | None]:
        """Return the selected service with its stack, a stack alone, or nothing."""
        item = self.rows.selected
        stack = None if item is None else self._shown.get(item[0])
        if item is None or stack is None:
            return None, None
        return stack, next((one for one in stack.services if one.name == item[1]), None)

    def take_next_order(self) -> None:
        """Sort by the next order."""
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._draw()

    def filter_by(self, sought: str) -> None:
        """Show only rows that contain some words; empty for all rows."""
        self._sought = sought
        self._draw()
        if sought:
            self.rows.select_service()

    def fold(self, *, hides: bool | None = None) -> None:
        """Show or hide the services of the selected stack.

        Args:
            hides: Whether to hide them; None for the other than now.
        """
        stack, _ = self.selection()
        if stack is None:
            return
        if hides is None:
            hides = stack.id not in self._folded
        self._folded = self._folded | {stack.id} if hides else self._folded - {stack.id}
        if hides:
            self.rows.selected = (stack.id, None)
        self._draw()

    def switch_worktrees(self) -> None:
        """Show or hide the worktrees in which no stack runs."""
        self._shows_worktrees = not self._shows_worktrees
        self._look_for_worktrees()
        self._draw()

    def switch_preview(self) -> None:
        """Show or hide the end of the log."""
        self._wants_preview = not self._preview.display
        self._place_preview()
        self._draw()

    def show_doing(self, doing: Mapping[int, str]) -> None:
        """Say what commands do at present, in place of the details.

        Args:
            doing: What each command does; empty where none runs.
        """
        self._doing = doing
        self._show_detail()

    def on_stack_list_selected(self) -> None:
        """Show the details and the log of what is selected now."""
        self._show_detail()
        self._preview.follow(*self.selection())

    def on_text_line_pressed(self, event: TextLine.Pressed) -> None:
        """Sort by the clicked column."""
        column = column_at(self._columns, event.x)
        if event.line.id == "heading" and column is not None and column.order:
            self._order = column.order
            self._draw()

    @property
    def _preview(self) -> LogPreview:
        return self.query_one(LogPreview)

    def _line(self, name: str) -> TextLine:
        return self.query_one(f"#{name}", TextLine)

    def _take(self, events: Sequence[Event]) -> None:
        for kind, data in events:
            apply_event(self._stacks, kind, data)
            if kind in ("worktrees", "gone", "stacks"):
                self._look_for_worktrees()
            self._is_loaded = self._is_loaded or kind == "stacks"
        self._draw()

    def _draw(self) -> None:
        """Draw what has changed."""
        self._drawn_s = time.time()
        idle = [one for one in self._worktrees if one.id not in self._stacks]
        listed = [*self._stacks.values(), *(idle if self._shows_worktrees else ())]
        shown = sorted_stacks(filtered_stacks(listed, self._sought), self._order)
        self._shown = {stack.id: stack for stack in shown}
        services = [one for stack in shown for one in stack.services]
        # The last column of the screen is the scrollbar's, whether it is there or not.
        width = max(1, self.size.width - 1)
        self._columns = columns_for(
            width,
            max((len(one.name) for one in services), default=0),
            max((len(one.url) for one in services), default=0),
        )
        view = ListView(self._columns, width, self._drawn_s, self._folded, self._home)
        self.rows.show(list_lines(shown, view) or self._nothing())
        self._feed.watch_closely(frozenset(self.rows.items_in_view()))
        self._has_seconds = any(
            one.next_try_s is not None
            or (one.started_s is not None and self._drawn_s - one.started_s < _YOUNG_S)
            for one in services
        )
        self._line("title").show(
            lambda width: title_spans(listed, self._order, self._sought, width)
        )
        self._line("heading").show(lambda width: heading_spans(self._columns, self._order))
        self._show_detail()
        self._preview.follow(*self.selection())

    def _nothing(self) -> list[ListLine]:
        if not self._is_loaded:
            texts: tuple[str, ...] = ("Looking for stacks …",)
        elif self._sought:
            texts = ("Nothing fits the filter. Esc clears it.",)
        else:
            texts = _EMPTY
        return [ListLine((Span(f"  {text}" if text else "", "dim"),)) for text in ("", *texts)]

    def _tick(self) -> None:
        if self._has_seconds or time.time() - self._drawn_s > _REST_S:
            self._draw()

    def _show_detail(self) -> None:
        stack, service = self.selection()

        def compose(width: int) -> Spans:
            if self._doing:
                text = ", ".join(self._doing.values())
                return (Span(fitted(f"{text} …", width), "starting"),)
            return detail_spans(stack, service, width)

        self._line("detail").show(compose)

    def _place_preview(self) -> None:
        wanted = self._wants_preview
        shown = self.screen.size.height >= _PREVIEW_HEIGHT if wanted is None else wanted
        if self._preview.display != shown:
            self._preview.display = shown

    def _look_for_worktrees(self) -> None:
        if self._shows_worktrees:
            self.run_worker(self._find_worktrees(), group="worktrees", exclusive=True)

    async def _find_worktrees(self) -> None:
        self._worktrees = await self._feed.worktrees()
        self._draw()
