"""Decide whether output has colours, by the user, the environment and the reader.

`NO_COLOR` (no-color.org) and `--no-color` refuse them. `FORCE_COLOR` (force-color.org) forces them
for any output, unless it is 0. Otherwise terminals get them, except dumb ones. A pipe gets colours
of services as they come.
"""

from portweave.encoding.marks import UNICODE, Marks, marks_of
from portweave.encoding.name_colours import palette
from portweave.encoding.value import value

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping


@value
class Style:
    """How portweave's own output looks.

    Attributes:
        names: The colours of the names before lines, on stdout; empty for none.
        words: Whether portweave's messages on stderr have colours.
        marks: The signs in its messages.
    """

    names: tuple[str, ...] = ()
    words: bool = False
    marks: Marks = UNICODE


PLAIN = Style()


def style_of(
    environ: "Mapping[str, str]", *, out_is_terminal: bool, err_is_terminal: bool, refused: bool
) -> Style:
    """The style of a command's output.

    Args:
        environ: The environment of this process.
        out_is_terminal: Whether stdout is a terminal.
        err_is_terminal: Whether stderr is a terminal.
        refused: Whether the command line refuses colours.
    """
    has_names = of_names(environ, is_terminal=out_is_terminal, refused=refused)
    return Style(
        names=palette(environ) if has_names else (),
        words=of_words(environ, is_terminal=err_is_terminal, refused=refused),
        marks=marks_of(environ),
    )


def are_kept(environ: "Mapping[str, str]", *, is_terminal: bool, refused: bool = False) -> bool:
    """Whether to keep the colours in the output of services.

    Args:
        environ: The environment of this process.
        is_terminal: Whether the output is a terminal.
        refused: Whether the command line refuses colours.
    """
    if refused or environ.get("NO_COLOR"):
        return False
    return not is_terminal or _are_forced(environ) or environ.get("TERM", "") != "dumb"


def of_names(environ: "Mapping[str, str]", *, is_terminal: bool, refused: bool = False) -> bool:
    """Whether to colour the names before lines; arguments as in `are_kept`."""
    kept = are_kept(environ, is_terminal=is_terminal, refused=refused)
    return kept and (is_terminal or _are_forced(environ))


def _are_forced(environ: "Mapping[str, str]") -> bool:
    return environ.get("FORCE_COLOR", "0") not in ("", "0")


def of_words(environ: "Mapping[str, str]", *, is_terminal: bool, refused: bool = False) -> bool:
    """Whether to colour portweave's own words; arguments as in `are_kept`."""
    return of_names(environ, is_terminal=is_terminal, refused=refused)
