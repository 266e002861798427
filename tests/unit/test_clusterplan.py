"""What is declared, and what is planned of it."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portweave.calls.options import Options
from portweave.clusterplan import BEGINNING, declared, make_plan
from portweave.errors import ConfigError
from portweave.supervisor.core.plan import When


def local() -> Callable[[object], None]:
    """A function that no other process finds."""

    def setup(connection: object) -> None:
        """Nothing."""

    return setup


BAD: list[dict[str, Any]] = [
    {"routes": "missing"},
    {"routes": 7},
    {"routes": {}},
    {"routes": {"a": 7}},
    {"routes": {"a": None}},
    {"routes": {"a": "missing.py"}},
    {"routes": {"a": []}},
    {"routes": {"a": [1]}},
    {"routes": {"a": {}}},
    {"routes": {"a/b": ["x"]}},
    {"routes": {"": ["x"]}},
    {"routes": {7: ["x"]}},
    {"routes": {"index": ["x"]}},
    {"routes": {"supervisor": ["x"]}},
    {"routes": {"a": local()}},
    {"routes": {"a": ["x"]}, "count": -1},
    {"routes": {"a": ["x"]}, "count": "2"},
    {"routes": {"a": ["x"]}, "max_queue": 0},
]


def setup_of_module(connection: object) -> None:
    """Stand for a function that can be imported."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of scripts, with what is none."""
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


def test_a_mapping_says_it_in_many_ways(folder: Path) -> None:
    routes: dict[str, object] = {
        "a": "routes/api.py",
        "b": "routes/api",
        "c": "package.module:setup",
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
        "c": ("import", "package.module:setup", {}),
        "d": ("command", ("node", "api.js"), {}),
        "e": ("script", str(folder / "pack/__init__.py"), {"own": 1}),
        "api": ("script", api, {"own": 2}),
        "f": ("import", f"{__name__}:setup_of_module", {}),
        "g": ("script", api, {}),
        "sp ace": ("script", api, {}),
    }


@pytest.mark.parametrize("options", BAD)
def test_what_cannot_be_started_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
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
def test_env_is_what_was_said_first(
    environ: dict[str, str], options: dict[str, Any], env: str
) -> None:
    assert plan_of(environ, routes={"api": ["x"]}, **options).calls.options["env"] == env


def test_a_process_is_told_what_json_can_hold() -> None:
    routes = {"api": {"route": ["x"], "own": (1, 2), "odd": object()}}
    plan = plan_of(routes=routes, shared=1, odd=object())
    beginning = json.loads(plan.instances[0].environment[BEGINNING])
    assert (beginning["key"], beginning["own"]) == ("api", {"own": [1, 2]})
    assert plan.calls.options["shared"] == 1
    assert "odd" not in plan.calls.options
