"""The README agrees with the code."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.arguments.global_options import VERBS
from tests.support.readme_tables import error_classes, with_tables
from tests.support.repository import REPOSITORY

if TYPE_CHECKING:
    from tests.support.commands import Cli

README = (REPOSITORY / "README.md").read_text()


def test_its_tables_are_those_of_the_code() -> None:
    assert with_tables(README) == README, "make readme"


def test_every_code_is_raised_in_a_test() -> None:
    tests = "".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    missing = {
        kind.code
        for kind in error_classes()
        if kind.code not in tests and kind.__name__ not in tests
    }
    assert missing == set()


def test_the_command_table_has_every_command() -> None:
    rows = re.findall(r"^\| `([a-z]+)[^`]*` \|", README, re.MULTILINE)
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
