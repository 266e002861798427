"""What all errors have in common."""

import ast
import inspect
from importlib import import_module

import pytest

from portweave import errors
from portweave.errors import LONGEST_MESSAGE, PortweaveError
from tests.support.document_tables import error_classes, meaning_and_remedy
from tests.support.repository import REPOSITORY

PACKAGE = REPOSITORY / "portweave/errors"
FAMILIES = sorted(path.stem for path in PACKAGE.glob("*_errors.py"))


def classes_of(family: str) -> list[str]:
    module = import_module(f"portweave.errors.{family}")
    return [
        name
        for name, found in vars(module).items()
        if inspect.isclass(found) and found.__module__ == module.__name__
    ]


def type_checkers_see() -> dict[str, list[str]]:
    """The imports under `TYPE_CHECKING`: module -> names that it exports."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        str(node.module).rpartition(".")[2]: [
            alias.name for alias in node.names if alias.asname == alias.name
        ]
        for node in block.body
        if isinstance(node, ast.ImportFrom) and str(node.module).endswith("_errors")
    }


def test_a_message_is_bounded_and_says_its_full_length() -> None:
    error = PortweaveError("a cycle: " + "name -> " * 1000, hint=("h" * 5000, *["hint"] * 100))
    assert len(error.message) == LONGEST_MESSAGE
    assert error.message.endswith("… (8009 characters in all)")
    assert str(error) == error.message
    assert all(len(hint) <= LONGEST_MESSAGE for hint in error.hints)
    assert error.hints[-1] == "… and 51 more"


def test_a_message_that_is_not_too_long_stays_as_it_is() -> None:
    text = "x" * LONGEST_MESSAGE
    assert PortweaveError(PortweaveError(text).message).message == text


@pytest.mark.parametrize("family", FAMILIES)
def test_the_package_has_each_class_of_a_family(family: str) -> None:
    names = sorted(classes_of(family))
    assert names
    assert sorted(type_checkers_see()[family]) == names
    module = import_module(f"portweave.errors.{family}")
    assert [getattr(errors, name) for name in names] == [getattr(module, name) for name in names]
    assert set(names) <= set(dir(errors))


def test_type_checkers_see_no_other_family() -> None:
    assert sorted(type_checkers_see()) == FAMILIES


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'NoSuchError'"):
        errors.NoSuchError  # type: ignore[attr-defined] # noqa: B018 # pyright: ignore


def test_only_the_codes_of_npm_portweave_are_shared() -> None:
    codes = [kind.code for kind in error_classes()]
    assert {code for code in codes if codes.count(code) > 1} == {"PW0501"}


@pytest.mark.parametrize("kind", tuple(error_classes()))
def test_a_class_says_what_its_code_means_and_what_to_do(kind: type[PortweaveError]) -> None:
    meaning, remedy = meaning_and_remedy(kind)
    assert meaning.endswith(".")
    assert remedy or kind.code == "PW1212"
