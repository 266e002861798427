"""Decide whether output has colours, by the user, the environment and the reader.

`NO_COLOR` (no-color.org) and `--no-color` refuse them. `FORCE_COLOR` (force-color.org) forces them
for any output, unless it is 0. Otherwise terminals get them, except dumb ones. A pipe gets colours
of services as they come.
"""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping


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
