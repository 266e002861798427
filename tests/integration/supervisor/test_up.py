"""`portweave up` with real processes: start, order, restarts and ends."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.stacks import (
    SERVE,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.ports import Pool
    from tests.support.running_stacks import Stack, StartUp

MakeRepo = Callable[[int], list[Path]]


def test_a_stack_starts_in_order_and_stops_in_reverse(project: Path, up: "StartUp") -> None:
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


def test_a_service_that_is_needed_through_a_completed_job_stops_last(
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


def test_the_banner_names_project_worktree_ports_urls_and_left_out_services(
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
    [
        pytest.param(signal.SIGINT, 130, id="int"),
        pytest.param(signal.SIGTERM, 143, id="term", marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, id="hup", marks=pytest.mark.slow),
    ],
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


def test_a_process_that_left_its_session_and_ignores_signals_is_ended(
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


def test_a_second_ctrl_c_kills_services_that_ignore_the_first(project: Path, up: "StartUp") -> None:
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
        # A shorter time would count as one press that was delivered twice.
        stack.process.wait(0.3)
    assert stack.stop() == 130
    assert stack.marked() == []


def test_processes_that_fork_away_are_reported_and_ended(project: Path, up: "StartUp") -> None:
    write(project, "away: sh -c 'sleep 1000 &'\nstay: sleep 1000\n", "Procfile")
    stack = up(project)
    stack.wait_for("it has to stay in the foreground")
    stack.wait_for("away exited with status 0")
    assert [process.cmdline() for process in stack.marked()] == [["sleep", "1000"]]
    assert stack.stop() == 130


def test_crashes_cause_restarts_and_in_the_end_failure(project: Path, up: "StartUp") -> None:
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
        ("no-such-program --x", "exited with status 127: no-such-program: command not found"),
        ("[no-such-program]", "command not found: no-such-program"),
        ("[./plain]", "not executable: ./plain"),
        ("./plain", "exited with status 126: ./plain: not executable"),
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


def test_a_second_up_with_abort_on_exit_is_refused_and_names_the_first(
    project: Path, up: "StartUp", cli: "Cli"
) -> None:
    write(project, "web: sleep 1000\n", "Procfile")
    stack = up(project)
    stack.wait_for("web  → ")
    refused = cli("up", "--abort-on-exit", cwd=project)
    assert refused.returncode == 1
    assert f"is running already (pid {stack.process.pid}) (PW0901)" in refused.stderr
    assert stack.stop() == 130


def test_a_service_that_ends_well_does_not_end_the_others(project: Path, up: "StartUp") -> None:
    write(project, "short: echo done\nlong: sleep 1000\n", "Procfile")
    stack = up(project)
    stack.wait_for("short exited with status 0")
    stack.wait_for("all ready")
    assert stack.process.poll() is None
    assert stack.stop() == 130


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


def test_sigquit_prints_the_states_and_the_stack_goes_on(project: Path, up: "StartUp") -> None:
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
