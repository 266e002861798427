"""Definitions, ports and variables in, a plan of instances out."""

import json
from collections.abc import Mapping
from os import mkfifo
from pathlib import Path

import pytest
import yaml

from portweave.allocator.naming import instance_name
from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.allocator.worktree import Worktree
from portweave.errors import (
    EnvFileError,
    NothingToStartError,
    PlaceholderError,
    PortOverrideError,
    PortweaveError,
    UsageError,
)
from portweave.planning.allocation import AllocatedProject
from portweave.planning.project import Project
from portweave.planning.stack_plan import make_plan, select
from portweave.planning.stack_request import StartOptions, restart_policy
from portweave.planning.url_names import Names
from portweave.procfiles.model import (
    Definitions,
    Dependency,
    EnvFile,
    Origin,
    Ready,
    Restart,
    Service,
)
from portweave.supervisor.services.plan import (
    Condition,
    InstancePlan,
    Need,
    ReadyPlan,
    RestartPolicy,
    StackPlan,
    When,
)
from tests.support.dotenv_files import holding

ROOT = "/code/shop"
HERE = Origin("/code/shop/portweave.yaml")
# The first service's port; instances have theirs in the order of the services.
FIRST_PORT = 30000


def service(
    name: str,
    command: str | tuple[str, ...] | None = "run",
    *,
    needs: Mapping[str, str] | None = None,
    port: bool = True,
    environment: Mapping[str, str | None] | None = None,
    env_files: tuple[EnvFile, ...] = (),
    ready: Ready | None = None,
    restart: Restart | None = None,
    scale: int = 1,
    oneshot: bool = False,
    on_request: bool = False,
    profiles: tuple[str, ...] = (),
    stop_signal: str = "SIGTERM",
    discovery_env: Mapping[str, str] | None = None,
    working_dir: str = "",
) -> Service:
    return Service(
        name,
        HERE,
        command=command,
        env_var=f"{name.upper()}_PORT" if port else None,
        discovery_env=tuple((discovery_env or {}).items()),
        working_dir=working_dir or f"{ROOT}/{name}",
        environment=tuple((environment or {}).items()),
        env_files=env_files,
        depends_on=tuple(Dependency(*need) for need in (needs or {}).items()),
        ready=ready,
        restart=restart,
        stop_signal=stop_signal,
        scale=scale,
        oneshot=oneshot,
        on_request=on_request,
        profiles=profiles,
    )


def plan_of(
    *services: Service,
    options: StartOptions | None = None,
    environ: Mapping[str, str] | None = None,
    dotenv: Mapping[str, str] | None = None,
    env_files: tuple[EnvFile, ...] = (),
    project_name: str = "shop",
    names: Names | None = None,
) -> StackPlan:
    """Plan these services, in a worktree that has been given its ports."""
    options, environ, dotenv = options or StartOptions(), environ or {}, dict(dotenv or {})
    project = Project(
        Worktree(ROOT, f"{ROOT}/.git", ROOT, "main"),
        Definitions((HERE.path,), services, env_files=env_files, project_name=project_name),
        offset=None,
        registry="/nowhere",
        scale={
            s.name: max(1, options.scale.get(s.name, s.scale))
            for s in services
            if s.env_var is not None
        },
        environ=environ,
    )
    instances = [
        instance_name(name, number)
        for name, count in project.scale.items()
        for number in range(1, count + 1)
    ]
    ports = {name: FIRST_PORT + index for index, name in enumerate(instances)}
    entry = Entry(Key(f"{ROOT}/.git", "main", ROOT), "", "main", ports)
    computed = project.computed(entry)
    allocated = AllocatedProject(
        project,
        entry,
        reused=True,
        dotenv=dotenv,
        computed=computed,
        env={name: dotenv.get(name, value) for name, value in computed.items()},
        inherited={name: environ[name] for name in computed if name in environ},
        warnings=["take care"],
    )
    with holding(dotenv):
        return make_plan(allocated, options, environ, names)


def only(plan: StackPlan) -> InstancePlan:
    (instance,) = plan.instances
    return instance


def test_an_instance_has_the_keys_of_its_definition() -> None:
    plan = plan_of(service("web", "npm run dev", stop_signal="SIGINT"))
    web = only(plan)
    assert (plan.project, plan.namespace, plan.root) == ("shop", "main", ROOT)
    assert plan.warnings == ("take care",)
    assert plan.wanted == {"web"}
    assert (web.name, web.number, web.full_name) == ("web", 1, "web-main")
    assert web.argv == ("/bin/sh", "-c", "exec npm run dev")
    assert (web.command, web.working_dir) == ("npm run dev", f"{ROOT}/web")
    assert (web.port, web.url) == (30000, "http://127.0.0.1:30000")
    assert (web.stop_signal, web.stop_grace_s) == (2, 10)


def test_a_command_list_is_executed_without_a_shell() -> None:
    web = only(plan_of(service("web", ("my server", "a; b"))))
    assert web.argv == ("my server", "a; b")
    assert web.command == "my server a; b"


def test_a_service_without_a_command_is_not_in_the_plan() -> None:
    plan = plan_of(service("web"), service("db", None))
    assert [i.name for i in plan.instances] == ["web"]
    assert plan.left_out == (("db", "it has no command"),)


# Environment.


def test_the_layers_of_an_environment_have_an_order(tmp_path: Path) -> None:
    common, own = tmp_path / "common.env", tmp_path / "own.env"
    common.write_text("C=common\nD=common\nE=common\n")
    own.write_text("D=own\nE=own\n")
    web = only(
        plan_of(
            service("web", environment={"E": "written"}, env_files=(EnvFile(str(own)),)),
            environ={"A": "inherited", "B": "inherited", "C": "inherited"},
            dotenv={"B": ".env", "C": ".env"},
            env_files=(EnvFile(str(common)),),
        )
    )
    found = {name: web.environment[name] for name in "ABCDE"}
    assert found == {"A": "inherited", "B": ".env", "C": "common", "D": "own", "E": "written"}


def test_a_missing_file_of_variables_is_an_error_unless_it_is_optional() -> None:
    web = service("web", env_files=(EnvFile("/nowhere/x.env", required=False),))
    assert only(plan_of(web)).name == "web"
    with pytest.raises(EnvFileError):
        plan_of(service("web", env_files=(EnvFile("/nowhere/x.env"),)))


def test_each_service_finds_its_own_port_and_those_of_the_others() -> None:
    plan = plan_of(service("web"), service("api"), service("job", port=False))
    for instance, port in zip(plan.instances, ("30000", "30001", None), strict=True):
        env = instance.environment
        assert (env["WEB_PORT"], env["API_PORT"], env["HOST"]) == ("30000", "30001", "127.0.0.1")
        assert env.get("PORT") == port
        assert env.get("PORTWEAVE_URL") == (port and f"http://127.0.0.1:{port}")


def test_port_and_host_are_neither_inherited_nor_read_from_files(tmp_path: Path) -> None:
    file = tmp_path / "x.env"
    file.write_text("PORT=1\nHOST=h\n")
    plan = plan_of(
        service("web", env_files=(EnvFile(str(file)),)),
        service("job", port=False),
        environ={"PORT": "2", "HOST": "example.org"},
        dotenv={"PORT": "3", "HOST": "::"},
    )
    web, job = (instance.environment for instance in plan.instances)
    assert (web["PORT"], web["HOST"]) == ("30000", "127.0.0.1")
    assert ("PORT" in job, job["HOST"]) == (False, "127.0.0.1")


def test_a_service_may_set_its_own_port_and_host_variables() -> None:
    web = only(plan_of(service("web", environment={"HOST": "::", "PORT": "${web}1"})))
    assert (web.environment["HOST"], web.environment["PORT"]) == ("::", "300001")


def test_variables_that_identify_a_service_cannot_be_overridden(tmp_path: Path) -> None:
    marks = {
        "PORTWEAVE_NAMESPACE": "main",
        "PORTWEAVE_WORKTREE": ROOT,
        "PORTWEAVE_SERVICE": "web-main",
        "PORTWEAVE_INSTANCE": "1",
        "PORTWEAVE_NAME": "web",
        "PORTWEAVE_URL": "http://127.0.0.1:30000",
    }
    file = tmp_path / "x.env"
    file.write_text("".join(f"{name}=other\n" for name in marks))
    other = dict.fromkeys(marks, "other")
    web = only(
        plan_of(
            service("web", environment=other, env_files=(EnvFile(str(file)),)),
            dotenv={**other, "PORTWEAVE_TOKEN": "other"},
            environ={**other, "PORTWEAVE_SOCKET": "/outer"},
        )
    )
    found = {name: v for name, v in web.environment.items() if name.startswith("PORTWEAVE_")}
    assert found == marks


@pytest.mark.parametrize("source", ["environ", "dotenv"])
def test_a_port_chosen_by_the_user_applies_and_templates_keep_the_allocated_port(
    source: str,
) -> None:
    web = service("web", environment={"ALLOCATED": "${web}"}, ready=Ready(tcp=True))
    chosen = {"WEB_PORT": "4000"}
    environ, dotenv = (chosen, {}) if source == "environ" else ({}, chosen)
    found = only(plan_of(web, environ=environ, dotenv=dotenv))
    # Of what is only asked for its port nobody knows that it speaks HTTP.
    assert (found.port, found.ready.tcp, found.url) == (4000, 4000, None)
    assert found.environment["PORTWEAVE_URL"] == "http://127.0.0.1:4000"
    assert found.environment["PORT"] == found.environment["WEB_PORT"] == "4000"
    assert found.environment["ALLOCATED"] == "30000"


def test_an_inherited_port_overrides_the_port_in_the_file() -> None:
    found = only(plan_of(service("web"), dotenv={"WEB_PORT": "1"}, environ={"WEB_PORT": "2"}))
    assert (found.port, found.environment["WEB_PORT"]) == (2, "2")


@pytest.mark.parametrize("value", ["", "http", "0", "65536", "-1", "1.5", "\u0663"])
def test_a_chosen_port_must_be_a_port(value: str) -> None:
    with pytest.raises(PortOverrideError):
        plan_of(service("web"), dotenv={"WEB_PORT": value})


def test_templates_are_filled_in_and_dollars_may_be_doubled() -> None:
    web = service(
        "web",
        environment={"A": "http://h:${api}/$$x", "B": "${namespace} ${pw:worktreeRoot} $HOME"},
        discovery_env={"URL": "h:${api}"},
    )
    env = plan_of(web, service("api")).instances[0].environment
    assert (env["A"], env["B"]) == ("http://h:30001/$x", f"main {ROOT} $HOME")
    assert env["URL"] == "h:30001"


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(PlaceholderError):
        plan_of(service("web", environment={"A": "${nothing}"}))


def test_a_variable_without_a_value_is_inherited_if_it_is_set() -> None:
    web = service("web", environment={"GIVEN": None, "OTHER": None})
    env = only(plan_of(web, environ={"GIVEN": "x"}, dotenv={"GIVEN": "y"})).environment
    assert env["GIVEN"] == "x"
    assert "OTHER" not in env


def test_docker_compose_gets_a_project_name_unless_the_user_sets_one() -> None:
    assert only(plan_of(service("web"))).environment["COMPOSE_PROJECT_NAME"] == "shop-main"
    env = only(plan_of(service("web"), environ={"COMPOSE_PROJECT_NAME": "mine"})).environment
    assert env["COMPOSE_PROJECT_NAME"] == "mine"


@pytest.mark.parametrize(
    ("project", "name"), [("My Shop.js", "my-shop-js-main"), ("_größe", "gr-e-main")]
)
def test_docker_compose_gets_a_valid_project_name(project: str, name: str) -> None:
    env = only(plan_of(service("web"), project_name=project)).environment
    assert env["COMPOSE_PROJECT_NAME"] == name


def test_python_does_not_buffer_output_unless_the_user_wants_it() -> None:
    assert only(plan_of(service("web"))).environment["PYTHONUNBUFFERED"] == "1"
    env = only(plan_of(service("web"), environ={"PYTHONUNBUFFERED": ""})).environment
    assert env["PYTHONUNBUFFERED"] == ""


# Needs and instances.


def test_a_dependent_waits_for_each_instance() -> None:
    needs = {"api": "ready", "db": "started"}
    plan = plan_of(service("web", needs=needs), service("api", scale=2), service("db"))
    assert plan.instances[0].needs == (
        Need("api", Condition.READY),
        Need("api.2", Condition.READY),
        Need("db", Condition.STARTED),
    )


def test_instances_have_their_own_ports_names_and_numbers() -> None:
    one, two = plan_of(service("web", "run $WEB_PORT", scale=2)).instances
    assert (one.name, two.name, two.full_name) == ("web", "web.2", "web.2-main")
    assert (one.port, two.port, two.number) == (30000, 30001, 2)
    assert (two.environment["PORT"], two.environment["WEB_PORT"]) == ("30001", "30000")
    assert two.environment["PORTWEAVE_NAME"] == "web.2"
    assert two.environment["PORTWEAVE_INSTANCE"] == "2"
    assert (one.ready.tcp, two.ready.tcp) == (30000, 30001)


def test_the_command_line_scales_up_and_down() -> None:
    assert len(plan_of(service("web"), options=StartOptions(scale={"web": 3})).instances) == 3
    plan = plan_of(
        service("web", needs={"api": "ready"}),
        service("api", scale=2),
        options=StartOptions(scale={"api": 0}),
    )
    assert [i.name for i in plan.instances] == ["web"]
    assert plan.instances[0].needs == ()


def test_no_service_waits_for_one_without_a_command() -> None:
    plan = plan_of(service("web", needs={"db": "ready"}), service("db", None))
    assert plan.instances[0].needs == ()


# Readiness.

# The name, the command, whether it has a port, whether it is a oneshot; whether it is to listen.
LISTENERS: dict[str, tuple[str, str, bool, bool, bool]] = {
    "nothing tells": ("api", "run", True, False, False),
    "its name is web": ("web", "run", True, False, True),
    "web without a port": ("web", "run", False, False, False),
    "$PORT": ("api", "run -p $PORT", True, False, True),
    "${PORT}": ("api", "run -p ${PORT:-3}", True, False, True),
    "its own variable": ("api", "run -p $API_PORT", True, False, True),
    "another one's variable": ("api", "run --db $DB_PORT", True, False, False),
    "a longer name": ("api", "run $PORTS $MY_API_PORT", True, False, False),
    "$PORT without a port": ("api", "run $PORT", False, False, False),
    "a oneshot": ("api", "run $PORT", True, True, False),
}


@pytest.mark.parametrize("case", LISTENERS)
def test_some_services_are_expected_to_listen(case: str) -> None:
    name, command, port, oneshot, listens = LISTENERS[case]
    found = only(plan_of(service(name, command, port=port, oneshot=oneshot)))
    assert found.ready == ReadyPlan(tcp=30000 if listens else None)


def test_written_readiness_is_used() -> None:
    ready = Ready(
        http="/health?p=${api}", tcp=5432, exec="ask -x", log="up", interval_s=1, timeout_s=5
    )
    found = plan_of(service("web", ready=ready), service("api")).instances[0].ready
    assert found == ReadyPlan(
        http="http://127.0.0.1:30000/health?p=30001",
        tcp=5432,
        exec=("/bin/sh", "-c", "exec ask -x"),
        log="up",
        interval_s=1,
        timeout_s=5,
        written=True,
    )


def test_a_written_interval_also_applies_after_the_service_is_ready() -> None:
    ready = Ready(tcp=True, interval_s=5, calm_s=5)
    found = only(plan_of(service("web", ready=ready))).ready
    assert (found.interval_s, found.calm_s) == (5, 5)


def test_a_script_that_reads_its_port_is_guessed_to_listen(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("port = os.environ['PORT']\n")
    (tmp_path / "job.py").write_text("port = os.environ['REPORT']\n")
    (tmp_path / "big.py").write_text("#" * 256_000 + "PORT")
    mkfifo(tmp_path / "fifo.py")
    names = ("app", "job", "big", "fifo", "missing")
    services = [service(n, f"python3 {n}.py", working_dir=str(tmp_path)) for n in names]
    plans = plan_of(*services).instances
    assert [plan.name for plan in plans if plan.ready.guessed] == ["app"]
    assert {plan.ready.tcp for plan in plans} == {None}


def test_a_probe_url_is_kept_and_a_path_gets_the_port_of_the_instance() -> None:
    ready = Ready(http="http://127.0.0.1:${web}/x", exec=("ask", "me"))
    found = only(plan_of(service("web", ready=ready))).ready
    assert (found.http, found.exec) == ("http://127.0.0.1:30000/x", ("ask", "me"))
    one, two = plan_of(service("web", ready=Ready(http="/"), scale=2)).instances
    assert one.ready.http == "http://127.0.0.1:30000/"
    assert two.ready.http == "http://127.0.0.1:30001/"


def test_the_services_own_ready_timeout_overrides_that_of_the_command_line() -> None:
    plan = plan_of(
        service("a"),
        service("b", ready=Ready(log="x")),
        service("c", ready=Ready(log="x", timeout_s=5)),
        options=StartOptions(timeout_s=90),
    )
    assert [i.ready.timeout_s for i in plan.instances] == [90, 90, 5]


# Restarts.

# What the definition says, whether it is a oneshot, what the command line says; what holds.
Policy = tuple[str, int | None]
RESTARTS: dict[str, tuple[Restart | None, bool, Policy | None, Policy]] = {
    "nothing said": (None, False, None, ("on-failure", 10)),
    "nothing said of a oneshot": (None, True, None, ("no", None)),
    "no": (Restart("no"), False, None, ("no", None)),
    "always": (Restart("always"), False, None, ("always", None)),
    "on-failure": (Restart("on-failure"), False, None, ("on-failure", 10)),
    "on-failure:3": (Restart("on-failure", 3), False, None, ("on-failure", 3)),
    "on-failure:0": (Restart("on-failure", 0), False, None, ("on-failure", 0)),
    "a oneshot's own": (Restart("on-failure", 3), True, None, ("on-failure", 3)),
    "the command line wins": (Restart("always"), False, ("no", None), ("no", None)),
    "but not over a oneshot": (Restart("no"), True, ("always", None), ("no", None)),
}


@pytest.mark.parametrize("case", RESTARTS)
def test_each_restart_policy_has_a_rule(case: str) -> None:
    restart, oneshot, wish, (when, limit) = RESTARTS[case]
    options = StartOptions(restart=None if wish is None else restart_policy(*wish))
    found = only(plan_of(service("web", restart=restart, oneshot=oneshot), options=options))
    assert found.restart == RestartPolicy(When(when), limit)


# What is started.

SERVICES = (
    service("web", needs={"api": "ready"}),
    service("api", needs={"db": "ready", "ports": "ready"}),
    service("db"),
    service("ports", None),
    service("console", on_request=True),
    service("debug", profiles=("tools", "all")),
)
STARTS: dict[str, tuple[StartOptions, str, str]] = {
    "all by themselves": (StartOptions(), "api db web", "console debug ports"),
    "and a profile": (StartOptions(profiles=("all",)), "api db debug web", "console ports"),
    "one, and what it needs": (StartOptions(("api",)), "api db", ""),
    "one alone": (StartOptions(("web",), with_needs=False), "web", ""),
    "one that is only started when named": (StartOptions(("console",)), "console", ""),
    "one of a profile, by its name": (StartOptions(("debug",)), "debug", ""),
}


@pytest.mark.parametrize("case", STARTS)
def test_the_right_services_are_started(case: str) -> None:
    options, names, left_out = STARTS[case]
    found, others = select(Definitions((), SERVICES), options)
    assert sorted(found) == names.split()
    assert sorted(name for name, _ in others) == left_out.split()


def test_services_that_are_left_out_have_a_reason() -> None:
    _, left_out = select(Definitions((), SERVICES), StartOptions())
    assert dict(left_out) == {
        "ports": "it has no command",
        "console": "name it to start it",
        "debug": "it needs --profile tools",
    }


NOT_STARTED: dict[str, tuple[tuple[Service, ...], StartOptions, type[PortweaveError], str]] = {
    "unknown": (SERVICES, StartOptions(("wep",)), UsageError, '"wep"'),
    "unknown to --scale": (SERVICES, StartOptions(scale={"x": 2}), UsageError, '"x"'),
    "no command": (SERVICES, StartOptions(("ports",)), UsageError, "no command"),
    "no commands at all": (
        (service("db", None),),
        StartOptions(),
        NothingToStartError,
        "no service has a command",
    ),
    "none by itself": (
        (service("c", on_request=True),),
        StartOptions(),
        NothingToStartError,
        "no service would be started",
    ),
}


@pytest.mark.parametrize("case", NOT_STARTED)
def test_a_service_that_cannot_be_started_is_an_error(case: str) -> None:
    services, options, error, says = NOT_STARTED[case]
    with pytest.raises(error, match=says):
        select(Definitions((), services), options)


def test_a_plan_with_all_services_scaled_to_zero_is_an_error() -> None:
    with pytest.raises(NothingToStartError, match="scaled to 0"):
        plan_of(service("web"), options=StartOptions(scale={"web": 0}))


def test_instances_that_are_not_started_are_planned_too() -> None:
    plan = plan_of(*SERVICES, options=StartOptions(("api",), scale={"api": 2}))
    assert plan.wanted == {"api", "api.2", "db"}
    assert [i.name for i in plan.instances] == ["web", "api", "api.2", "db", "console", "debug"]


def test_services_find_their_names_in_their_environment() -> None:
    plan = plan_of(
        service("web", scale=2),
        service("job", port=False),
        names=Names("shop", "red.shop.localhost", 1355),
    )
    found = [(i.hostname, i.url, i.environment.get("PORTWEAVE_URL")) for i in plan.instances]
    one, two = ("http://web.red.shop.localhost:1355", "http://web-2.red.shop.localhost:1355")
    assert found == [
        ("web.red.shop.localhost", one, one),
        ("web-2.red.shop.localhost", two, two),
        (None, None, None),
    ]
    # What asks whether it is up goes by the port.
    assert plan.instances[0].ready.tcp == plan.instances[0].port


@pytest.mark.parametrize(
    ("file", "lines"),
    [
        ("Procfile", ["  one: npm run dev -w one", "  two: npm run dev -w @x/two"]),
        (
            "portweave.yml",
            ["  one: {command: npm run dev -w one}", "  two: {command: npm run dev -w @x/two}"],
        ),
        (
            "portweave.config.json",
            [
                '  "one": {"command": "npm run dev -w one"},',
                '  "two": {"command": "npm run dev -w @x/two"},',
            ],
        ),
    ],
)
def test_a_remark_shows_the_services_to_write_for_several_apps_on_one_port(
    tmp_path: Path, file: str, lines: list[str]
) -> None:
    (tmp_path / "package.json").write_text('{"workspaces": ["one", "two"]}')
    for folder, name in (("one", "one"), ("two", "@x/two")):
        (tmp_path / folder).mkdir()
        text = json.dumps({"name": name, "scripts": {"dev": "vite"}})
        (tmp_path / folder / "package.json").write_text(text)
    web = service("web", "npm run dev --workspaces", working_dir=str(tmp_path), scale=2)
    web.origin = Origin(f"{tmp_path}/{file}")
    warnings = plan_of(web).warnings
    assert warnings[-2:] == tuple(lines)
    assert warnings[-3].startswith("web starts several apps (one, two) on one port")
    assert len(warnings) == 4


@pytest.mark.parametrize("file", ["portweave.yml", "portweave.config.json"])
def test_a_proposed_command_reads_back_unchanged(tmp_path: Path, file: str) -> None:
    web = service("web", "concurrently \"vite --mode 'a: b'\"", working_dir=str(tmp_path))
    web.origin = Origin(f"{tmp_path}/{file}")
    line = plan_of(web).warnings[-1].strip(" ,")
    text = line if file.endswith("yml") else f"{{{line}}}"
    assert yaml.safe_load(text) == {"vite": {"command": "npx vite --mode 'a: b'"}}


def test_a_framework_behind_https_has_its_variable_unless_it_is_set() -> None:
    names = Names("shop", "shop.localhost", 1355, "https")
    vue = service("web", "vue-cli-service serve")
    assert only(plan_of(vue, names=names)).environment["CODESANDBOX_SSE"] == "1"
    given = only(plan_of(vue, names=names, environ={"CODESANDBOX_SSE": "0"})).environment
    assert given["CODESANDBOX_SSE"] == "0"
    assert "CODESANDBOX_SSE" not in only(plan_of(vue)).environment
