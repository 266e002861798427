"""Commands that `portweave top` runs in a worktree."""

import asyncio
from pathlib import Path

from portweave.panel.worktrees import Worktrees
from portweave.top.stack_rows import Stack
from portweave.top.verb_commands import Answer, VerbCommands
from tests.support.commands import Cli


def answer_of(cli: Cli, folder: Path, *words: str) -> Answer:
    environ = cli.env({"FORCE_COLOR": "1"})
    commands = VerbCommands(environ, Worktrees(environ), has_colour=True)
    stack = Stack("x", "shop", "main", str(folder))
    return asyncio.run(commands.run(stack, words))


def test_a_failure_has_its_code_and_hints_whatever_the_colours(cli: Cli, tmp_path: Path) -> None:
    # What why prints is shown, so it has colours; those of its errors are removed.
    failure = answer_of(cli, tmp_path, "why", "web").failure
    assert failure is not None
    assert failure.code == "PW1001"
    assert failure.text.startswith("no stack is running")
    assert failure.hints


def test_a_stack_whose_folder_is_gone_is_named(cli: Cli, tmp_path: Path) -> None:
    failure = answer_of(cli, tmp_path / "gone", "stop", "web").failure
    assert failure is not None
    assert failure.text == "no stack is running as shop/main"
