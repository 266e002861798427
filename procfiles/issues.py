"""Pure. Collect the problems of definition files and raise them as one error."""

import posixpath

from portweave import errors
from portweave.errors import shortened
from portweave.procfiles.model import Origin
from portweave.procfiles.tree import Document, Keys, dotted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.errors.problem import Problem

# The most problems with a suggestion, and the most names in a hint: you read no more.
_MOST_EXPLAINED = 10


class Spot:
    """What a terminal marks for a problem, where it is not the plain value.

    Attributes:
        keys: The path of the value; None for the path of the note.
        of_key: Whether it is the key.
        word: The part of the value.
    """

    __slots__ = ("keys", "of_key", "word")

    def __init__(self, keys: Keys | None = None, *, of_key: bool = False, word: str = "") -> None:
        self.keys = keys
        self.of_key = of_key
        self.word = word


class Issue:
    """One problem of a definition file.

    Attributes:
        keys: The path of the value in the document.
        message: npm portweave's text where it has the same check.
        notes: The path of each place, and a hint for it ("" for none).
        origin: The place, where it is not in the document.
        spot: What a terminal marks.
    """

    __slots__ = ("keys", "message", "notes", "origin", "spot")

    def __init__(
        self,
        keys: Keys,
        message: str,
        notes: tuple[tuple[Keys, str], ...],
        origin: Origin | None = None,
        spot: "Spot | None" = None,
    ) -> None:
        self.keys = keys
        self.message = message
        self.notes = notes
        self.origin = origin
        self.spot = spot or Spot()


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
        spot: Spot | None = None,
    ) -> None:
        """Add a problem.

        Args:
            keys: The path of the value in the document.
            message: The error's text.
            hint: What to do about it; "" for nothing.
            notes: Paths and hints in place of `keys` and `hint`, where it has several places.
            origin: The place, where it is not in the document.
            spot: What a terminal marks.
        """
        self.found.append(Issue(keys, message, notes or ((keys, hint),), origin, spot))

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

    def raise_found(
        self,
        document: Document | None,
        shown: dict[str, str],
        texts: dict[str, str] | None = None,
    ) -> None:
        """Raise one error for all problems found so far; return where there are none.

        Args:
            document: The document of the issues without an origin.
            shown: File to its path as messages show it.
            texts: File to its text, for the lines that a terminal shows.

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
        problems = _problems(self.found, document, shown, texts or {})
        if document is not None and _is_compose_file(document):
            # This explains all the others.
            whole = problems[0]
            place = f"{whole.path}:{whole.line}:{whole.column}"
            hints.insert(0, f"{place}: {whole.sentence}")
        error = errors.DefinitionsInvalidError(
            "\n".join(f"{dotted(issue.keys)}: {issue.message}" for issue in self.found),
            hint=tuple(hints),
            **first,
            issues=details,
        )
        error.problems = problems
        raise error


def _problems(
    issues: list[Issue], document: Document | None, shown: dict[str, str], texts: dict[str, str]
) -> "tuple[Problem, ...]":
    """The problems as a terminal shows them, in the order of the files.

    Args:
        issues: The problems.
        document: The document of the issues without an origin.
        shown: File to its path as messages show it.
        texts: File to its text.
    """
    if document is not None and _is_compose_file(document):
        return (_compose_problem(document, shown, texts),)
    # Split once: there may be thousands of problems.
    lines = {path: text.split("\n") for path, text in texts.items()}
    lacks_services = any(_lacks_services(issue) for issue in issues)
    is_misspelt = any(
        hint == "did you mean services?" for issue in issues for _, hint in issue.notes
    )
    found = [
        _problem(issue, keys, hint, document, shown, lines)
        for issue in issues
        for keys, hint in issue.notes
        # A misspelt key, or keys that belong below it, explain the missing one.
        if not (is_misspelt and _lacks_services(issue))
        if hint or not (lacks_services and issue.keys == () and not is_misspelt)
    ]
    return tuple(sorted(found, key=lambda problem: (problem.path, problem.line, problem.column)))


def _lacks_services(issue: Issue) -> bool:
    return issue.keys == ("services",) and issue.message.endswith("received undefined")


def _is_compose_file(document: Document) -> bool:
    from portweave.procfiles.other_tools import is_compose_file

    return is_compose_file(posixpath.basename(document.path), document.value)


def _compose_problem(document: Document, shown: dict[str, str], texts: dict[str, str]) -> "Problem":
    """The one problem of a Docker Compose file."""
    from portweave.errors.problem import problem_at

    services = document.value["services"] if isinstance(document.value, dict) else None
    assert isinstance(services, dict)
    keys: Keys = next(
        ("services", name, key)
        for name, member in services.items()
        if isinstance(member, dict)
        for key in member
        if key in ("image", "build")
    )
    line, column, token = document.mark(keys, of_key=True)
    is_ours = posixpath.basename(document.path).startswith("portweave.")
    keep = "rename it to compose.yaml" if is_ours else "leave it as it is"
    return problem_at(
        "this is a Docker Compose file: portweave starts commands, not images",
        shown.get(document.path, document.path),
        texts.get(document.path),
        line,
        column,
        token=token,
        hint=f"{keep}, and create a Procfile:\n{keys[1]}: docker compose up {keys[1]}"
        "\nweb: npm start",
    )


def _problem(
    issue: Issue,
    keys: Keys,
    hint: str,
    document: Document | None,
    shown: dict[str, str],
    lines: dict[str, list[str]],
) -> "Problem":
    """A problem as a terminal shows it.

    Args:
        issue: The problem.
        keys: The path of the place.
        hint: The hint for the place.
        document: The document of an issue without an origin.
        shown: File to its path as messages show it.
        lines: File to its lines.
    """
    # Imported here: only errors need them.
    from portweave.errors.problem import problem_on
    from portweave.procfiles.sentences import hint_for, is_about_key, sentence

    of_key = issue.spot.of_key or is_about_key(keys, issue.message)
    spot = issue.spot
    if issue.origin is not None or document is None:
        origin = issue.origin or Origin("")
        path, line, column = origin.path, origin.line, origin.column
        token = str(keys[-1]) if keys else ""
    else:
        path = document.path
        line, column, token = document.mark(spot.keys or keys, of_key=of_key)
    known = lines.get(path, [])
    return problem_on(
        sentence(issue.keys, issue.message, keys),
        shown.get(path, path),
        known[line - 1].rstrip("\r") if line <= len(known) else None,
        line,
        column,
        token=token,
        word=spot.word,
        hint=hint_for(keys, issue.message, hint),
    )


def nearest(word: str, known: "tuple[str, ...] | list[str]") -> str | None:
    """The known word nearest to `word`; None where no word is near."""
    # Imported here: only errors need it.
    from difflib import get_close_matches

    found = get_close_matches(word[:100], known, n=1, cutoff=0.6)
    return found[0] if found else None
