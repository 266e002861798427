"""The widget that lists stacks and services, with one of them selected."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from portweave.top.list_lines import ListLine
from portweave.top.span_strips import blank_strip, strip_of
from portweave.top.stack_rows import Item


class StackList(ScrollView, can_focus=True, inherit_bindings=False):
    """The list. It draws only what has changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "move(-1000000)", show=False),
        Binding("end", "move(1000000)", show=False),
    ]

    class Selected(Message):
        """Another row was selected."""

    class Opened(Message):
        """A row was clicked twice."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._lines: Sequence[ListLine] = ()
        self.selected: Item | None = None

    def show(self, lines: Sequence[ListLine]) -> None:
        """Show lines; the selected item stays, or the one now in its place.

        Args:
            lines: All lines.
        """
        before = self._lines
        at = self._line_of_selection()
        self._lines = lines
        size = Size(0, len(lines))
        if size != self.virtual_size:
            self.virtual_size = size
        heads = [number for number, line in enumerate(lines) if line.is_head]
        if heads and self._line_of_selection() is None:
            near = next((n for n in heads if at is not None and n >= at), None)
            near = near if near is not None else heads[-1 if at is not None else 0]
            if at is not None and self._is_stack(near) and near + 1 in heads:
                near += 1
            self._select(near, scroll=False)
        if len(before) != len(lines):
            self.refresh()
            return
        top = round(self.scroll_y)
        for y in range(min(self.size.height, max(0, len(lines) - top))):
            if lines[top + y] != before[top + y]:
                self.refresh(Region(0, y, self.size.width, 1))

    def select_service(self) -> None:
        """Select the first service, if no service is selected."""
        if self.selected is None or self.selected[1] is None:
            heads = (number for number, line in enumerate(self._lines) if line.is_head)
            first = next((number for number in heads if not self._is_stack(number)), None)
            if first is not None:
                self._select(first)

    def render_line(self, y: int) -> Strip:
        """Return a line of the screen."""
        number, width = y + self.scroll_offset.y, self.size.width
        if number >= len(self._lines):
            return blank_strip(width)
        line = self._lines[number]
        chosen = line.is_head and line.item == self.selected
        return strip_of(line.spans, width, is_selected=chosen)

    def items_in_view(self) -> set[str]:
        """Return the ids of the stacks of which a line is on the screen."""
        top = round(self.scroll_y)
        shown = self._lines[top : top + self.size.height]
        return {line.item[0] for line in shown if line.item is not None}

    def action_move(self, step: int) -> None:
        """Select the item `step` items further down; a negative number goes up."""
        heads = [number for number, line in enumerate(self._lines) if line.is_head]
        if not heads:
            return
        at = self._line_of_selection()
        index = heads.index(at) + step if at in heads else 0
        self._select(heads[max(0, min(index, len(heads) - 1))])

    def action_page(self, direction: int) -> None:
        """Select the item a screen further down (1) or up (-1)."""
        at = self._line_of_selection() or 0
        goal = at + direction * max(1, self.size.height - 1)
        heads = [number for number, line in enumerate(self._lines) if line.is_head]
        if not heads:
            return
        fitting = [n for n in heads if (n <= goal if direction > 0 else n >= goal)]
        self._select((fitting[-1] if direction > 0 else fitting[0]) if fitting else heads[0])

    def on_resize(self, event: events.Resize) -> None:
        """Keep the selected item in view."""
        at = self._line_of_selection()
        if at is not None:
            self._scroll_into_view(at)

    def on_click(self, event: events.Click) -> None:
        """Select the clicked item; a second click opens it."""
        number = event.y + self.scroll_offset.y
        item = self._lines[number].item if number < len(self._lines) else None
        if item is None:
            return
        while not self._lines[number].is_head:
            number -= 1
        self._select(number)
        if event.chain == 2:
            self.post_message(self.Opened())

    def _is_stack(self, number: int) -> bool:
        item = self._lines[number].item
        return item is not None and item[1] is None

    def _line_of_selection(self) -> int | None:
        for number, line in enumerate(self._lines):
            if line.is_head and line.item == self.selected and line.item is not None:
                return number
        return None

    def _select(self, number: int, *, scroll: bool = True) -> None:
        item = self._lines[number].item
        if item == self.selected:
            return
        self.selected = item
        if scroll:
            self._scroll_into_view(number)
        self.refresh()
        self.post_message(self.Selected())

    def _scroll_into_view(self, number: int) -> None:
        last = number
        while last + 1 < len(self._lines) and self._lines[last + 1].item == self.selected:
            last += 1
        # The stack's own line stays in view with its first service.
        first = number - 1 if number == 1 else number
        top, height = round(self.scroll_y), self.size.height
        if last >= top + height:
            top = last - height + 1
        if first < top:
            top = first
        self.scroll_to(y=top, animate=False, immediate=True)
