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
    """A worktree whose stack is a service of the stack of `project`, started by a shell."""
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
    """The processes of the inner stack."""
    found = stack.supervisor().children(recursive=True)
    return [process for process in found if "slow.py" in process.cmdline()]


def test_services_of_an_inner_stack_have_only_its_tag_and_its_guardian_has_none(
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
        # Everything else is still there.
        assert environ["XDG_STATE_HOME"] == shell.environ()["XDG_STATE_HOME"]
    detached.down()


def test_an_inner_stack_stops_in_its_own_order_when_its_service_stops(
    inner: Path, detached: "Detached"
) -> None:
    detached.down()
    assert (inner / "ends").read_text().splitlines() == ENDS


@pytest.mark.slow
def test_an_inner_stack_stops_in_its_own_order_when_the_outer_supervisor_is_killed(
    inner: Path, detached: "Detached"
) -> None:
    detached.remember_processes()
    guardian = detached.guardian()
    detached.supervisor().kill()
    guardian.wait(10)
    assert (inner / "ends").read_text().splitlines() == ENDS
