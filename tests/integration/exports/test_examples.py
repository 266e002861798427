"""The examples are exported, and only what no format can express is lost."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.repository import REPOSITORY

if TYPE_CHECKING:
    from tests.support.commands import Cli


@pytest.mark.parametrize(
    ("name", "form", "lost"),
    [
        ("shop", "systemd", {"ready"}),
        ("shop", "compose", {"ready"}),
        ("shop", "kubernetes", {"ready"}),
        ("calls", "systemd", {"calls"}),
        ("calls", "compose", {"calls", "image"}),
        ("calls", "kubernetes", {"calls", "image", "dependsOn"}),
    ],
)
def test_an_example_loses_only_what_a_format_cannot_express(
    cli: "Cli", tmp_path: Path, name: str, form: str, lost: set[str]
) -> None:
    root = Path(shutil.copytree(REPOSITORY / "examples" / name, tmp_path / name))
    words = () if form == "systemd" else ("--dockerfiles", "docker")
    done = cli("export", form, *words, "--json", cwd=root)
    assert done.returncode == 0, done.stderr
    remarks = json.loads(done.stdout)["remarks"]
    assert {one["key"] for one in remarks if one["kind"] == "lost"} == lost
