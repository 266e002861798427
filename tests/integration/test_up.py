"""`portweave up` with real processes: start, order, ends, failures, options."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from tests.conftest import Cli, Pool
    from tests.integration.conftest import Stack, StartUp

Spawn = Callable[..., "subprocess.Popen[str]"]
MakeRepo = Callable[[int], list[Path]]

SERVE = f"{sys.executable} -u -m http.server $PORT --bind 127.0.0.1"


def write(root: Path, text: str, name: str = "portweave.yaml") -> None:
    (root / name).write_text(text)


def test_a_stack_comes_up_in_order_and_goes_in_reverse(project: Path, up: "StartUp") -> None:
    write(
        project,
        f"""
        services:
          web:
            command: {SERVE}
            dependsOn: [api]
          api:
            command: {SERVE}
            ready: {{http: /}}
            dependsOn: {{seed: completed, cache: started}}
          seed:
            command: echo seeded
            oneshot: true
            port: false
          cache:
            command: sleep 1000
            port: false
        """,
    )
    stack = up(project, "--verbose")
    stack.wait_for("all ready in ")
    said = stack.said
    assert said.index("seed completed") < said.index("api ready on") < said.index("web ready on")
    assert stack.stop() == 130
    said = stack.said
    assert said.index("web stopped") < said.index("api stopped") < said.index("cache stopped")
    assert stack.marked() == []


def test_what_is_needed_by_way_of_a_finished_oneshot_goes_last(
    project: Path, up: "StartUp"
) -> None:
    write(
        project,
        """
        services:
          db: {command: sleep 1000, port: false}
          migrate: {command: "true", oneshot: true, port: false, dependsOn: [db]}
          api:
            command: trap 'sleep 0.3; exit 0' TERM; echo set; while true; do sleep 0.05; done
            port: false
            dependsOn: [migrate]
        """,
    )
    stack = up(project)
    stack.wait_for("api     | set")
    assert stack.stop() == 130
    assert stack.said.index("api stopped") < stack.said.index("db stopped")


def test_the_banner_tells_project_worktree_ports_urls_and_what_is_left_out(
    project: Path, up: "StartUp", pool: "Pool"
) -> None:
    write(
        project,
        "web: sleep 1000 $PORT_UNUSED\nworker: sleep 1000\nrelease: false\nconsole: cat\n",
        "Procfile",
    )
    stack = up(project)
    stack.wait_for("not started: console")
    assert "[portweave] shop, worktree: shop (namespace: main)" in stack.said
    assert f"  web     → {pool.start}     http://127.0.0.1:{pool.start}\n" in stack.said
    assert "[portweave] not started: release (name it to start it)" in stack.said
    stack.wait_for("worker ready")
    assert stack.stop() == 130


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["int", "term", "hup"],
)
def test_each_ending_signal_stops_all(
    project: Path, up: "StartUp", number: int, status: int
) -> None:
    write(project, "one: sleep 1000\ntwo: sh -c 'sleep 1000 & sleep 1001'\n", "Procfile")
    stack = up(project)
    stack.wait_for("all ready")
    assert stack.stop(number) == status
    assert stack.marked() == []


DAEMON = """
import os, time, signal, sys
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if os.fork() == 0:
        print("daemon", os.getpid(), flush=True)
        time.sleep(1000)
    os._exit(0)
time.sleep(1000)
"""


def test_what_has_left_its_session_and_ignores_signals_is_ended_too(
    project: Path, up: "StartUp"
) -> None:
    (project / "daemon.py").write_text(DAEMON)
    write(
        project,
        f"""
        services:
          daemon:
            command: {sys.executable} daemon.py
            port: false
            stopGracePeriod: 300ms
        """,
    )
    stack = up(project)
    stack.wait_for("daemon | daemon ")
    stack.wait_for("all ready")
    assert len(stack.marked()) == 2
    assert stack.stop() == 130
    assert stack.marked() == []


def test_a_second_ctrl_c_kills_what_ignores_the_first(project: Path, up: "StartUp") -> None:
    write(
        project,
        """
        services:
          stubborn:
            command: trap '' TERM; echo trapped; while true; do sleep 0.1; done
            port: false
            stopGracePeriod: 60s
        """,
    )
    stack = up(project)
    stack.wait_for("trapped")
    stack.send(signal.SIGINT)
    stack.wait_for("stopping stubborn")
    with pytest.raises(Exception, match="timed out"):
        # What is shorter than this is taken for one press that was delivered twice.
        stack.process.wait(0.3)
    assert stack.stop() == 130
    assert stack.marked() == []


def test_what_forks_away_is_told_and_ended(project: Path, up: "StartUp") -> None:
    write(project, "away: sh -c 'sleep 1000 &'\nstay: sleep 1000\n", "Procfile")
    stack = up(project)
    stack.wait_for("it has to stay in the foreground")
    stack.wait_for("away exited with status 0")
    assert [process.cmdline() for process in stack.marked()] == [["sleep", "1000"]]
    assert stack.stop() == 130


def test_a_crash_is_followed_by_restarts_and_in_the_end_by_failure(
    project: Path, up: "StartUp"
) -> None:
    write(
        project,
        """
        services:
          api:
            command: echo about to fail; echo bad thing >&2; exit 3
            restart: on-failure:2
            port: false
        """,
    )
    stack = up(project)
    assert stack.wait() == 1
    assert stack.lines_of("api").count("about to fail") == 3
    assert "api exited with status 3; restart in 0.5 s" in stack.said
    assert "api failed: exited with status 3; gave up after 2 restarts\n" in stack.said
    assert "  api | bad thing\n" in stack.said
    assert "(PW0903)" in stack.said


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("no-such-program --x", "exited with status 127 (command not found)"),
        ("[no-such-program]", "command not found: no-such-program"),
        ("[./plain]", "not executable: ./plain"),
        ("./plain", "exited with status 126 (not executable)"),
        ("[./]", "not executable: ./"),
    ],
    ids=["text missing", "list missing", "list plain file", "text plain file", "list folder"],
)
def test_a_command_that_cannot_run_fails_at_once(
    project: Path, up: "StartUp", command: str, reason: str
) -> None:
    (project / "plain").write_text("#!/bin/sh\n")
    write(project, f"services: {{api: {{command: {command}, port: false}}}}")
    stack = up(project)
    assert stack.wait() == 1
    assert f"api failed: {reason}" in stack.said
    assert "restart in" not in stack.said


def test_a_working_folder_that_is_missing_is_named(project: Path, up: "StartUp") -> None:
    write(project, "services: {api: {command: [ls], workingDir: nowhere, port: false}}")
    stack = up(project)
    assert stack.wait() == 1
    assert f"its workingDir {project}/nowhere is not a directory" in stack.said


@pytest.mark.parametrize(
    ("ready", "prepare"),
    [
        ("{tcp: true}", ""),
        ("{http: /}", ""),
        ("{exec: test -e mark}", "touch mark; "),
        ("{exec: [test, -e, mark]}", "touch mark; "),
        ("{log: 'Serving HTTP on .* port [0-9]+'}", ""),
        ("{tcp: true, http: /, log: Serving}", ""),
    ],
    ids=["tcp", "http", "exec text", "exec list", "log", "several"],
)
def test_readiness_is_found_out(project: Path, up: "StartUp", ready: str, prepare: str) -> None:
    write(
        project,
        f"""
        services:
          api:
            command: sleep 0.2; {prepare}exec {SERVE}
            ready: {ready}
        """,
    )
    stack = up(project)
    stack.wait_for("api ready on ")
    assert stack.stop() == 130


@pytest.mark.parametrize(
    ("ready", "reason"),
    [
        ("{tcp: true, timeout: 300ms}", "nothing of it listens on port"),
        ("{http: /, timeout: 300ms}", "nothing of it listens on port"),
        ("{exec: 'echo no luck; exit 4', timeout: 300ms}", "exited with status 4: no luck"),
        ("{log: never, timeout: 300ms}", "no line matches 'never'"),
    ],
    ids=["tcp", "http", "exec", "log"],
)
def test_what_never_becomes_ready_fails_with_the_last_answer(
    project: Path, up: "StartUp", ready: str, reason: str
) -> None:
    write(
        project,
        f"""
        services:
          api: {{command: echo starting; sleep 1000, ready: {ready}}}
          web: {{command: sleep 1000, dependsOn: [api]}}
        """,
    )
    stack = up(project)
    assert stack.wait() == 1
    assert "api failed: not ready after 0.3 s: " in stack.said
    assert reason in stack.said
    assert "web is blocked: api is " in stack.said
    assert stack.marked() == []


def test_a_listener_that_was_only_expected_may_be_late(project: Path, up: "StartUp") -> None:
    write(project, "web: sleep 1000 # $PORT\n", "Procfile")
    stack = up(project, "--timeout", "300ms")
    stack.wait_for("web is unhealthy: not ready after 0.3 s: nothing of it listens on port")
    assert stack.process.poll() is None
    assert stack.stop() == 130


def test_a_port_that_a_stranger_holds_is_named(project: Path, up: "StartUp", pool: "Pool") -> None:
    write(project, f"web: {SERVE}\n", "Procfile")
    first = up(project)
    first.wait_for("all ready")
    assert first.stop() == 130
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", pool.start))
        stranger.listen()
        stack = up(project)
        assert stack.wait() == 1
    assert f"web failed: its port {pool.start} is held by pid {os.getpid()} (" in stack.said


def test_a_dependency_that_fails_blocks_what_needs_it(project: Path, up: "StartUp") -> None:
    write(
        project,
        """
        services:
          seed: {command: "false", oneshot: true, port: false}
          api: {command: sleep 1000, port: false, dependsOn: [seed]}
          web: {command: sleep 1000, port: false, dependsOn: [api]}
        """,
    )
    stack = up(project)
    assert stack.wait() == 1
    assert "api is blocked: seed is failed: exited with status 1" in stack.said
    assert "web is blocked: api is blocked" in stack.said
    assert "also failed or blocked: api, web (PW0903)" in stack.said


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
    assert "PORTWEAVE_TOKEN" not in env


def test_a_chosen_port_is_the_services_port(project: Path, up: "StartUp", pool: "Pool") -> None:
    chosen = pool.end - 1
    (project / ".env").write_text(f"API_PORT={chosen}\n")
    write(project, f"services: {{api: {{command: '{SERVE}', ready: {{tcp: true}}}}}}")
    stack = up(project)
    stack.wait_for(f"api ready on {chosen}")
    assert stack.stop() == 130


def test_a_chosen_port_of_another_live_stack_is_refused(
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


def test_a_second_up_is_refused_and_names_the_first(
    project: Path, up: "StartUp", cli: "Cli"
) -> None:
    write(project, "web: sleep 1000\n", "Procfile")
    stack = up(project)
    stack.wait_for("web  → ")
    refused = cli("up", cwd=project)
    assert refused.returncode == 1
    assert f"is running already (pid {stack.process.pid}) (PW0901)" in refused.stderr
    assert stack.stop() == 130


def test_scale_gives_each_instance_its_own_port_and_name(
    project: Path, up: "StartUp", pool: "Pool"
) -> None:
    write(project, "web: echo $PORT $PORTWEAVE_INSTANCE $PORTWEAVE_SERVICE\n", "Procfile")
    stack = up(project, "--scale", "web=3")
    assert stack.wait() == 0
    assert stack.lines_of("web") == [f"{pool.start} 1 web-main"]
    assert stack.lines_of("web.3") == [f"{pool.start + 2} 3 web.3-main"]


def test_named_services_bring_what_they_need(project: Path, up: "StartUp") -> None:
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


def test_the_end_of_one_may_end_all(project: Path, up: "StartUp") -> None:
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


def test_restart_policies_can_be_overruled(project: Path, up: "StartUp") -> None:
    write(project, "api: exit 3\n", "Procfile")
    stack = up(project, "--restart", "no")
    assert stack.wait() == 1
    assert "api failed: exited with status 3\n" in stack.said


def test_a_service_that_ends_well_does_not_end_the_others(project: Path, up: "StartUp") -> None:
    write(project, "short: echo done\nlong: sleep 1000\n", "Procfile")
    stack = up(project)
    stack.wait_for("short exited with status 0")
    stack.wait_for("all ready")
    assert stack.process.poll() is None
    assert stack.stop() == 130


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


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--scale", "web"], "--scale takes NAME=N, received 'web'"),
        (["--scale", "wbe=2"], 'no service is named "wbe"'),
        (["--restart", "sometimes"], "--restart takes no, on-failure, on-failure:N or always"),
        (["--timeout", "soon"], "--timeout takes a time such as 90, 90s or 1m30s"),
        (["--exit-code-from", "wbe"], "--exit-code-from names wbe, which is not started"),
        (["wbe"], 'no service is named "wbe"'),
        (["--no-such"], "unknown option '--no-such'"),
        (["--", "web"], "up takes names of services, not a command"),
    ],
    ids=["scale", "scale name", "restart", "timeout", "exit code", "name", "option", "command"],
)
def test_wrong_words_are_explained(
    project: Path, cli: "Cli", args: list[str], message: str
) -> None:
    write(project, "web: sleep 1\n", "Procfile")
    done = cli("up", *args, cwd=project)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_services_without_commands_are_nothing_to_start(project: Path, cli: "Cli") -> None:
    write(project, '{"services": {"web": {"envVar": "PORT"}}}', "portweave.config.json")
    done = cli("up", cwd=project)
    assert done.returncode == 1
    assert "no service has a command" in done.stderr
    assert "(PW0905)" in done.stderr


def test_three_worktrees_run_side_by_side(repo: "MakeRepo", up: "StartUp", pool: "Pool") -> None:
    roots = repo(2)
    stacks: list[Stack] = []
    for root in roots:
        write(root, f"web: {SERVE}\napi: {SERVE}\n", "Procfile")
        stacks.append(up(root))
    for stack in stacks:
        stack.wait_for("all ready")
    connections: list[Any] = [c for c in psutil.net_connections("tcp") if c.laddr]
    ports = {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
    assert len(ports & set(range(pool.start, pool.end))) == 6
    for stack in stacks:
        assert stack.stop() == 130
        assert stack.marked() == []


def test_quit_prints_the_states_and_goes_on(project: Path, up: "StartUp") -> None:
    write(project, "web: sleep 1000\n", "Procfile")
    stack = up(project)
    stack.wait_for("web  → ")
    stack.send(signal.SIGQUIT)
    stack.wait_for("web: starting pid ")
    assert stack.process.poll() is None
    assert stack.stop() == 130


def test_user_signals_reach_the_services(project: Path, up: "StartUp") -> None:
    write(
        project,
        "web: trap 'echo got it' USR1; echo set; while true; do sleep 0.05; done\n",
        "Procfile",
    )
    stack = up(project)
    stack.wait_for("web | set")
    stack.send(signal.SIGUSR1)
    stack.wait_for("web | got it")
    assert stack.stop() == 130


UNKILLABLE = """
import os, sys, anyio
from portweave.supervisor import run as stacks, service
from portweave.supervisor.core.plan import InstancePlan, StackPlan
from portweave.supervisor.run import run
from portweave.supervisor.work import Options, Work

# As if the process hung in the kernel: no signal gets through.
service.signal_group = service.signal_each = stacks.signal_each = lambda *_: None
service.KILL_PATIENCE_S = stacks.KILL_PATIENCE_S = stacks.STRAY_GRACE_S = 0.1
plan = InstancePlan(
    "stuck", "stuck", 1, "stuck-main", ("sleep", "1000"), "sleep 1000", "/", dict(os.environ),
    stop_grace_s=0.1,
)
stack = StackPlan("p", "main", "/", (plan,), frozenset({"stuck"}))
sys.exit(anyio.run(run, Work(stack, Options(tag="t"), 0.0)))
"""


def test_what_cannot_be_ended_is_named(spawned: "Spawn", cli: "Cli", project: Path) -> None:
    process = spawned(
        [sys.executable, "-I", "-c", UNKILLABLE],
        cwd=project,
        env=cli.env(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "stuck ready" not in (line := process.stderr.readline()):
        assert line
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    left = re.search(r"still alive after SIGKILL: pid (\d+) \(sleep 1000\) \(PW0904\)", said)
    assert left, said
    os.kill(int(left[1]), signal.SIGKILL)
    assert process.wait(20) == 1


def test_commands_of_several_lines_run_to_their_end(project: Path, up: "StartUp") -> None:
    write(
        project,
        """
        services:
          lines:
            command: |
              ls portweave.yaml   # don't stop here
              echo second line
            port: false
          comment: {command: 'echo one # "two', port: false}
        """,
    )
    stack = up(project)
    assert stack.wait() == 0
    assert stack.lines_of("lines") == ["portweave.yaml", "second line"]
    assert stack.lines_of("comment") == ["one"]


def test_a_probe_is_bounded_by_the_time_that_is_left(project: Path, up: "StartUp") -> None:
    write(
        project,
        """
        services:
          api:
            command: sleep 1000
            port: false
            ready: {exec: sleep 1000, timeout: 500ms, interval: 200ms}
        """,
    )
    stack = up(project)
    assert stack.wait(timeout_s=5) == 1
    assert "api failed: not ready after 0.5 s: its probes gave no answer in time" in stack.said


def test_a_server_that_drips_its_answer_does_not_keep_the_stack(
    project: Path, up: "StartUp"
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        write(
            project,
            f"""
            services:
              api:
                command: sleep 1000
                port: false
                ready: {{http: "http://127.0.0.1:{port}/x", interval: 200ms}}
            """,
        )
        stack = up(project)
        # It is connected to, and never answered.
        connection, _ = listener.accept()
        with connection:
            assert stack.stop() == 130


def test_a_server_on_the_other_family_is_found(project: Path, up: "StartUp") -> None:
    command = f"{sys.executable} -u -m http.server $PORT --bind ::1"
    write(project, f"services: {{web: {{command: '{command}', ready: {{http: /}}}}}}")
    stack = up(project)
    stack.wait_for("web ready on ")
    assert stack.stop() == 130


def test_what_a_probe_leaves_behind_is_ended(project: Path, up: "StartUp") -> None:
    write(
        project,
        """
        services:
          api:
            command: sleep 1000
            port: false
            ready: {exec: "setsid -f sleep 1001; false", timeout: 1s, interval: 100ms}
        """,
    )
    stack = up(project)
    assert stack.wait() == 1
    assert stack.marked() == []


def test_blocked_signals_are_not_passed_to_services(
    project: Path, cli: "Cli", spawned: "Spawn"
) -> None:
    write(project, "api: sleep 1000\n", "Procfile")
    blocking = (
        "import os, signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    process = spawned(
        [sys.executable, "-c", blocking, *cli.argv, "up"],
        cwd=project,
        env=cli.env(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "api ready" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    # The grace is ten seconds.
    assert process.wait(5) == 143


def test_few_descriptors_are_no_end(project: Path, cli: "Cli") -> None:
    write(project, "".join(f"s{n}: echo one\n" for n in range(40)), "Procfile")
    script = 'ulimit -S -n 64; exec "$@"'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *cli.argv, "up"],
        cwd=project,
        env=cli.env(),
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("| one") == 40


@pytest.mark.parametrize("limit", [24, 40, 64])
def test_without_descriptors_some_fail_and_nothing_is_left(
    project: Path, up: "StartUp", cli: "Cli", limit: int
) -> None:
    write(project, "".join(f"s{n}: sleep 1000\n" for n in range(40)), "Procfile")
    words = list(cli.argv)
    cli.argv[:] = ["/bin/sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *words]
    stack = up(project)
    stack.wait_for("Too many open files")
    assert stack.stop() in (1, 130)
    assert "Traceback" not in stack.said
    assert stack.marked() == []


def test_closed_outputs_leave_the_state_files_alone(project: Path, cli: "Cli", home: Path) -> None:
    write(project, "api: echo hello\n", "Procfile")
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&- 2>&-', "sh", *cli.argv, "up"],
        cwd=project,
        env=cli.env(),
        timeout=20,
        check=False,
    )
    assert done.returncode == 0
    locks = list((home / "state/portweave/stacks").glob("*.lock"))
    assert [lock.read_text() for lock in locks] == [""]


def test_a_state_folder_that_cannot_be_used_is_told(project: Path, cli: "Cli") -> None:
    write(project, "api: echo hello\n", "Procfile")
    done = cli("up", cwd=project, env={"XDG_STATE_HOME": "/dev/null"})
    assert done.returncode == 1
    assert "/dev/null/portweave/stacks" in done.stderr
    assert "(PW0305)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_for_output_is_no_traceback(project: Path, cli: "Cli") -> None:
    write(project, "api: echo hello\n", "Procfile")
    for words in (["schema"], ["check"], ["up", "--dry-run"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [*cli.argv, *words],
                cwd=project,
                env=cli.env(),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=20,
                check=False,
            )
        assert (done.returncode, done.stderr) == (1, "")


def test_one_that_failed_by_being_late_does_not_count_as_good(project: Path, up: "StartUp") -> None:
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


def test_what_is_handed_to_us_is_reaped_as_it_ends(
    project: Path, up: "StartUp", eventually: Callable[..., None]
) -> None:
    write(project, "api: (sleep 0.2 & sleep 0.2 &) ; (sleep 0.3 &) ; sleep 1000\n", "Procfile")
    stack = up(project)
    stack.wait_for("all ready in")

    def zombies() -> list[psutil.Process]:
        family = psutil.Process(stack.process.pid).children(recursive=True)
        return [process for process in family if process.status() == psutil.STATUS_ZOMBIE]

    eventually(lambda: not zombies())
    assert stack.stop() == 130
