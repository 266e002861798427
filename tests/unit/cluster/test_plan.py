"""Declared connections, and the plan made of them."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portweave.calls.options import Options
from portweave.cluster.plan import (
    BEGINNING,
    declared,
    make_plan,
)
from portweave.errors import ConfigError
from portweave.supervisor.services.plan import (
    RestartPolicy,
    When,
)


def local() -> Callable[[object], None]:
    """A function that no other process can find."""

    def setup(connection: object) -> None:
        """Does nothing."""

    return setup


BAD_VALUES: dict[str, list[Any]] = {
    "count": [True, 1.5, float("nan"), 10**30],
    "env": [7, b"test", "te\0st"],
    "max_concurrency": [0, -1, "x", 1.5, True, float("inf"), 10**30],
    "max_queue": [-1, "x", True, 0.5],
    "max_message": [0, 1023, "1 MiB"],
    "timeout": ["5", -1, 0, 10**400, float("nan"), float("inf"), True, [1]],
    "case_sensitive_routing": ["no", 1],
    "exact": ["yes"],
    "respawn": [
        {},
        "no",
        3,
        [],
        {"limits": 3},
        {"limit": -1},
        {"limit": "3"},
        {"pauses": []},
        {"pauses": [1, -1]},
        {"pauses": "1"},
        {"pauses": None},
        {"never": "yes"},
        {"never": True, "limit": 3},
    ],
}
BAD: list[dict[str, Any]] = [
    {"routes": "missing"},
    {"routes": 7},
    {"routes": {}},
    {"routes": {"a": 7}},
    {"routes": {"a": None}},
    {"routes": {"a": "missing.py"}},
    {"routes": {"a": []}},
    {"routes": {"a": [1]}},
    {"routes": {"a": [""]}},
    {"routes": {"a": ["x\0"]}},
    {"routes": {"a": "x\0.py"}},
    {"routes": {"a": "nowhere_at_all:setup"}},
    {"routes": {"a": ":setup"}},
    {"routes": ""},
    {"routes": "routes\0"},
    {"routes": {"a": {}}},
    {"routes": {"a/b": ["x"]}},
    {"routes": {"": ["x"]}},
    {"routes": {7: ["x"]}},
    {"routes": {"index": ["x"]}},
    {"routes": {"supervisor": ["x"]}},
    {"routes": {"a": local()}},
    {"routes": {"a": ["x"]}, "count": -1},
    {"routes": {"a": ["x"]}, "count": "2"},
    {"routes": {"a": ["x"], "a\n": ["x"]}},
    {"routes": {"\x1b[31m": ["x"]}},
    {"routes": {"$a": ["x"]}},
    {"routes": {"x" * 201: ["x"]}},
    {"routes": {"worker": ["x"], "worker.2": ["x"]}, "count": 2},
    {"routes": {"a": ["x"], "a.1": ["x"]}},
    {"routes": {"a": {"route": ["x"], 7: 1}}},
    {"module_root": 7, "routes": {"a": ["x"]}},
    {"module_root": "x\0", "routes": {"a": ["x"]}},
    *(
        {"routes": {"a": ["x"]}, name: value}
        for name, values in BAD_VALUES.items()
        for value in values
    ),
    *(
        {"routes": {"a": {"route": ["x"], name: value}}}
        for name, value in {
            "max_concurrency": 0,
            "maxQueue": -1,
            "timeout": "5",
            "respawn": False,
            "exact": 1,
        }.items()
    ),
]


def setup_of_module(connection: object) -> None:
    """Stands for a function that can be imported."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of scripts, and of files that are none."""
    routes = tmp_path / "routes"
    for name in ("api.py", "a.b.py", "index.py", "__init__.py", ".hidden.py", "notes.txt"):
        (routes / name).parent.mkdir(exist_ok=True)
        (routes / name).touch()
    (routes / "pack").mkdir()
    (routes / "pack/__init__.py").touch()
    (routes / "empty").mkdir()
    (routes / "__pycache__").mkdir()
    return routes


@pytest.mark.parametrize("spelling", ["routes", "./routes", "absolute", None])
def test_a_folder_is_one_connection_for_each_script(folder: Path, spelling: str | None) -> None:
    options = Options({"module_root": str(folder.parent)})
    if spelling is not None:
        options.set("routes", folder if spelling == "absolute" else spelling)
    found = {one.name: one.target for one in declared(options)}
    assert {name: os.path.normpath(str(target)) for name, target in found.items()} == {
        "a.b": str(folder / "a.b.py"),
        "api": str(folder / "api.py"),
        "pack": str(folder / "pack/__init__.py"),
    }


def test_a_mapping_declares_connections_in_several_ways(folder: Path) -> None:
    routes: dict[str, object] = {
        "a": "routes/api.py",
        "b": "routes/api",
        "c": "json.decoder:setup",
        "d": ["node", "api.js"],
        "e": {"route": "routes/pack", "own": 1},
        "api": {"own": 2},
        "f": setup_of_module,
        "g": folder / "api.py",
        "sp ace": "routes/api",
    }
    options = Options({"routes": routes, "module_root": str(folder.parent)})
    found = {one.name: (one.kind, one.target, dict(one.own)) for one in declared(options)}
    api = str(folder / "api.py")
    assert found == {
        "a": ("script", api, {}),
        "b": ("script", api, {}),
        "c": ("import", "json.decoder:setup", {}),
        "d": ("command", ("node", "api.js"), {}),
        "e": ("script", str(folder / "pack/__init__.py"), {"own": 1}),
        "api": ("script", api, {"own": 2}),
        "f": ("import", f"{__name__}:setup_of_module", {}),
        "g": ("script", api, {}),
        "sp ace": ("script", api, {}),
    }


def test_a_folder_may_not_have_two_connections_of_one_name(folder: Path) -> None:
    (folder / "api").mkdir()
    (folder / "api/__init__.py").touch()
    with pytest.raises(ConfigError, match="two connections have the name 'api'"):
        plan_of(module_root=str(folder.parent))


@pytest.mark.parametrize("options", BAD)
def test_connections_that_cannot_be_started_are_refused(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as caught:
        make_plan(Options({"module_root": str(tmp_path), **options}), {})
    assert caught.value.code == "PW1213"


def plan_of(environ: dict[str, str] | None = None, **options: Any) -> Any:
    return make_plan(Options(options), environ or {})


def test_the_default_comes_first_and_the_workers_last() -> None:
    command = [sys.executable]
    plan = plan_of(routes={"worker": command, "api": command, "route": command}, count=2)
    assert [i.name for i in plan.instances] == ["route", "api", "worker", "worker.2"]
    assert (plan.calls.default, plan.calls.silent) == ("route", {"worker"})
    assert plan_of(routes={"worker": command, "api": command}, count=0).wanted == {"api"}
    assert plan_of(routes={"api": command}).calls.default is None


def test_a_connection_may_look_like_an_instance_of_none() -> None:
    plan = plan_of(
        routes={"worker.3": ["x"], "worker": ["x"], "api.2": ["x"], "api": ["x"]}, count=2
    )
    names = {"worker.3", "worker", "worker.2", "api.2", "api"}
    assert {instance.name for instance in plan.instances} == names


@pytest.mark.parametrize(
    ("respawn", "policy"),
    [
        (True, RestartPolicy(When.ALWAYS, 10)),
        (False, RestartPolicy(When.NO, None)),
        ({"never": True}, RestartPolicy(When.NO, None)),
        ({"never": False}, RestartPolicy(When.ALWAYS, 10)),
        ({"limit": 0}, RestartPolicy(When.ALWAYS, 0)),
        ({"limit": None}, RestartPolicy(When.ALWAYS, None)),
        ({"limit": 3, "pauses": [0, 1.5]}, RestartPolicy(When.ALWAYS, 3, (0, 1.5))),
        ({"pauses": 2}, RestartPolicy(When.ALWAYS, 10, (2,))),
    ],
)
def test_respawn_is_a_policy(respawn: object, policy: RestartPolicy) -> None:
    (instance,) = plan_of(routes={"api": ["x"]}, respawn=respawn).instances
    assert instance.restart == policy
    if respawn is not False:
        own = {"route": ["x"], "respawn": respawn}
        assert plan_of(routes={"api": own}, respawn=False).instances[0].restart == policy


def test_the_options_of_one_connection_win() -> None:
    own = {"route": ["x"], "maxQueue": 0, "timeout": None, "exact": True}
    plan = plan_of(routes={"api": own, "b": ["x"]}, max_queue=5, max_concurrency=2, timeout=7)
    told = [json.loads(one.environment[BEGINNING])["settings"] for one in plan.instances]
    shared = {"case_sensitive": True, "max_concurrency": 2}
    assert told[0] == {**shared, "exact": True, "max_queue": 0, "timeout_s": None}
    assert told[1] == {**shared, "exact": False, "max_queue": 5, "timeout_s": 7}
    calls = plan.calls
    assert (calls.queue, calls.concurrency, calls.timeout_s) == (5, 2, 7)


def test_a_module_root_only_resolves_paths(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent.parent)
    plan = plan_of(module_root=folder.parent.name)
    assert {str(one.command) for one in plan.instances} == {
        str(folder / name) for name in ("a.b.py", "api.py", "pack/__init__.py")
    }
    assert {one.working_dir for one in plan.instances} == {str(folder.parent.parent)}
    assert plan.root == str(folder.parent.parent)
    assert plan.calls.options["module_root"] == str(folder.parent)


def test_documented_defaults() -> None:
    plan = plan_of(routes={"api": ["x"]})
    options = plan.calls.options
    assert options["env"] == "development"
    assert options["count"] == (os.cpu_count() or 1)
    assert options["respawn"] is True
    assert options["case_sensitive_routing"] is True
    assert options["module_root"] == str(Path.cwd())
    assert plan.instances[0].restart.when is When.ALWAYS
    assert plan_of(routes={"api": ["x"]}, respawn=False).instances[0].restart.when is When.NO


@pytest.mark.parametrize(
    ("environ", "options", "env"),
    [
        ({"PORTWEAVE_ENV": "a", "NODE_ENV": "b"}, {}, "a"),
        ({"NODE_ENV": "b"}, {}, "b"),
        ({"PORTWEAVE_ENV": "a"}, {"env": "c"}, "c"),
    ],
)
def test_the_first_given_environment_name_wins(
    environ: dict[str, str], options: dict[str, Any], env: str
) -> None:
    assert plan_of(environ, routes={"api": ["x"]}, **options).calls.options["env"] == env


def test_a_process_gets_the_values_that_json_can_hold() -> None:
    routes = {"api": {"route": ["x"], "own": (1, 2), "odd": object()}}
    plan = plan_of(routes=routes, shared=1, odd=object())
    beginning = json.loads(plan.instances[0].environment[BEGINNING])
    assert (beginning["key"], beginning["own"]) == ("api", {"own": [1, 2]})
    assert plan.calls.options["shared"] == 1
    assert "odd" not in plan.calls.options


def test_a_cluster_meets_the_bus_of_the_environment() -> None:
    routes = {"api": {"route": "math:sqrt", "exported": True}, "inner": "math:sqrt"}
    options = Options({"routes": routes, "count": 0})
    assert make_plan(options, {}).calls.bus is None
    environ = {"PORTWEAVE_HUB": "nats://h", "PORTWEAVE_REALM": "team", "PORTWEAVE_PROJECT": "shop"}
    plan = make_plan(options, environ)
    assert plan.calls.bus is not None
    assert (plan.calls.bus.realm, plan.calls.bus.project) == ("team", "shop")
    assert {one.name: one.exported for one in plan.instances} == {"api": True, "inner": False}
    options.set("routes", {"api": {"route": "math:sqrt", "exported": "yes"}})
    with pytest.raises(ConfigError, match="exported"):
        make_plan(options, environ)
