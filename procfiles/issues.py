"""Pure. Collect the problems of definition files and raise them as one error."""

from portweave import errors
from portweave.errors import shortened
from portweave.procfiles.model import Origin
from portweave.procfiles.tree import Document, Keys, dotted

# The most problems with a suggestion, and the most names in a hint: you read no more.
_MOST_EXPLAINED = 10


class Issue:
    """One problem of a definition file.

    Attributes:
        keys: The path of the value in the document.
        message: npm portweave's text where it has the same check.
        notes: The path of each place, and a hint for it ("" for none).
        origin: The place, where it is not in the document.
    """

    __slots__ = ("keys", "message", "notes", "origin")

    def __init__(
        self,
        keys: Keys,
        message: str,
        notes: tuple[tuple[Keys, str], ...],
        origin: Origin | None = None,
    ) -> None:
        self.keys = keys
        self.message = message
        self.notes = notes
        self.origin = origin


class Issues:
    """The problems found so far, in order."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: list[Issue] = []

    def add(
        self,
        keys: Keys,
        message: str,
        hint: str = "",
        *,
        notes: tuple[tuple[Keys, str], ...] = (),
        origin: Origin | None = None,
    ) -> None:
        """Add a problem.

        Args:
            keys: The path of the value in the document.
            message: The error's text.
            hint: What to do about it; "" for nothing.
            notes: Paths and hints in place of `keys` and `hint`, where it has several places.
            origin: The place, where it is not in the document.
        """
        self.found.append(Issue(keys, message, notes or ((keys, hint),), origin))

    def nearest(self, word: str, known: list[str]) -> str | None:
        """The known name nearest to a word, only for the first problems: the search is slow.

        Args:
            word: The unknown word.
            known: The known names.
        """
        return nearest(word, known) if len(self.found) < _MOST_EXPLAINED else None

    def meant(self, word: str, known: list[str]) -> str:
        """A hint with the known name nearest to a word, or with the known names.

        Args:
            word: The unknown word.
            known: The known names.
        """
        near = self.nearest(word, known)
        if near is not None:
            return f"did you mean {near}?"
        more = f" and {len(known) - _MOST_EXPLAINED} more" if len(known) > _MOST_EXPLAINED else ""
        return f"there are {', '.join(known[:_MOST_EXPLAINED])}{more}"

    def raise_found(self, document: Document | None, shown: dict[str, str]) -> None:
        """Raise one error for all problems found so far; return where there are none.

        Args:
            document: The document of the issues without an origin.
            shown: File to its path as messages show it.

        Raises:
            DefinitionsInvalidError: It has a line `<path>: <message>` for each issue, and a hint
                `<file>:<line>:<column>: …` for each place.
        """
        if not self.found:
            return
        details: list[dict[str, object]] = []
        hints: list[str] = []
        for issue in self.found:
            for number, (keys, text) in enumerate(issue.notes):
                origin = issue.origin or (document.origin(keys) if document else Origin(""))
                place = f"{shown.get(origin.path, origin.path)}:{origin.line}:{origin.column}"
                hints.append(f"{place}: {dotted(keys)}" + (f": {text}" if text else ""))
                if number == 0:
                    details.append(
                        {
                            "file": origin.path,
                            "line": origin.line,
                            "column": origin.column,
                            "path": dotted(keys),
                            "message": shortened(issue.message),
                        }
                    )
        first = {key: value for key, value in details[0].items() if key != "message"}
        raise errors.DefinitionsInvalidError(
            "\n".join(f"{dotted(issue.keys)}: {issue.message}" for issue in self.found),
            hint=tuple(hints),
            **first,
            issues=details,
        )


def nearest(word: str, known: "tuple[str, ...] | list[str]") -> str | None:
    """The known word nearest to `word`; None where no word is near."""
    # Imported here: only errors need it.
    from difflib import get_close_matches

    found = get_close_matches(word[:100], known, n=1, cutoff=0.6)
    return found[0] if found else None
