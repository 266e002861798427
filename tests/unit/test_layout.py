"""The layout in the repository is the one in ARCHITECTURE.md and CONTRIBUTING.md."""

import ast
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

ROOMS = ("supervisor", "allocator", "procfiles")
PUBLIC = {"runtime", "routes", "leases", "cluster", "calls", "pytest_plugin", "errors"}
# The modules that may be at the top of `portweave/`.
TOP = {"__init__", "__main__", *PUBLIC}


def modules() -> dict[str, Path]:
    """Return all modules by their dotted names."""
    found: dict[str, Path] = {}
    for top in ("portweave", *ROOMS):
        for path in sorted((REPOSITORY / top).rglob("*.py")):
            parts = path.relative_to(REPOSITORY).with_suffix("").parts
            if parts[0] == "portweave" and len(parts) > 1 and parts[1] in ROOMS:
                continue  # the links
            name = "portweave." + ".".join(parts).removeprefix("portweave.")
            found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def listed_as_pure() -> set[str]:
    config = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    contracts = config["tool"]["importlinter"]["contracts"]
    return {
        name
        for contract in contracts
        if contract["name"] == "decisions do no I/O"
        for name in contract["source_modules"]
    }


def test_docstrings_and_the_contract_agree_on_what_is_pure() -> None:
    said = {name for name, path in MODULES.items() if docstring(path).startswith("Pure.")}
    assert said == listed_as_pure()


@pytest.mark.parametrize("name", sorted(n for n, p in MODULES.items() if p.stem == "__init__"))
def test_a_package_says_what_is_in_it(name: str) -> None:
    assert docstring(MODULES[name])


def test_the_top_of_the_public_package_is_its_public_face() -> None:
    found = {path.stem for path in (REPOSITORY / "portweave").glob("*.py")}
    assert found <= TOP


def test_no_two_modules_of_a_part_have_one_name() -> None:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, path in MODULES.items():
        if path.stem == "__init__" or ".verbs." in name:
            continue
        top = name.split(".")[1] if name.split(".")[1] in ROOMS else ""
        found[top, path.stem].append(name)
    assert [names for names in found.values() if len(names) > 1] == []


def test_nothing_else_bears_the_name_of_a_public_face() -> None:
    assert [
        name
        for name, path in MODULES.items()
        if name.count(".") > 1 and path.stem in PUBLIC and ".verbs." not in name
    ] == []


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_paths_in_documents_exist(document: str) -> None:
    text = (REPOSITORY / document).read_text()
    named = re.findall(
        r"`((?:portweave|supervisor|allocator|procfiles|tests|docs)/[\w/.-]*)`", text
    )
    assert document == "SECURITY.md" or named
    assert [path for path in named if not (REPOSITORY / path).exists()] == []


def test_every_package_has_a_line_in_the_architecture() -> None:
    text = (REPOSITORY / "ARCHITECTURE.md").read_text()
    packages = {
        path.parent.relative_to(REPOSITORY).as_posix()
        for path in MODULES.values()
        if path.stem == "__init__"
    } - {"portweave", *ROOMS}
    # The line of a package covers the packages within it.
    missing = [
        package
        for package in packages
        if f"`{package}/`" not in text and f"`{package.split('/')[-1]}/`" not in text
    ]
    assert missing == []
