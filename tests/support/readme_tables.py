"""The README's tables that `make readme` writes from the code."""

import inspect
from collections import defaultdict
from collections.abc import Iterator, Sequence

from portweave import errors
from portweave.errors import PortweaveError
from portweave.maintenance.findings import CODES
from portweave.procfiles.definition_keys import SERVICE
from tests.support.repository import REPOSITORY

README = REPOSITORY / "README.md"


def error_classes() -> Iterator[type[PortweaveError]]:
    """Return all classes of `portweave.errors` with their own code."""
    for name in dir(errors):
        kind = getattr(errors, name)
        if (
            isinstance(kind, type)
            and issubclass(kind, PortweaveError)
            and kind is not PortweaveError
        ):
            yield kind


def meaning_and_remedy(kind: type[PortweaveError]) -> tuple[str, str]:
    """Return the first paragraph of a class's docstring, and its paragraph `What to do:`."""
    meaning, *others = (" ".join(p.split()) for p in (inspect.getdoc(kind) or "").split("\n\n"))
    remedies = (p.removeprefix("What to do: ") for p in others if p.startswith("What to do: "))
    return meaning, next(remedies, "")


def error_table() -> list[str]:
    """Return the lines of the table of codes: errors, and findings of `portweave doctor`."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for kind in error_classes():
        found[kind.code].append(meaning_and_remedy(kind))
    for code, texts in CODES.items():
        found[code].append(texts)
    rows = [
        (
            code,
            *(
                "; ".join(text.removesuffix(".") for text in column)
                for column in zip(*texts, strict=True)
            ),
        )
        for code, texts in sorted(found.items())
    ]
    return table(("code", "means", "what to do"), rows)


def key_table() -> list[str]:
    """Return the lines of the table of a service's keys in definition files."""
    rows = [
        (f"`{key.name}`", key.meaning.removesuffix("."))
        for key in SERVICE
        if key.schema is not None and "deprecated" not in key.schema
    ]
    return table(("key of a service", "meaning"), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Format a table in Markdown; an empty cell gets a dash."""
    lines = [" | ".join(cell or "-" for cell in row) for row in (head, *rows)]
    return [f"| {lines[0]} |", "|" + "---|" * len(head), *(f"| {line} |" for line in lines[1:])]


TABLES = {"errors": error_table, "keys": key_table}


def with_tables(text: str) -> str:
    """Return the text of the README with new tables."""
    for name, write in TABLES.items():
        # A table is between its mark and the next empty line.
        before, mark, after = text.partition(f"<!-- table: {name} -->\n")
        assert mark, name
        text = before + mark + "\n".join(write()) + after[after.index("\n\n") :]
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
