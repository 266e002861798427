"""The screen with the log of a service, or of all services of a stack."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from portweave.encoding.text_style import Span
from portweave.top.dialogs import INTERRUPT, HelpScreen
from portweave.top.feed import LogSource
from portweave.top.key_table import LOG_KEYS
from portweave.top.line_fitting import fitted
from portweave.top.line_widgets import KeyLine, Prompt, TextLine
from portweave.top.list_lines import Spans
from portweave.top.log_buffer import LogLine
from portweave.top.log_reader import read_log
from portweave.top.log_view import LogView
from portweave.top.running_app import app_of


class LogScreen(Screen[None]):
    """A log.

    Args:
        title: What it is the log of.
        source: Reads it.
        has_names: Whether each line begins with the name of its service.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # The key of the search comes first: those typed behind it belong to the search.
        *(
            Binding(row.keys, row.action, show=False, priority=row.action == "search")
            for row in LOG_KEYS
        ),
        INTERRUPT,
        Binding("enter", "end_typing", show=False, priority=True),
    ]

    def __init__(self, title: str, source: LogSource, *, has_names: bool) -> None:
        super().__init__()
        self._title = title
        self._source = source
        self._has_names = has_names
        self._matches: int | None = None

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield TextLine(id="title")
        yield LogView(has_names=self._has_names, id="log")
        yield KeyLine(LOG_KEYS, id="keys")
        yield Prompt()

    def on_mount(self) -> None:
        """Begin to read."""
        self.set_focus(self._log_view)
        self.run_worker(read_log(self._source, self._take), group="log")
        self._show_title()

    def on_log_view_moved(self) -> None:
        """Say whether the view follows the end."""
        self._show_title()

    @property
    def _log_view(self) -> LogView:
        return self.query_one("#log", LogView)

    @property
    def _sought(self) -> str:
        return self.query_one(Input).value

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search while the user types."""
        self._find()

    def on_key_line_key_pressed(self, event: KeyLine.KeyPressed) -> None:
        """Do what the clicked key does."""
        self.run_worker(self.run_action(event.row.action))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the line of the search have all keys but Escape."""
        if action == "end_typing":
            return isinstance(self.focused, Input)
        own: set[str] = {row.action for row in LOG_KEYS} - {"back"}
        return not (isinstance(self.focused, Input) and action in own)

    def action_help(self) -> None:
        """Show the help."""
        app_of(self).push_screen(HelpScreen(of_log=True))

    def action_back(self) -> None:
        """End the search, or leave the log."""
        if self.query_one(Prompt).display:
            self.query_one(Input).value = ""
            self.action_end_typing()
        elif self._sought:
            self.query_one(Input).value = ""
        else:
            self.dismiss()

    def action_search(self) -> None:
        """Let the user type what to search for."""
        self.query_one(KeyLine).display = False
        self.query_one(Prompt).display = True
        # At once: the next key belongs to the search.
        self.set_focus(self.query_one(Input))

    def action_next(self) -> None:
        """Go to the next match, further up."""
        self._find(again=True)

    def action_previous(self) -> None:
        """Go to the previous match, further down."""
        self._find(again=True, up=False)

    def action_follow(self) -> None:
        """Follow the end, or stay."""
        self._log_view.follow(follows=not self._log_view.is_following)
        self._show_title()

    def action_first(self) -> None:
        """Go to the first line."""
        self._log_view.go_to_start()
        self._show_title()

    def action_last(self) -> None:
        """Go to the last line, and follow."""
        self._log_view.follow(follows=True)
        self._show_title()

    def action_times(self) -> None:
        """Show or hide the time of each line."""
        self._log_view.show_times(are_shown=not self._log_view.has_times)

    def _take(self, lines: Sequence[LogLine]) -> None:
        self._log_view.append(lines)
        if self._sought:
            self._matches = self._log_view.count_of(self._sought)
        self._show_title()

    def _find(self, *, again: bool = False, up: bool = True) -> None:
        count = self._log_view.search(self._sought, again=again, up=up)
        self._matches = count if self._sought else None
        self._show_title()

    def action_end_typing(self) -> None:
        """Keep what was typed; n and N go on."""
        self.query_one(Prompt).display = False
        self.query_one(KeyLine).display = True
        self.set_focus(self._log_view)

    def _show_title(self) -> None:
        view = self._log_view
        right = f"{view.count} lines"
        if self._matches is not None:
            right = f"/{self._sought} in {self._matches} of {right}"
        right += " · following" if view.is_following else " · paused, G follows"
        self.query_one("#title", TextLine).show(lambda width: _title(self._title, right, width))


def _title(left: str, right: str, width: int) -> Spans:
    right = fitted(right, max(0, width * 2 // 3))
    left = fitted(left, max(0, width - len(right) - 2))
    space = " " * max(1, width - len(left) - len(right))
    return Span(left, "strong"), Span(space, ""), Span(right, "dim")
