"""How much short commands import: the time of such a command is mostly that of its imports."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import Cli
from tests.support.run_command import Repo

JSON = ("portweave.config.json", '{"services": {"web": {"envVar": "WEB_PORT"}}}')
PROCFILE = ("Procfile", "web: sleep 1\n")
# An import of any of these takes as long as ten modules of portweave's or more.
SLOW = (
    *("argparse", "asyncio", "contextlib", "ctypes", "dataclasses", "enum", "inspect", "json"),
    *("logging", "pathlib", "pickle", "psutil", "re", "rich", "shlex", "signal", "socket"),
    *("subprocess", "typing", "yaml"),
)
NEEDED = {"env web": ["enum", "re"], "ls": ["enum"]}
# `run` becomes its command; here it ends instead.
CODE = """
import os, sys

def end(*args):
    ours = sorted(name for name in sys.modules if name.split(".")[0] == "portweave")
    slow = sorted(set({slow!r}) & (set(sys.modules) - before))
    with open({found!r}, "w") as file:
        print(*ours, sep=" ", file=file)
        print(*slow, sep=" ", file=file)
    os._exit(0)

os.execve = end
before = set(sys.modules)
from portweave.cli.entry import main
main({words!r})
end()
"""


@pytest.mark.parametrize(
    ("words", "file", "most"),
    [
        ("-V", JSON, 20),
        ("run -- true", JSON, 48),
        ("run -- true", PROCFILE, 45),
        ("show", JSON, 47),
        ("show --json", JSON, 47),
        ("port web", JSON, 47),
        ("env", JSON, 48),
        ("env web", JSON, 69),
        ("url web", JSON, 64),
        ("check", JSON, 40),
        ("ls", JSON, 40),
    ],
)
def test_a_short_command_imports_little(
    cli: Cli, repo: Repo, tmp_path: Path, words: str, file: tuple[str, str], most: int
) -> None:
    (root,) = repo(0)
    (root / file[0]).write_text(file[1])
    # The ports are given before: most commands find them.
    assert cli("port", "web", cwd=root).returncode == 0
    found = tmp_path / "found"
    code = CODE.format(slow=SLOW, words=words.split(), found=str(found))
    subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=root,
        env=cli.environ,
        capture_output=True,
        check=True,
    )
    ours, slow = (line.split() for line in found.read_text().splitlines())
    assert slow == NEEDED.get(words, [])
    assert len(ours) <= most, ours
