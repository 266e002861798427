"""A stack in the foreground that is a service of another one."""

from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.stacks import (
    CHAIN,
    ENDS,
    RELUCTANT,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Git
    from tests.support.detached_stacks import Detached

MARKS = {"PORTWEAVE_SOCKET", "PORTWEAVE_TOKEN", "PORTWEAVE_INVOCATION", "PORTWEAVE_NAME"}


@pytest.fixture
def inner(project: Path, git: "Git", detached: "Detached") -> Path:
    """A worktree whose stack is a service of that of `project`, by way of a shell."""
    root = project / "inner"
    root.mkdir()
    git("init", "-q", cwd=root)
    (root / "slow.py").write_text(RELUCTANT)
    write(root, CHAIN)
    command = "cd inner; portweave up --no-color; echo over"
    write(project, f"services: {{stack: {{command: '{command}', ready: {{log: all ready in}}}}}}\n")
    detached.up()
    return root


def services_of(stack: "Detached") -> list[psutil.Process]:
    """Those of the inner stack."""
    found = stack.supervisor().children(recursive=True)
    return [process for process in found if "slow.py" in process.cmdline()]


def test_its_services_carry_the_marks_of_their_own_stack_alone_and_its_guardian_none(
    inner: Path, detached: "Detached"
) -> None:
    [shell] = detached.supervisor().children()
    services = services_of(detached)
    assert len(services) == 3
    for process in services:
        environ, outer = process.environ(), shell.environ()
        assert environ["PORTWEAVE_WORKTREE"] == str(inner)
        assert not [name for name in MARKS if environ[name] == outer[name]]
    guardian = next(one for one in shell.children() if "up" in one.cmdline())
    for process in (guardian, *guardian.children()):
        environ = process.environ()
        assert not MARKS & environ.keys()
        # All else is there still.
        assert environ["XDG_STATE_HOME"] == shell.environ()["XDG_STATE_HOME"]
    detached.down()


def test_it_ends_in_its_own_order_with_the_service_that_it_is(
    inner: Path, detached: "Detached"
) -> None:
    detached.down()
    assert (inner / "ends").read_text().splitlines() == ENDS


@pytest.mark.slow
def test_so_it_does_when_the_outer_supervisor_is_killed(inner: Path, detached: "Detached") -> None:
    detached.look()
    guardian = detached.guardian()
    detached.supervisor().kill()
    guardian.wait(10)
    assert (inner / "ends").read_text().splitlines() == ENDS
