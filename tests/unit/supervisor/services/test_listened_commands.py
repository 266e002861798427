"""Which commands have listened on their port is remembered."""

import os
from pathlib import Path

from portweave.encoding.value import replace
from portweave.supervisor.services.listened_commands import Listened
from portweave.supervisor.services.plan import InstancePlan

PLAN = InstancePlan("web.2", "web", 2, "web.2-main", ("run",), "run dev", "/", port=3000)


def test_what_is_kept_is_known_later_to_all_worktrees_of_the_project(tmp_path: Path) -> None:
    folder = str(tmp_path / "listened")
    assert not Listened(folder, "shop").has(PLAN)
    Listened(folder, "shop").keep(PLAN)
    another = replace(PLAN, name="web", number=1, full_name="web-fix-1a2b", port=3100)
    assert Listened(folder, "shop").has(another)
    assert not Listened(folder, "blog").has(PLAN)
    assert not Listened(folder, "shop").has(replace(PLAN, command="run prod"))
    assert not Listened(folder, "shop").has(replace(PLAN, service="api"))


def test_what_is_dropped_is_known_no_longer(tmp_path: Path) -> None:
    folder = str(tmp_path / "listened")
    memory = Listened(folder, "shop")
    memory.drop(PLAN)
    memory.keep(PLAN)
    memory.keep(PLAN)
    memory.drop(PLAN)
    assert not memory.has(PLAN)
    assert not Listened(folder, "shop").has(PLAN)
    assert os.listdir(folder) == []


def test_what_has_not_run_for_half_a_year_is_forgotten(tmp_path: Path) -> None:
    folder = str(tmp_path / "listened")
    Listened(folder, "shop").keep(PLAN)
    [old] = os.scandir(folder)
    os.utime(old.path, (1, 1))
    Listened(folder, "shop").keep(replace(PLAN, command="run prod"))
    assert old.name not in os.listdir(folder)
    assert len(os.listdir(folder)) == 1


def test_without_a_folder_it_lasts_as_long_as_the_stack(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in ("", str(tmp_path / "file")):
        memory = Listened(folder, "shop")
        memory.keep(PLAN)
        assert memory.has(PLAN)
        memory.drop(PLAN)
        assert not memory.has(PLAN)
