"""The tables of the documents that `make documents` writes from the code."""

import inspect
from collections import defaultdict
from collections.abc import Iterator, Sequence

from portweave import errors
from portweave.errors import PortweaveError
from portweave.maintenance.findings import CODES
from portweave.procfiles.definition_keys import SERVICE
from tests.support.manual_pages import write_manual_pages
from tests.support.repository import REPOSITORY

DOCUMENTS = REPOSITORY / "docs"


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


# Each table, the document that has it, and what writes it.
TABLES = (
    ("errors", DOCUMENTS / "errors.md", error_table),
    ("keys", DOCUMENTS / "definition-files.md", key_table),
)


def with_table(text: str, name: str, lines: Sequence[str]) -> str:
    """Return the text of a document with a new table.

    Args:
        text: The text.
        name: The name in the mark before the table.
        lines: The table.
    """
    # A table is between its mark and the next empty line.
    before, mark, after = text.partition(f"<!-- table: {name} -->\n")
    assert mark, name
    _, gap, rest = after.partition("\n\n")
    return before + mark + "\n".join(lines) + (gap + rest or "\n")


if __name__ == "__main__":
    for name, document, write in TABLES:
        document.write_text(with_table(document.read_text(), name, write()))
    write_manual_pages()
