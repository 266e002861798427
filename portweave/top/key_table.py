"""Pure. The keys of `top`: one table for what they do, the line of keys, and the help."""

from rich.cells import cell_len

from portweave.encoding.value import value
from portweave.top.line_fitting import wrapped


@value
class KeyRow:
    """A key.

    Attributes:
        keys: Its names in Textual, with commas between them.
        shown: Its name for users.
        action: What it does: the name of an action of the screen.
        label: Its word on the line of keys; empty where it is not there.
        about: What it does, for the help.
    """

    keys: str
    shown: str
    action: str
    label: str
    about: str


# In the order of the line of keys: the first ones stay where there is little room.
LIST_KEYS = (
    KeyRow("question_mark", "?", "help", "help", "this help"),
    KeyRow("q", "q", "leave", "quit", "leave, as Ctrl-C does; the stacks go on"),
    KeyRow("l", "l", "log", "log", "log of the service, or of all of the stack"),
    KeyRow("w", "w", "why", "why", "what is wrong with it, and what to do"),
    KeyRow("r", "r", "restart", "restart", "restart the service, or all of the stack"),
    KeyRow("x", "x", "toggle", "stop/start", "stop the service, or start it"),
    KeyRow("slash", "/", "filter", "filter", "show only rows with some words; Esc shows all"),
    KeyRow("s", "s", "sort", "sort", "sort by the next column; a click on a title does too"),
    KeyRow("o,enter", "o, Enter", "open", "", "open the service in the browser"),
    KeyRow("u", "u", "up", "up", "start the stack, or what is missing of it"),
    KeyRow("d", "d", "down", "down", "stop the stack"),
    KeyRow("a", "a", "attach", "attach", "attach to its terminal; Ctrl-] returns"),
    KeyRow("k", "k", "kill", "kill", "kill the service (SIGKILL)"),
    KeyRow("e", "e", "environment", "env", "environment of the service, without secrets"),
    KeyRow("i", "i", "idle", "idle", "show or hide worktrees without a running stack"),
    KeyRow("p", "p", "preview", "preview", "show or hide the end of the log below the list"),
    KeyRow("space", "Space", "fold", "", "show or hide the services of the stack"),
    KeyRow("escape", "Esc", "clear", "", "clear the filter"),
    KeyRow("ctrl+z", "Ctrl-Z", "pause", "", "go to the shell; fg returns"),
)
LOG_KEYS = (
    KeyRow("question_mark", "?", "help", "help", "this help"),
    KeyRow("escape,q,l", "Esc, q", "back", "back", "back to the list"),
    KeyRow("slash", "/", "search", "search", "search upwards from the end of the screen"),
    KeyRow("n", "n", "next", "older", "next match, further up"),
    KeyRow("N", "N", "previous", "newer", "previous match, further down"),
    KeyRow("f", "f", "follow", "follow", "follow the end, or stay here"),
    KeyRow("g,home", "g", "first", "start", "go to the first line"),
    KeyRow("G,end", "G", "last", "end", "go to the last line, and follow"),
    KeyRow("t", "t", "times", "times", "show or hide the time of each line"),
)
_MOVES = (
    ("↑ ↓ PgUp PgDn", "select; so does a click"),
    ("← →", "hide and show the services of a stack"),
)
_LOG_MOVES = (("↑ ↓ PgUp PgDn", "scroll; so does the wheel"),)


_BARS = (
    "The bar of the processor is full at one core. The bar of the memory is full for the largest"
    " service on the list."
)


def help_lines(width: int, *, of_log: bool) -> list[tuple[str, str]]:
    """Return the lines of a help: keys, and what they do.

    Args:
        width: The width of both together, in cells.
        of_log: Whether it is the help of the log, or of the list.
    """
    table, moves = (LOG_KEYS, _LOG_MOVES) if of_log else (LIST_KEYS, _MOVES)
    rows = [*moves, *((row.shown, row.about) for row in table)]
    keys_width = max(cell_len(keys) for keys, _ in rows) + 2
    found: list[tuple[str, str]] = []
    for keys, about in rows:
        lines = wrapped(about, max(8, width - keys_width))
        first = keys + " " * (keys_width - cell_len(keys))
        found += [(first, lines[0]), *((" " * keys_width, line) for line in lines[1:])]
    if not of_log:
        found += [("", ""), *(("", line) for line in wrapped(_BARS, max(8, width)))]
    return found
