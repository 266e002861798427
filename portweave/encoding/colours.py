"""Whether what is printed has colours, as the user, the environment and the reader want it.

`NO_COLOR` (no-color.org) refuses them, as `--no-color` does; `FORCE_COLOR` (force-color.org) wants
them wherever the output goes, unless it is 0; without either a terminal has them that is not dumb,
and into a pipe those of services pass as they come.
"""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping


def are_kept(environ: "Mapping[str, str]", *, is_terminal: bool, refused: bool = False) -> bool:
    """Whether the colours of services are left in what they print.

    Args:
        environ: Ours.
        is_terminal: Whether the output is one.
        refused: Whether the command line says so.
    """
    if refused or environ.get("NO_COLOR"):
        return False
    return not is_terminal or _are_forced(environ) or environ.get("TERM", "") != "dumb"


def of_names(environ: "Mapping[str, str]", *, is_terminal: bool, refused: bool = False) -> bool:
    """The same of portweave's own: the names before lines."""
    kept = are_kept(environ, is_terminal=is_terminal, refused=refused)
    return kept and (is_terminal or _are_forced(environ))


def _are_forced(environ: "Mapping[str, str]") -> bool:
    return environ.get("FORCE_COLOR", "0") not in ("", "0")
