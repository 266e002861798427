"""Show an error on the terminal at standard error."""

import os
import sys

from portweave.cli.error_layout import lines_of
from portweave.encoding.colours import of_words
from portweave.encoding.marks import is_utf8
from portweave.encoding.terminal_escapes import write_rendered
from portweave.encoding.text_style import render
from portweave.errors import PortweaveError

_COLUMNS = 80


def show(error: PortweaveError, verb: str, *, refuses_colours: bool) -> None:
    """Show an error in the form of a compiler's.

    Args:
        error: The error.
        verb: The command that failed; empty if unknown.
        refuses_colours: Whether the command line refuses colours.
    """
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        columns = _COLUMNS
    colour = of_words(os.environ, is_terminal=True, refused=refuses_colours)
    utf8 = is_utf8(os.environ)
    lines = lines_of(error, columns=columns, utf8=utf8, verb=verb, cwd=_working_folder())
    text = "".join(f"{render(line, colour=colour).rstrip(' ')}\n" for line in lines)
    write_rendered(text, sys.stderr)
    sys.stderr.flush()


def _working_folder() -> str:
    """The working folder; empty if it has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""
