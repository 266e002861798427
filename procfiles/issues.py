"""Pure. Problems of definition files, collected and put into one error."""

from portweave import errors
from portweave.errors import shortened
from portweave.procfiles.model import Origin
from portweave.procfiles.tree import Document, Keys, dotted

# Only so many problems get a suggestion: people read no more.
_MOST_EXPLAINED = 10


class Issue:
    """One problem.

    Attributes:
        keys: The path of the value.
        message: In npm portweave's words where it has any.
        notes: The path of each place, and what was probably meant there ("" if unknown).
        origin: The place, if it is not in the document.
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
        """Add one; `notes` in place of `hint` where several keys are meant."""
        self.found.append(Issue(keys, message, notes or ((keys, hint),), origin))

    def nearest(self, word: str, known: list[str]) -> str | None:
        """What a word was meant to be, for the first problems: each look costs one at every name.

        Args:
            word: What was written.
            known: The names that there are.
        """
        return nearest(word, known) if len(self.found) < _MOST_EXPLAINED else None

    def meant(self, word: str, known: list[str]) -> str:
        """A hint at which of the known names a word was meant to be, or at what names there are.

        Args:
            word: What was written.
            known: The names that there are.
        """
        near = self.nearest(word, known)
        if near is not None:
            return f"did you mean {near}?"
        more = f" and {len(known) - _MOST_EXPLAINED} more" if len(known) > _MOST_EXPLAINED else ""
        return f"there are {', '.join(known[:_MOST_EXPLAINED])}{more}"

    def raise_found(self, document: Document | None, shown: dict[str, str]) -> None:
        """Raise what was found, if anything was.

        Args:
            document: Where issues stand that have no origin of their own.
            shown: File to its path for people.

        Raises:
            DefinitionsInvalidError: With a line for each issue, `<path>: <message>`, and a hint for
                each place, `<file>:<line>:<column>: …`.
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
    """The known word that `word` was probably meant to be."""
    # An import for errors alone.
    from difflib import get_close_matches

    found = get_close_matches(word[:100], known, n=1, cutoff=0.6)
    return found[0] if found else None
