"""Options, names and environment of `portweave up`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.stacks import (
    SERVE,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.ports import Pool
    from tests.support.running_stacks import StartUp


def test_the_environment_of_a_service(project: Path, up: "StartUp", pool: "Pool") -> None:
    (project / ".env").write_text("FROM_ENV=1\nPORT=1\nOVER=env\nAPI_KEY = a b\n")
    (project / "more.env").write_text("FROM_FILE=2\nOVER=file\n")
    write(
        project,
        """
        projectName: My Shop
        services:
          api:
            command: [env]
            envFile: more.env
            environment: {OWN: "http://x:${web}/$$1", OVER: own}
            oneshot: true
          web:
            command: "true"
            oneshot: true
            discoveryEnv: {API_URL: "http://127.0.0.1:${api}"}
        """,
    )
    outer = {"INHERITED": "yes", "PORT": "9", "PORTWEAVE_TOKEN": "theirs"}
    stack = up(project, env=outer)
    assert stack.wait() == 0
    env = dict(line.split("=", 1) for line in stack.lines_of("api") if "=" in line)
    tag = env.pop("PORTWEAVE_INVOCATION")
    assert tag.endswith(".api.1")
    expected = {
        "INHERITED": "yes",
        "FROM_ENV": "1",
        "FROM_FILE": "2",
        "API_KEY": "a b",
        "OVER": "own",
        "OWN": f"http://x:{pool.start + 1}/$1",
        "PORT": str(pool.start),
        "HOST": "127.0.0.1",
        "API_PORT": str(pool.start),
        "WEB_PORT": str(pool.start + 1),
        "API_URL": f"http://127.0.0.1:{pool.start}",
        "PORTWEAVE_NAMESPACE": "main",
        "PORTWEAVE_WORKTREE": str(project),
        "PORTWEAVE_SERVICE": "api-main",
        "PORTWEAVE_INSTANCE": "1",
        "PORTWEAVE_NAME": "api",
        "PORTWEAVE_URL": f"http://127.0.0.1:{pool.start}",
        "COMPOSE_PROJECT_NAME": "my-shop-main",
    }
    assert {name: env.get(name) for name in expected} == expected
    assert env["PORTWEAVE_TOKEN"] not in ("", "theirs")
    # The path of the supervisor's socket while it ran.
    assert env["PORTWEAVE_SOCKET"].startswith("/")
    assert not Path(env["PORTWEAVE_SOCKET"]).exists()


def test_a_fixed_port_is_the_port_of_its_service(
    project: Path, up: "StartUp", pool: "Pool"
) -> None:
    chosen = pool.end - 1
    (project / ".env").write_text(f"API_PORT={chosen}\n")
    write(project, f"services: {{api: {{command: '{SERVE}', ready: {{tcp: true}}}}}}")
    stack = up(project)
    stack.wait_for(f"api ready on {chosen}")
    assert stack.stop() == 130


def test_a_fixed_port_of_another_running_stack_is_refused(
    tmp_path: Path, project: Path, up: "StartUp", cli: "Cli", pool: "Pool"
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(other, "web: sleep 1000\n", "Procfile")
    stack = up(other)
    stack.wait_for("web  → ")
    write(project, "api: sleep 1000\n", "Procfile")
    (project / ".env").write_text(f"API_PORT={pool.start}\n")
    refused = cli("up", cwd=project)
    assert refused.returncode == 1
    assert f"but that is the port of web of the live stack other/main ({other})" in refused.stderr
    assert "(PW0902)" in refused.stderr
    assert stack.stop() == 130


def test_scale_gives_each_instance_its_own_port_and_name(
    project: Path, up: "StartUp", pool: "Pool"
) -> None:
    write(project, "web: echo $PORT $PORTWEAVE_INSTANCE $PORTWEAVE_SERVICE\n", "Procfile")
    stack = up(project, "--scale", "web=3")
    assert stack.wait() == 0
    assert stack.lines_of("web") == [f"{pool.start} 1 web-main"]
    assert stack.lines_of("web.3") == [f"{pool.start + 2} 3 web.3-main"]


def test_named_services_start_with_their_needs(project: Path, up: "StartUp") -> None:
    write(
        project,
        """
        services:
          db: {command: echo db is up, oneshot: true, port: false}
          api: {command: echo api is up, port: false, dependsOn: [db]}
          web: {command: echo web is up, port: false}
          debug: {command: echo debug is up, port: false, profiles: [dev]}
        """,
    )
    stack = up(project, "api")
    assert stack.wait() == 0
    assert (stack.lines_of("db"), stack.lines_of("web")) == (["db is up"], [])
    stack = up(project, "api", "--no-deps")
    assert stack.wait() == 0
    assert (stack.lines_of("api"), stack.lines_of("db")) == (["api is up"], [])
    stack = up(project, "debug")
    assert stack.wait() == 0
    assert stack.lines_of("debug") == ["debug is up"]
    stack = up(project, "--profile", "dev")
    assert stack.wait() == 0
    assert (stack.lines_of("debug"), stack.lines_of("web")) == (["debug is up"], ["web is up"])


def test_the_end_of_one_service_may_stop_all(project: Path, up: "StartUp") -> None:
    write(
        project,
        """
        services:
          tests: {command: exit 5, port: false}
          db: {command: sleep 1000, port: false}
        """,
    )
    stack = up(project, "--exit-code-from", "tests")
    assert stack.wait() == 5
    stack = up(project, "--abort-on-exit")
    assert stack.wait() == 1
    assert stack.marked() == []


def test_an_option_overrides_restart_policies(project: Path, up: "StartUp") -> None:
    write(project, "api: exit 3\n", "Procfile")
    stack = up(project, "--restart", "no")
    assert stack.wait() == 1
    assert "api failed: exited with status 3\n" in stack.said


def test_a_dry_run_starts_and_writes_nothing(project: Path, cli: "Cli", home: Path) -> None:
    write(
        project,
        """
        services:
          web: {command: echo web, dependsOn: [db]}
          db: {command: [echo, db], port: false}
        """,
    )
    done = cli("up", "--dry-run", cwd=project)
    assert done.returncode == 0
    assert done.stdout.index("db (no port): echo db") < done.stdout.index("web (a port")
    assert "after db is ready" in done.stdout
    assert not (project / ".portweave").exists()
    assert not (home / "config").exists()


def test_a_dry_run_shows_commands_with_the_arguments_of_frameworks_and_variables(
    project: Path, cli: "Cli", home: Path
) -> None:
    write(
        project,
        """
        services:
          web: {command: vite, dependsOn: [api], environment: {API_TOKEN: sekret, MODE: a b}}
          api: {command: [uvicorn, app], scale: 2, dependsOn: {db: started}}
          db: {command: sleep 9, port: false}
          late: {command: sleep 9, profiles: [x]}
        """,
    )
    done = cli("up", "--dry-run", "--no-proxy", cwd=project)
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0] == "would start, in this order (3 services):"
    names = ("db", "api", "api.2", "web")
    heads = [line for line in lines if line.split(" (")[0] in names]
    assert [line.split(" (")[0] for line in heads] == list(names)
    port = heads[-1].partition(", now ")[2].partition(")")[0]
    assert heads[-1].endswith(f"): vite --port {port} --strictPort --host 127.0.0.1")
    assert f"appended for vite: --port {port} --strictPort --host 127.0.0.1" in lines
    assert lines.count("after db is started") == 2
    (own,) = (line for line in lines if line.startswith("sets API_TOKEN"))
    assert own.startswith(f'sets API_TOKEN=*** MODE="a b" PORT={port} PORTWEAVE_INSTANCE=1 ')
    assert own.endswith(f"PORTWEAVE_URL=http://127.0.0.1:{port}")
    (shared,) = (line for line in lines if line.startswith("each gets: "))
    assert f" WEB_PORT={port}" in shared
    assert "HOST=127.0.0.1" in shared
    assert lines[-1] == "not started: late (it needs --profile x)"
    rows = json.loads(cli("up", "--dry-run", "--json", cwd=project).stdout)["services"]
    web = rows[-1]
    assert (web["name"], web["command"], web["port"], web["framework"]) == (
        *("web", "vite", None, "vite"),
    )
    assert web["appended"] == ["--port", port, "--strictPort", "--host", "127.0.0.1"]
    assert web["environment"].items() >= {"API_TOKEN": "***", "MODE": "a b"}.items()
    # It allocates nothing, so the ports may be others later.
    assert not (project / ".portweave").exists()
    assert not (home / "config").exists()


def test_a_dry_run_names_hooks_in_order(project: Path, cli: "Cli") -> None:
    write(
        project,
        """
        hooks: {beforeUp: echo before, afterReady: echo ready, afterDown: echo down}
        services:
          web: {command: sleep 9, port: false}
        """,
    )
    done = cli("up", "--dry-run", cwd=project)
    lines = [line.strip() for line in done.stdout.splitlines() if not line.startswith("    ")]
    assert lines == [
        "would start, in this order (1 service):",
        "beforeUp (hook): echo before",
        "web (no port): sleep 9",
        "afterReady (hook): echo ready",
        "afterDown runs when the stack has stopped: echo down",
    ]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--scale", "web"], "--scale takes NAME=N, received 'web'"),
        (["--scale", "wbe=2"], 'no service is named "wbe"'),
        (["--profile", "dve"], 'no service has the profile "dve"'),
        (["--profile", "dve", "--dry-run"], "did you mean dev?"),
        (["--restart", "sometimes"], "--restart takes no, on-failure, on-failure:N or always"),
        (["--timeout", "soon"], "--timeout takes a time such as 90, 90s or 1m30s"),
        (["--exit-code-from", "wbe"], "--exit-code-from names wbe, which is not started"),
        (["wbe"], 'no service is named "wbe"'),
        (["--no-such"], "unknown option '--no-such'"),
        (["--", "web"], "up takes names of services, not a command"),
    ],
    ids=[
        *("scale", "scale name", "profile", "profile, dry", "restart", "timeout", "exit code"),
        *("name", "option", "command"),
    ],
)
def test_wrong_arguments_are_explained(
    project: Path, cli: "Cli", args: list[str], message: str
) -> None:
    write(project, "web: sleep 1\ndebug: sleep 1\n", "Procfile")
    write(project, "services: {debug: {profiles: [dev]}}\n")
    done = cli("up", *args, cwd=project)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_services_without_commands_leave_nothing_to_start(project: Path, cli: "Cli") -> None:
    write(project, '{"services": {"web": {"envVar": "PORT"}}}', "portweave.config.json")
    done = cli("up", cwd=project)
    assert done.returncode == 1
    assert "no service has a command" in done.stderr
    assert "(PW0905)" in done.stderr


def test_a_service_that_failed_by_being_late_does_not_give_status_0(
    project: Path, up: "StartUp"
) -> None:
    write(
        project,
        """
        services:
          tests:
            command: trap 'exit 0' TERM; while true; do sleep 0.05; done
            port: false
            ready: {log: never, timeout: 300ms}
        """,
    )
    stack = up(project, "--exit-code-from", "tests")
    assert stack.wait() == 1
