"""Which commands have listened on their port is remembered."""

import os
from pathlib import Path

from portweave.encoding.value import replace
from portweave.supervisor.services.listened_commands import ListenedCommands
from portweave.supervisor.services.plan import InstancePlan

PLAN = InstancePlan("web.2", "web", 2, "web.2-main", ("run",), "run dev", "/", port=3000)


def test_a_remembered_command_is_known_in_all_worktrees_of_the_project(tmp_path: Path) -> None:
    folder = str(tmp_path / "listened")
    assert not ListenedCommands(folder, "shop").has_listened(PLAN)
    ListenedCommands(folder, "shop").remember(PLAN)
    another = replace(PLAN, name="web", number=1, full_name="web-fix-1a2b", port=3100)
    assert ListenedCommands(folder, "shop").has_listened(another)
    assert not ListenedCommands(folder, "blog").has_listened(PLAN)
    assert not ListenedCommands(folder, "shop").has_listened(replace(PLAN, command="run prod"))
    assert not ListenedCommands(folder, "shop").has_listened(replace(PLAN, service="api"))


def test_a_forgotten_command_is_known_no_longer(tmp_path: Path) -> None:
    folder = str(tmp_path / "listened")
    memory = ListenedCommands(folder, "shop")
    memory.forget(PLAN)
    memory.remember(PLAN)
    memory.remember(PLAN)
    memory.forget(PLAN)
    assert not memory.has_listened(PLAN)
    assert not ListenedCommands(folder, "shop").has_listened(PLAN)
    assert os.listdir(folder) == []


def test_a_command_that_has_not_run_for_half_a_year_is_forgotten(tmp_path: Path) -> None:
    folder = str(tmp_path / "listened")
    ListenedCommands(folder, "shop").remember(PLAN)
    [old] = os.scandir(folder)
    os.utime(old.path, (1, 1))
    ListenedCommands(folder, "shop").remember(replace(PLAN, command="run prod"))
    assert old.name not in os.listdir(folder)
    assert len(os.listdir(folder)) == 1


def test_without_a_folder_commands_are_remembered_while_the_stack_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in ("", str(tmp_path / "file")):
        memory = ListenedCommands(folder, "shop")
        memory.remember(PLAN)
        assert memory.has_listened(PLAN)
        memory.forget(PLAN)
        assert not memory.has_listened(PLAN)
