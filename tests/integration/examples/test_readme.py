"""The README and the reference documents agree with the code."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.arguments.global_options import VERBS
from tests.support.document_tables import TABLES, error_classes, with_table
from tests.support.manual_pages import FOLDER, manual_pages
from tests.support.repository import REPOSITORY

if TYPE_CHECKING:
    from tests.support.commands import Cli

README = (REPOSITORY / "README.md").read_text()


def test_the_tables_of_the_documents_are_those_of_the_code() -> None:
    for name, document, write in TABLES:
        text = document.read_text()
        assert with_table(text, name, write()) == text, "make documents"


def test_the_manual_pages_are_those_of_the_commands() -> None:
    found = {path.name: path.read_text() for path in FOLDER.iterdir()}
    assert found == manual_pages(), "make documents"


def test_the_readme_is_short() -> None:
    assert len(README.encode()) <= 8_000


def test_every_code_is_raised_in_a_test() -> None:
    tests = "".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    missing = {
        kind.code
        for kind in error_classes()
        if kind.code not in tests and kind.__name__ not in tests
    }
    assert missing == set()


def test_the_command_table_has_every_command() -> None:
    commands = (REPOSITORY / "docs/commands.md").read_text()
    rows = re.findall(r"^\| `([a-z]+)[^`]*` \|", commands, re.MULTILINE)
    assert set(VERBS) <= set(rows)


EXAMPLES = re.findall(r"<!-- example: (\S+) -->\n```\w*\n(.*?)```", README, re.DOTALL)


def test_it_has_definition_files() -> None:
    assert len(EXAMPLES) == README.count("<!-- example:") > 0


@pytest.mark.parametrize(
    ("name", "text"),
    EXAMPLES,
    ids=lambda value: value if "\n" not in value else "",
)
def test_its_definition_files_are_valid(tmp_path: Path, cli: "Cli", name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    done = cli("check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_its_two_commands_are_those_of_the_makefile() -> None:
    first_screen = README[: README.index("## Install")]
    makefile = (REPOSITORY / "Makefile").read_text()
    for command in ("up", "test"):
        assert f"$ make {command}" in first_screen
        assert re.search(rf"^{command}: ", makefile, re.MULTILINE)


def test_the_control_sockets_methods_are_documented() -> None:
    text = (REPOSITORY / "docs/control.md").read_text()
    told = set(re.findall(r"^\| `/supervisor/([a-z]+)` \|", text, re.MULTILINE))
    source = (REPOSITORY / "supervisor/control/commands.py").read_text()
    assert told == set(
        re.findall(r'^            "([a-z]+)": [a-z]+\.[a-z]+,$', source, re.MULTILINE)
    )
