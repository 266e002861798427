"""The Textual program behind `portweave top`."""

import os
import termios
from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar

from textual.app import App
from textual.screen import Screen
from textual.theme import Theme

from portweave.panel.worktrees import Worktrees
from portweave.system.interrupts import at_end, clear_at_end
from portweave.top.feed import Feed, LiveFeed
from portweave.top.list_screen import ListScreen
from portweave.top.verb_commands import Commands, VerbCommands

# The terminal's own colours, so that it fits dark and light ones.
_THEME = Theme(
    name="portweave",
    ansi=True,
    primary="ansi_blue",
    secondary="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    accent="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "scrollbar": "ansi_bright_black",
        "scrollbar-hover": "ansi_bright_black",
        "scrollbar-active": "ansi_blue",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
        "scrollbar-corner-color": "ansi_default",
    },
)
# What Textual has switched on: key protocol (kitty), mouse, paste and focus reports, size reports,
# no line wrap, alternate screen, hidden cursor (xterm's control sequences).
_RESTORED = (
    b"\x1b[<u\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[?2004l\x1b[?1004l"
    b"\x1b[?2048l\x1b[?7h\x1b[?1049l\x1b[?25h\x1b[0m"
)


class TopApp(App[int]):
    """The program.

    Args:
        feed: Where the data comes from.
        commands: Runs commands.
        home: The user's home folder; empty for none.

    Attributes:
        fault: A fault of the program that has ended it.
    """

    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False
    TITLE = "portweave top"
    CSS = """
    Screen { background: ansi_default; color: ansi_default; }
    ModalScreen { align: center middle; background: transparent; }
    StackList, LogView {
        height: 1fr; scrollbar-size-vertical: 1; scrollbar-gutter: stable; overflow-x: hidden;
        background: ansi_default;
    }
    TextLine { padding-right: 1; }
    StackView { height: 1fr; }
    #preview { height: 1fr; max-height: 40%; }
    Prompt Label { width: 1; text-style: bold; }
    Prompt Input { width: 1fr; background: ansi_default; }
    Prompt .input--cursor {
        color: ansi_default; background: ansi_default; text-style: reverse;
    }
    .window {
        width: 90%; max-width: 110; height: auto; max-height: 90%; padding: 0 1;
        border: round ansi_blue; background: ansi_default;
    }
    .narrow { max-width: 64; }
    .window .detail { margin: 1 0; }
    .window VerticalScroll {
        height: auto; margin: 1 0; scrollbar-size-vertical: 1;
        background: ansi_default;
    }
    Toast { width: 64; max-width: 90%; padding: 0 1; background: ansi_default; border: round; }
    Toast.-error { border: round ansi_red; }
    Toast.-warning { border: round ansi_yellow; }
    Toast.-information { border: round ansi_blue; }
    """

    def __init__(self, feed: Feed, commands: Commands, *, home: str = "") -> None:
        # Textual chooses its filter for NO_COLOR by this, before it has the theme.
        super().__init__(ansi_color=True)
        self._feed, self._commands, self._home = feed, commands, home
        self.fault: Exception | None = None
        self.register_theme(_THEME)
        self.theme = _THEME.name

    def on_mount(self) -> None:
        """Draw all when the shell continues the program: Textual does not."""
        self.app_resume_signal.subscribe(  # pyright: ignore[reportUnknownMemberType]
            self, self._draw_all
        )

    def _draw_all(self, _: object) -> None:
        self.refresh(layout=True)

    def get_default_screen(self) -> Screen[None]:
        """Return the list."""
        return ListScreen(self._feed, self._commands, home=self._home)

    def _handle_exception(self, error: Exception) -> None:
        """Leave, and let `run` raise it: Textual would print pages of it."""
        if self.is_headless:
            super()._handle_exception(error)
            return
        self.fault = self.fault or error
        self.exit(1)

    def action_exit(self, status: int) -> None:
        """Leave."""
        self.exit(status)


def run(environ: Mapping[str, str], *, has_colour: bool) -> int:
    """Show the screen until the user leaves it.

    Args:
        environ: The variables of the user. They name the configuration and state folders.
        has_colour: Whether to use colours.

    Returns:
        The exit status.
    """
    worktrees = Worktrees(environ)
    commands = VerbCommands(environ, worktrees, has_colour=has_colour)
    before = termios.tcgetattr(0)

    def restore() -> None:
        """Restore the terminal: a signal ends the process at once."""
        commands.end_attached()
        with suppress(OSError, termios.error):
            termios.tcsetattr(0, termios.TCSANOW, before)
            os.write(2, _RESTORED)

    at_end(restore)
    # Textual reads this variable itself.
    os.environ.pop("NO_COLOR", None)
    if not has_colour:
        os.environ["NO_COLOR"] = "1"
    try:
        app = TopApp(LiveFeed(environ, worktrees), commands, home=environ.get("HOME", ""))
        status = app.run()
        if app.fault is not None:
            raise app.fault
        return status if status is not None else app.return_code or 0
    finally:
        clear_at_end()
