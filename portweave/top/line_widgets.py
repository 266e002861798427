"""Widgets of one line: texts, and keys that a click presses."""

from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, Label

from portweave.top.key_table import KeyRow
from portweave.top.list_lines import Spans
from portweave.top.span_strips import strip_of
from portweave.top.status_lines import key_at, keys_spans

# Makes the text of a line for a width in cells.
Compose = Callable[[int], Spans]


class TextLine(Widget):
    """A line of text that is composed for its width."""

    DEFAULT_CSS = "TextLine { height: 1; width: 100%; }"

    class Pressed(Message):
        """The line was clicked.

        Args:
            line: The line.
            x: The place, in cells from the left.
        """

        def __init__(self, line: "TextLine", x: int) -> None:
            super().__init__()
            self.line, self.x = line, x

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._compose_text: Compose | None = None
        self._shown: tuple[int, Spans] = (0, ())

    def show(self, compose: Compose) -> None:
        """Show another text; draw nothing where it is the same.

        Args:
            compose: Makes the text.
        """
        self._compose_text = compose
        width = self.size.width
        if (width, spans := compose(width)) != self._shown:
            self._shown = (width, spans)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the line."""
        width = self.size.width
        if self._shown[0] != width and self._compose_text is not None:
            self._shown = (width, self._compose_text(width))
        return strip_of(self._shown[1], width)

    def on_click(self, event: events.Click) -> None:
        """Tell where the line was clicked."""
        self.post_message(self.Pressed(self, event.x))


class KeyLine(TextLine):
    """A line of keys; a click on one presses it.

    Args:
        keys: The keys, the most important first.
    """

    class KeyPressed(Message):
        """A key was clicked.

        Args:
            row: The key.
        """

        def __init__(self, row: KeyRow) -> None:
            super().__init__()
            self.row = row

    def __init__(self, keys: Sequence[KeyRow], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._keys = keys
        self.show(lambda width: keys_spans(keys, width)[0])

    def on_click(self, event: events.Click) -> None:
        """Tell which key was clicked."""
        # Textual would call the handler of `TextLine` too.
        event.prevent_default()
        _, shown = keys_spans(self._keys, self.size.width)
        row = key_at(shown, event.x)
        if row is not None:
            self.post_message(self.KeyPressed(row))


class Prompt(Horizontal):
    """A line behind `/` into which the user types; it is hidden at first."""

    DEFAULT_CSS = "Prompt { height: 1; display: none; }"

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield Label("/")
        line = Input(compact=True, select_on_focus=False)
        # A cursor that blinks would draw twice a second.
        line.cursor_blink = False
        yield line
