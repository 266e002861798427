"""Read the long texts of errors, which lie beside their classes in `portweave/errors/*.toml`."""

import inspect
import tomllib
from importlib import import_module
from importlib.resources import files

from portweave import errors
from portweave.encoding.value import value
from portweave.errors import PortweaveError

PARTS = ("cause", "example", "remedy")


@value
class ErrorText:
    """The long text of a code.

    Attributes:
        code: The code.
        title: What it means, in one sentence or two.
        cause: Why it happens: paragraphs, which may be wrapped.
        example: Lines that lead to it, or show it.
        remedy: What to do: paragraphs.
    """

    code: str
    title: str
    cause: str
    example: str
    remedy: str


def all_texts() -> dict[str, ErrorText]:
    """Return the long text of each code, in the order of the codes."""
    titles = _titles()
    found: dict[str, ErrorText] = {}
    for file in files(errors).iterdir():
        if file.name.endswith(".toml"):
            for code, parts in tomllib.loads(file.read_text(encoding="utf-8")).items():
                texts = (str(parts[part]).strip("\n") for part in PARTS)
                found[code] = ErrorText(code, titles[code], *texts)
    return dict(sorted(found.items()))


def _titles() -> dict[str, str]:
    """The meaning of each code: of errors, and of findings of `portweave doctor`."""
    from portweave.maintenance.findings import CODES

    titles = {code: meaning for code, (meaning, _) in CODES.items()}
    families = [
        name.removesuffix(".toml")
        for name in (file.name for file in files(errors).iterdir())
        if name.endswith("_errors.toml")
    ]
    for family in sorted(families):
        for kind in vars(import_module(f"portweave.errors.{family}")).values():
            if not isinstance(kind, type) or not issubclass(kind, PortweaveError):
                continue
            if kind is not PortweaveError:
                meaning = " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())
                before = titles.get(kind.code, "")
                told = f"{before} {meaning}".strip()
                titles[kind.code] = before if meaning in before else told
    return titles


def nearest_code(word: str, codes: "tuple[str, ...]") -> str | None:
    """Return the code that is meant by another word, such as `pw102`; None for no code.

    Args:
        word: The word.
        codes: All codes.
    """
    from difflib import SequenceMatcher

    digits = "".join(letter for letter in word if letter.isascii() and letter.isdigit())
    if not digits:
        return None
    meant = f"PW{digits.zfill(4)}"
    if meant in codes:
        return meant

    def likeness(code: str) -> tuple[bool, bool, float]:
        # The first two digits are the family. Then two digits may have changed places.
        likely = SequenceMatcher(None, code, meant).ratio()
        return code[:4] == meant[:4], sorted(code) == sorted(meant), likely

    return max(codes, key=likeness)
