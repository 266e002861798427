"""Pure. The colours of service names, by position.

No colour is red or green: these tell states. Each of the 256-colour palette has a contrast of at
least 3.5 to black and to white (WCAG 2.2, "contrast ratio"), so names can be read on both.
"""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Parameters of Select Graphic Rendition (ECMA-48, 8.3.117). 38;5 chooses a colour of xterm's 256:
# azure, magenta, brown, teal, violet, olive, plum, steel blue.
PALETTE = (
    "38;5;32",
    "38;5;164",
    "38;5;130",
    "38;5;30",
    "38;5;99",
    "38;5;100",
    "38;5;133",
    "38;5;67",
)
# Cyan, magenta and blue. What they look like is the terminal's choice.
SMALL_PALETTE = ("36", "35", "34")


def palette(environ: "Mapping[str, str]") -> tuple[str, ...]:
    """The palette of a terminal, by `TERM` and `COLORTERM`."""
    has_many = "256color" in environ.get("TERM", "") or environ.get("COLORTERM")
    return PALETTE if has_many else SMALL_PALETTE


def colours_of(services: "Iterable[str]", colours: "Sequence[str]") -> dict[str, str]:
    """The colour of each service, by its position; empty without colours.

    Args:
        services: Names of services, in the order of the definitions. Later ones do not change the
            colours of earlier ones.
        colours: Of `palette`; empty for none.
    """
    if not colours:
        return {}
    distinct = dict.fromkeys(services)
    return {name: colours[at % len(colours)] for at, name in enumerate(distinct)}


def service_of(instance: str) -> str:
    """The service of an instance: `web` of `web.2`. Its instances share a colour."""
    service, dot, number = instance.rpartition(".")
    return service if dot and service and number.isdecimal() else instance
