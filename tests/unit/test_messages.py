"""The style of texts that users read: error messages, hints, help, tables of the documents."""

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from portweave.arguments.args import Option
from portweave.arguments.global_options import GLOBAL_OPTIONS, VERBS
from portweave.errors import PortweaveError
from tests.support.document_tables import error_classes, error_table, key_table
from tests.unit.test_layout import MODULES

FORBIDDEN = re.compile(
    r"\b(who|whose|whom|whoever|whatever|somebody|nobody|anybody|everybody|he|him|his"
    r"|that of|those that|those of)\b",
    re.IGNORECASE,
)
MOST_WORDS = 25
SAMPLES: dict[str, Any] = {
    "str": "web",
    "int": 4100,
    "float": 1.5,
    "bool": True,
    "list[str]": ["web: starting"],
    "list[int]": [4100],
    "tuple[str, ...]": ("web",),
    "dict[str, object]": {},
}
# What makes an error, or a part of one, from texts.
MAKERS = {
    "add",
    "Advice",
    "Finding",
    "Problem",
    "problem_at",
    "why_not",
    *(kind.__name__ for kind in error_classes()),
}


def sentences(text: str) -> list[str]:
    """The sentences of a text; a list, a semicolon and a colon end one, too."""
    return re.split(r"[.;:?](?=\s|$)|\n\s*\n|\n(?=  )", text)


def faults(text: str) -> list[str]:
    """Where a text breaks the rules."""
    words = [f"{found.group()!r} in {text!r}" for found in FORBIDDEN.finditer(text)]
    long = [part for part in sentences(text) if len(part.split()) > MOST_WORDS]
    return [*words, *(f"{len(part.split())} words: {part.strip()!r}" for part in long)]


def sample(kind: type[PortweaveError]) -> PortweaveError:
    """An error of a class, with a sample for each argument that it needs."""
    needed = (
        parameter
        for parameter in list(inspect.signature(kind.__init__).parameters.values())[1:]
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    )
    return kind(**{parameter.name: SAMPLES[type_of(parameter)] for parameter in needed})


def type_of(parameter: inspect.Parameter) -> str:
    """The annotation of a parameter as text, without alternatives."""
    found = parameter.annotation
    text = found.__name__ if inspect.isclass(found) and not hasattr(found, "__origin__") else found
    return str(text).strip("\"'").split(" |")[0]


def texts_in(node: ast.AST) -> Iterator[str]:
    """The texts in an expression; `X` stands for each value that is put in."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr():
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values
            )
        case _:
            for child in ast.iter_child_nodes(node):
                yield from texts_in(child)


def written_messages() -> Iterator[tuple[str, str]]:
    """Each text in the code that an error, an issue or a finding is made from, with its place."""
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            made = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if made in MAKERS or (name.startswith("portweave.errors") and made == "__init__"):
                for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                    for text in texts_in(argument):
                        yield f"{name}:{node.lineno}", text


def test_what_a_fault_is() -> None:
    assert faults("No stack is running; start it with portweave up.") == []
    assert faults("it is somebody else's") == ["'somebody' in \"it is somebody else's\""]
    assert faults("a: " + "word " * 25) == []
    assert len(faults("a: " + "word " * 26)) == 1


@pytest.mark.parametrize("kind", tuple(error_classes()))
def test_an_error_has_plain_words_and_short_sentences(kind: type[PortweaveError]) -> None:
    error = sample(kind)
    assert [fault for text in (error.message, *error.hints) for fault in faults(text)] == []


def test_written_messages_have_plain_words_and_short_sentences() -> None:
    found = [f"{place}: {fault}" for place, text in written_messages() for fault in faults(text)]
    assert found == []


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_has_plain_words_and_short_sentences(verb: str) -> None:
    module = import_module(f"portweave.cli.verbs.{verb}")
    options: tuple[Option, ...] = (*GLOBAL_OPTIONS, *module.OPTIONS)
    texts = (VERBS[verb], module.HELP, *(option.help for option in options))
    assert [fault for text in texts for fault in faults(text)] == []


def test_the_tables_of_the_documents_have_plain_words_and_short_sentences() -> None:
    cells = [cell for row in (*error_table(), *key_table()) for cell in row.split(" | ")]
    assert [fault for cell in cells for fault in faults(cell)] == []
