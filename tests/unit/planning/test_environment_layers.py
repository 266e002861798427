"""Which value holds, where it is from, and what it hides."""

from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.allocator.worktree import Worktree
from portweave.planning.allocation import AllocatedProject
from portweave.planning.environment_layers import (
    Environments,
    Layer,
    compose_name,
    merged,
    origins,
    shared_layers,
)
from portweave.planning.project import Project
from portweave.procfiles.model import Definitions, Origin, Service
from tests.support.dotenv_files import holding

ROOT = "/code/shop"
HERE = Origin(f"{ROOT}/portweave.yaml")
WEB = Service(
    "web",
    HERE,
    env_var="WEB_PORT",
    discovery_env=(("API_URL", "http://h:${api}"),),
    environment=(("OWN", "${web}/$$x"), ("KEPT", None), ("ABSENT", None)),
)
JOB = Service("job", HERE)


def allocated(
    *, dotenv: dict[str, str] | None = None, environ: dict[str, str] | None = None
) -> AllocatedProject:
    project = Project(
        Worktree(ROOT, None, ROOT, "main"),
        Definitions(
            (HERE.path,), (WEB, Service("api", HERE, env_var="API_PORT"), JOB), project_name="Shop"
        ),
        offset=None,
        registry="/nowhere",
        scale={"web": 2, "api": 1},
        environ=environ or {},
    )
    entry = Entry(Key(None, "main", ROOT), "", "main", {"web": 1001, "web.2": 1002, "api": 1003})
    computed = project.computed(entry)
    dotenv = dotenv or {}
    return AllocatedProject(
        project,
        entry,
        reused=True,
        computed=computed,
        dotenv=dotenv,
        env={name: dotenv.get(name, value) for name, value in computed.items()},
        inherited={name: value for name, value in (environ or {}).items() if name in computed},
        warnings=(),
    )


def layers_of(
    service: Service = WEB,
    number: int = 1,
    port: int | None = 1001,
    *,
    dotenv: dict[str, str] | None = None,
    environ: dict[str, str] | None = None,
) -> list[Layer]:
    given = allocated(dotenv=dotenv, environ=environ)
    with holding(dotenv or {}):
        return Environments(given, environ or {}).layers(service, number, port)


def test_the_highest_layer_overrides_and_hides_the_others() -> None:
    found = origins([Layer("a", {"X": "1", "Y": "1"}), Layer("b", {"X": "2"}), Layer("c", {})])
    assert (found["X"].value, found["X"].source) == ("2", "b")
    assert found["X"].hides == [("a", "1")]
    assert (found["Y"].source, found["Y"].hides) == ("a", [])


def test_a_source_that_occurs_twice_counts_at_its_higher_place() -> None:
    found = origins([Layer("in", {"X": "1"}), Layer("mid", {"X": "2"}), Layer("in", {"X": "1"})])
    assert (found["X"].source, found["X"].hides) == ("in", [("mid", "2")])


def test_explained_values_are_the_merged_values() -> None:
    layers = layers_of(dotenv={"WEB_PORT": "5", "OWN": "d"}, environ={"API_URL": "i", "KEPT": "k"})
    assert {name: origin.value for name, origin in origins(layers).items()} == merged(layers)


def test_inherited_overrides_dotenv_and_dotenv_overrides_computed() -> None:
    web_port = origins(layers_of(dotenv={"WEB_PORT": "5"}, environ={"WEB_PORT": "6"}))["WEB_PORT"]
    assert (web_port.value, web_port.source) == ("6", "inherited")
    assert web_port.hides == [(".env", "5"), ("computed", "1001")]


def test_other_variables_of_a_definition_override_files_and_inherited_ones() -> None:
    found = origins(layers_of(dotenv={"OWN": "d", "KEPT": "d"}, environ={"OWN": "i", "KEPT": "k"}))
    assert found["OWN"].value == "1001/$x"
    assert (found["OWN"].source, found["OWN"].hides) == (
        "environment",
        [(".env", "d"), ("inherited", "i")],
    )
    assert (found["KEPT"].value, found["KEPT"].source) == ("k", "environment")
    assert "ABSENT" not in found


def test_port_and_host_are_never_inherited() -> None:
    outside = {"PORT": "9", "HOST": "h", "PORTWEAVE_NAME": "x"}
    found = origins(layers_of(dotenv=outside, environ=outside))
    assert {
        name: (found[name].value, found[name].source, found[name].hides) for name in outside
    } == {
        "PORT": ("1001", "computed", []),
        "HOST": ("127.0.0.1", "computed", []),
        "PORTWEAVE_NAME": ("web", "forced", []),
    }


def test_variables_that_identify_an_instance_are_forced() -> None:
    second = merged(layers_of(number=2, port=1002))
    assert {name: value for name, value in second.items() if name.startswith("PORTWEAVE_")} == {
        "PORTWEAVE_INSTANCE": "2",
        "PORTWEAVE_NAME": "web.2",
        "PORTWEAVE_NAMESPACE": "main",
        "PORTWEAVE_SERVICE": "web.2-main",
        "PORTWEAVE_URL": "http://127.0.0.1:1002",
        "PORTWEAVE_WORKTREE": ROOT,
    }


def test_a_service_without_a_port_has_neither_port_nor_url() -> None:
    job = merged(layers_of(JOB, port=None))
    assert "PORT" not in job
    assert "PORTWEAVE_URL" not in job
    assert job["WEB_PORT"] == "1001"


def test_each_service_has_its_own_port_even_if_a_definition_computes_port() -> None:
    port = Service("port", HERE, env_var="PORT", discovery_env=(("HOST", "h"),))
    project = Project(
        Worktree(ROOT, None, ROOT, "main"),
        Definitions((HERE.path,), (port, WEB, Service("api", HERE, env_var="API_PORT"))),
        offset=None,
        registry="/nowhere",
        scale={"port": 1, "web": 1, "api": 1},
        environ={},
    )
    entry = Entry(Key(None, "main", ROOT), "", "main", {"port": 1, "web": 2, "api": 3})
    env = project.computed(entry)
    given = AllocatedProject(
        project, entry, reused=True, computed=env, dotenv={}, env=env, inherited={}, warnings=()
    )
    web = merged(Environments(given, {}).layers(WEB, 1, 2))
    assert (web["PORT"], web["HOST"]) == ("2", "127.0.0.1")


def test_any_other_layer_overrides_a_default() -> None:
    assert origins(layers_of())["COMPOSE_PROJECT_NAME"].source == "default"
    assert merged(layers_of())["COMPOSE_PROJECT_NAME"] == "shop-main"
    mine = layers_of(environ={"COMPOSE_PROJECT_NAME": "mine", "PYTHONUNBUFFERED": ""})
    assert merged(mine)["COMPOSE_PROJECT_NAME"] == "mine"
    assert merged(mine)["PYTHONUNBUFFERED"] == ""


def test_shared_variables_do_not_depend_on_inherited_ones() -> None:
    shared = shared_layers(allocated(dotenv={"API_URL": "d", "B": "d"}, environ={"API_URL": "i"}))
    assert merged(shared) == {
        "API_PORT": "1003",
        "API_URL": "d",
        "PORTWEAVE_NAMESPACE": "main",
        "PORTWEAVE_WORKTREE": ROOT,
        "WEB_PORT": "1001",
    }
    assert origins(shared)["API_URL"].hides == [("computed", "http://h:1003")]


def test_docker_compose_accepts_the_name() -> None:
    assert compose_name("My Shop!", "main") == "my-shop--main"
    assert compose_name("_x", "a") == "x-a"
