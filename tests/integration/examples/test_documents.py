"""The documents agree with the program: definition files are valid, and commands exist."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.named_commands import unknown_commands
from tests.support.repository import REPOSITORY

if TYPE_CHECKING:
    from tests.support.commands import Cli

DOCUMENTS = sorted(
    path
    for path in (REPOSITORY / "docs").rglob("*.md")
    if path.parent != REPOSITORY / "docs/reference"
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
NAMES = {"yaml": "portweave.yaml", "json": "portweave.config.json"}
# Files of other tools begin with their name.
FOREIGN = re.compile(r"# (?!portweave\.yaml)")


def definitions() -> list[tuple[str, str, str]]:
    """Document, file name and text of each definition file in the documents."""
    found: list[tuple[str, str, str]] = []
    for path in DOCUMENTS:
        for kind, text in BLOCK.findall(path.read_text()):
            is_whole = re.search(r'^(services:|\{\s*"services")', text, re.MULTILINE)
            if kind in NAMES and is_whole and not FOREIGN.match(text):
                found.append((str(path.relative_to(REPOSITORY)), NAMES[kind], text))
    return found


@pytest.mark.parametrize(("document", "name", "text"), definitions())
def test_a_definition_file_of_the_documents_is_valid(
    tmp_path: Path, cli: "Cli", document: str, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    done = cli("check", cwd=tmp_path)
    assert done.returncode == 0, f"{document}: {done.stderr}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_the_commands_of_a_document_exist(path: Path) -> None:
    text = path.read_text()
    blocks = [block for kind, block in BLOCK.findall(text) if kind in ("sh", "console", "text", "")]
    spans = re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
    assert unknown_commands([*blocks, *spans]) == []
