"""Windows above the list: a question, a text to read, the help."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import Static

from portweave.encoding.terminal_escapes import escaped
from portweave.top.key_table import KeyRow, help_lines
from portweave.top.line_widgets import KeyLine
from portweave.top.running_app import app_of

# The widest window, and its border, padding and scrollbar.
_WIDEST, _FRAME_CELLS = 110, 5
# Border, title and keys, with the lines between them.
_FRAME_LINES = 6
# Ctrl-C leaves top wherever the user is, with the exit status that a shell gives for SIGINT.
INTERRUPT = Binding("ctrl+c", "app.exit(130)", show=False, priority=True)


class ConfirmScreen(ModalScreen[bool]):
    """A question before something ends; the result is whether the user agrees.

    Args:
        question: Such as `Stop shop/main?`.
        detail: What happens then.
        answer: The word for agreeing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "agree", show=False),
        Binding("n,escape,q", "refuse", show=False),
        INTERRUPT,
    ]

    def __init__(self, question: str, detail: str, answer: str) -> None:
        super().__init__()
        self._question, self._detail, self._answer = question, detail, answer

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        keys = (
            KeyRow("y", "y", "agree", self._answer, ""),
            KeyRow("n", "n", "refuse", "Cancel", ""),
        )
        with Vertical(classes="window narrow"):
            yield Static(Text(escaped(self._question), style="bold"))
            yield Static(Text(escaped(self._detail)), classes="detail")
            yield KeyLine(keys)

    def on_key_line_key_pressed(self, event: KeyLine.KeyPressed) -> None:
        """Answer as the clicked key does."""
        self.dismiss(event.row.action == "agree")

    def action_agree(self) -> None:
        """Agree."""
        self.dismiss(True)

    def action_refuse(self) -> None:
        """Do not."""
        self.dismiss(False)


class TextScreen(ModalScreen[None]):
    """A text to read and to scroll.

    Args:
        title: What it is.
        load: Returns the text for a width in cells.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,w,e", "close", show=False),
        INTERRUPT,
    ]

    def __init__(self, title: str, load: Callable[[int], Awaitable[Text]]) -> None:
        super().__init__()
        self._title, self._load = title, load

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        keys = (
            KeyRow("escape", "Esc", "close", "close", ""),
            KeyRow("", "↑↓ PgUp PgDn", "", "scroll", ""),
        )
        with Vertical(classes="window"):
            yield Static(Text(escaped(self._title), style="bold"))
            with VerticalScroll():
                yield Static(Text("…", style="dim"), id="text")
            yield KeyLine(keys)

    def on_mount(self) -> None:
        """Load the text."""
        self.query_one(VerticalScroll).focus()
        self.run_worker(self._show())

    def on_resize(self, event: Resize) -> None:
        """Leave room for the title and the keys."""
        room = event.size.height * 9 // 10 - _FRAME_LINES
        self.query_one(VerticalScroll).styles.max_height = max(1, room)

    async def _show(self) -> None:
        width = min(app_of(self).size.width * 9 // 10, _WIDEST) - _FRAME_CELLS
        self.query_one("#text", Static).update(await self._load(max(20, width)))

    def on_key_line_key_pressed(self, event: KeyLine.KeyPressed) -> None:
        """Do what the clicked key does."""
        if event.row.action == "close":
            self.dismiss()

    def action_close(self) -> None:
        """Close the window."""
        self.dismiss()


class HelpScreen(TextScreen):
    """The keys, and what they do.

    Args:
        of_log: Whether it is the help of the log, or of the list.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark", "close", show=False)]

    def __init__(self, *, of_log: bool) -> None:
        super().__init__("Keys of the log" if of_log else "Keys", self._text)
        self._of_log = of_log

    async def _text(self, width: int) -> Text:
        text = Text()
        for keys, about in help_lines(width, of_log=self._of_log):
            text.append(keys, "bold").append(f"{about}\n")
        text.rstrip()
        return text
