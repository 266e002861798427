"""Pure. Signs in portweave's output on a terminal, in Unicode or in ASCII by the locale."""

from portweave.encoding.value import value

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping


@value
class Marks:
    """The signs of one output.

    Attributes:
        info: Before a change that is neither good nor bad.
        good: Before a success.
        bad: Before a failure.
        warning: Before what needs attention.
        dot: Between parts of a line.
        arrow: From a name to what it stands for.
        cut: In place of what is left out.
    """

    info: str = "▸"
    good: str = "✓"
    bad: str = "✗"
    warning: str = "!"
    dot: str = "·"
    arrow: str = "→"
    cut: str = "…"


UNICODE = Marks()
ASCII = Marks(info=">", good="+", bad="x", dot="-", arrow="->", cut="~")


def marks_of(environ: "Mapping[str, str]") -> Marks:
    """The signs for the locale of an environment."""
    return UNICODE if is_utf8(environ) else ASCII


def is_utf8(environ: "Mapping[str, str]") -> bool:
    """Whether the characters of the locale are UTF-8: by LC_ALL, LC_CTYPE, LANG (setlocale(3)).

    Python sets LC_CTYPE to C.UTF-8 in the locale C (PEP 538). A LANG of C was meant, and holds.
    """
    lang = environ.get("LANG", "")
    kind = environ.get("LC_CTYPE", "")
    if kind in ("C.UTF-8", "C.utf8", "UTF-8") and lang in ("C", "POSIX"):
        kind = lang
    locale = environ.get("LC_ALL") or kind or lang
    codeset = locale.partition("@")[0].rpartition(".")[2]
    return codeset.replace("-", "").lower() == "utf8"
