"""Hooks as jobs of a stack's plan."""

from pathlib import Path

import pytest

from portweave.allocator.ports.model import Entry, Key
from portweave.allocator.worktree import Worktree
from portweave.planning.allocation import AllocatedProject
from portweave.planning.hook_plans import stamp_of
from portweave.planning.project import Project
from portweave.planning.stack_plan import make_plan
from portweave.planning.stack_request import StartOptions
from portweave.procfiles.model import Definitions, Hook, Origin, Service
from portweave.supervisor.registry.setup_record import write_setup
from portweave.supervisor.services.plan import InstancePlan, StackPlan

HERE = Origin("/code/shop/portweave.yaml")


def hook(name: str, *commands: str, root: Path, inputs: tuple[str, ...] = ()) -> Hook:
    return Hook(name, HERE, str(root), commands=commands or (f"run {name}",), inputs=inputs)


def plan_of(root: Path, *hooks: Hook, options: StartOptions | None = None) -> StackPlan:
    services = (
        Service("db", HERE, command="db", env_var="DB_PORT", working_dir=str(root)),
        Service("migrate", HERE, command="m", oneshot=True, working_dir=str(root)),
    )
    project = Project(
        Worktree(str(root), f"{root}/.git", str(root), "main"),
        Definitions((HERE.path,), services, project_name="shop", hooks=hooks),
        offset=None,
        registry="/nowhere",
        scale={"db": 1},
        environ={},
    )
    entry = Entry(Key(f"{root}/.git", "main", str(root)), "", "main", {"db": 30000})
    computed = project.computed(entry)
    allocated = AllocatedProject(
        project,
        entry,
        reused=True,
        dotenv={},
        computed=computed,
        env=computed,
        inherited={},
        warnings=[],
    )
    return make_plan(allocated, options or StartOptions(), {})


def by_name(plan: StackPlan) -> dict[str, InstancePlan]:
    return {instance.name: instance for instance in plan.instances}


def needs(plan: InstancePlan) -> list[str]:
    return [f"{need.instance} {need.condition}" for need in plan.needs]


def all_hooks(root: Path) -> tuple[Hook, ...]:
    return tuple(hook(name, root=root) for name in ("setup", "beforeUp", "afterReady", "afterDown"))


def test_hooks_stand_around_the_services(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, *all_hooks(tmp_path))
    names = ["setup", "beforeUp", "db", "migrate", "afterReady", "afterDown"]
    assert [instance.name for instance in plan.instances] == names
    assert plan.wanted == set(names) - {"afterDown"}
    found = by_name(plan)
    assert needs(found["setup"]) == []
    assert needs(found["beforeUp"]) == ["setup completed"]
    assert needs(found["db"]) == ["beforeUp completed"]
    assert needs(found["afterReady"]) == ["db ready", "migrate completed"]
    assert needs(found["afterDown"]) == []
    assert [one.name for one in plan.instances if one.last] == ["afterDown"]
    assert [one.name for one in plan.instances if one.hook] == [
        name for name in names if name not in ("db", "migrate")
    ]


def test_a_hook_has_the_variables_of_the_stack_and_no_port(tmp_path: Path) -> None:
    setup = by_name(plan_of(tmp_path, hook("setup", root=tmp_path)))["setup"]
    assert setup.environment["DB_PORT"] == "30000"
    assert setup.environment["PORTWEAVE_SERVICE"] == "setup-main"
    assert "PORT" not in setup.environment
    assert (setup.port, setup.url, setup.hostname) == (None, None, None)


def test_services_wait_for_setup_if_it_is_the_only_hook(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, hook("setup", root=tmp_path))
    assert needs(by_name(plan)["db"]) == ["setup completed"]


def test_only_setup_starts_where_that_was_asked_for(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, *all_hooks(tmp_path), options=StartOptions(only_setup=True))
    assert plan.wanted == {"setup"}


def test_hooks_can_be_left_out(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, *all_hooks(tmp_path), options=StartOptions(with_hooks=False))
    assert [instance.name for instance in plan.instances] == ["db", "migrate"]
    assert needs(plan.instances[0]) == []


def test_setup_runs_until_it_has_finished_with_these_inputs(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("1")
    setup = hook("setup", root=tmp_path, inputs=("lock",))
    stamp = by_name(plan_of(tmp_path, setup))["setup"].stamp
    assert plan_of(tmp_path, setup).warnings == ()
    write_setup(str(tmp_path), stamp, finished=False)
    plan = plan_of(tmp_path, setup)
    assert ("setup" in plan.wanted, plan.done) == (True, frozenset())
    assert "setup has not finished" in plan.warnings[0]
    write_setup(str(tmp_path), stamp, finished=True)
    plan = plan_of(tmp_path, setup)
    assert "setup" not in plan.wanted
    assert plan.done == {"setup"}
    assert plan.warnings == ()
    (tmp_path / "lock").write_text("2")
    plan = plan_of(tmp_path, setup)
    assert ("setup" in plan.wanted, plan.done) == (True, frozenset())
    assert "setup or its inputs have changed" in plan.warnings[0]


@pytest.mark.parametrize(
    ("inputs", "changed"),
    [
        (("lock",), True),
        (("l*",), True),
        (("other",), False),
        (("db",), True),
        (("db/**/*.sql",), True),
        (("db/*.txt",), False),
        ((), False),
    ],
)
def test_a_stamp_depends_on_the_contents_of_inputs(
    tmp_path: Path, inputs: tuple[str, ...], changed: bool
) -> None:
    (tmp_path / "db/deep").mkdir(parents=True)
    (tmp_path / "lock").write_text("1")
    (tmp_path / "db/deep/a.sql").write_text("1")
    setup = hook("setup", root=tmp_path, inputs=inputs)
    before = stamp_of(setup, str(tmp_path))
    assert stamp_of(setup, str(tmp_path)) == before
    (tmp_path / "lock").write_text("2")
    (tmp_path / "db/deep/a.sql").write_text("2")
    assert (stamp_of(setup, str(tmp_path)) != before) is changed


def test_a_stamp_depends_on_the_commands(tmp_path: Path) -> None:
    stamps = {
        stamp_of(hook("setup", *commands, root=tmp_path), str(tmp_path))
        for commands in (("a", "b"), ("ab",), ("b", "a"), ("a",))
    }
    assert len(stamps) == 4
