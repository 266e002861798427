"""Definition files, worktree and environment in; ports and variables out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from portweave.errors import PortOverrideError
from portweave.planning.allocation import allocate
from portweave.planning.project import find_project
from tests.support.ports import Pool

Repo = Callable[[int], list[Path]]

FILE = """
services:
  web: {command: x, scale: 2}
  api: {command: x, envVar: API}
  job: {command: x, port: false}
"""


@pytest.fixture
def root(repo: Repo) -> Path:
    (path,) = repo(0)
    (path / "portweave.yaml").write_text(FILE)
    return path


def test_the_user_may_override_the_port_of_a_service(
    root: Path, environ: dict[str, str], pool: Pool
) -> None:
    (root / ".env").write_text("WEB_PORT=4001\nAPI=4002\nOTHER=1\n")
    project = find_project(
        str(root), config=None, count=None, environ=environ | {"API": "4003"}, scale={"web": 3}
    )
    allocated = allocate(project)
    start = pool.start
    assert allocated.ports == {
        "web": start,
        "web.2": start + 1,
        "web.3": start + 2,
        "api": start + 3,
    }
    assert allocated.effective_ports() == {
        "web": 4001,
        "web.2": start + 1,
        "web.3": start + 2,
        "api": 4003,
    }
    assert "OTHER" not in allocated.dotenv
    assert "OTHER" not in allocated.env


@pytest.mark.parametrize("value", ["", "0", "65536", "80a", " 80", "-1", "٣", "9" * 5000])
def test_what_is_no_port_is_refused(value: str, root: Path, environ: dict[str, str]) -> None:
    project = find_project(
        str(root), config=None, count=None, environ=environ | {"API": value}, scale=None
    )
    allocated = allocate(project)
    with pytest.raises(PortOverrideError, match=r'override for API \(service "api"\) is') as caught:
        allocated.effective_ports()
    assert caught.value.code == "PW0503"


def test_variables_of_an_outer_portweave_do_not_override_ports(
    root: Path, environ: dict[str, str], pool: Pool
) -> None:
    outer = {"API": "4003", "PORTWEAVE_WORKTREE": "/other", "PORTWEAVE_NAMESPACE": "other"}
    allocated = allocate(find_project(str(root), config=None, count=None, environ=environ | outer))
    assert allocated.effective_ports()["api"] == pool.start + 2
    assert allocated.project.worktree.namespace == "main"
    assert allocated.inherited == {}


def test_a_project_has_the_name_of_its_definitions_or_of_its_main_worktree(
    repo: Repo, environ: dict[str, str]
) -> None:
    main, linked = repo(1)
    (linked / "Procfile").write_text("web: x\n")
    assert find_project(str(linked), config=None, count=None, environ=environ).name == main.name
    (linked / "portweave.yaml").write_text("projectName: My Shop\nservices: {api: {command: x}}\n")
    assert find_project(str(linked), config=None, count=None, environ=environ).name == "My Shop"
