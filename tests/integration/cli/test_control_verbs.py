"""The verbs that control a running stack, with real stacks."""

import json
import os
import re
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.stacks import (
    IDLE,
    SERVE,
    STUBBORN,
    write,
)
from tests.support.terminals import Terminal

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached

DEFINITIONS = f"""
services:
  web: {{command: {SERVE}}}
  api: {IDLE}
  db: {IDLE}
  job: {{command: 'true', oneshot: true, port: false}}
"""
ROW = {
    *("name", "instance", "fullName", "state", "pid", "port", "url", "restarts", "exitCode"),
    *("startedAt", "readyAt", "cpuPercent", "cpuSeconds", "rssBytes", "reason"),
}


def services(text: str) -> list[dict[str, Any]]:
    """The rows of a verb's JSON output."""
    answer = json.loads(text)
    assert answer["schemaVersion"] == 1
    assert all(row.keys() >= ROW for row in answer["services"])
    rows: list[dict[str, Any]] = answer["services"]
    return rows


def test_each_verb_acts_on_the_stack_of_its_folder(
    detached: "Detached", project: Path, eventually: Callable[..., None]
) -> None:
    write(project, DEFINITIONS)
    deep = project / "some" / "where"
    deep.mkdir(parents=True)
    detached.up()
    before = detached.ps()
    assert [row["state"] for row in before.values()] == ["ready", "ready", "ready", "completed"]
    assert before["web"]["port"] == detached.record()["ports"]["web"]
    assert psutil.Process(before["api"]["pid"]).is_running()
    assert before["job"]["exitCode"] == 0

    # From a subfolder, without the stack's variables: the same stack.
    stopped = detached("stop", "api", "db-main", "--json", cwd=deep)
    assert [row["state"] for row in services(stopped.stdout)] == ["stopped", "stopped"]
    again = detached("stop", "api", cwd=deep)
    assert "stopped api" in again.stderr
    assert again.stdout == ""
    started = detached("start", "api", "--json", cwd=deep)
    assert [row["name"] for row in services(started.stdout)] == ["api"]
    waited = services(detached("wait", "api", "--json", cwd=deep).stdout)
    assert [(row["name"], row["verdict"]) for row in waited] == [("api", "come")]
    detached("restart", "web", "job", cwd=deep)
    detached("wait", cwd=deep, status=1)  # `db` is stopped and does not start by itself
    detached("start", cwd=deep)
    detached("wait", cwd=deep)
    after = detached.ps()
    assert [row["state"] for row in after.values()] == ["ready", "ready", "ready", "completed"]
    assert all(after[name]["pid"] != before[name]["pid"] for name in ("web", "api", "db"))
    assert after["web"]["port"] == before["web"]["port"]

    # The restart policy also restarts a service after a signal.
    detached("kill", "-s", "kill", "api")
    eventually(lambda: detached.ps()["api"]["restarts"] == 1)
    said = detached.down()
    assert re.fullmatch(r"\[portweave\] shop/main stopped 3 services in [\d.]+ s\n", said)


def test_ps_prints_a_table_on_a_terminal_and_tabs_on_a_pipe(
    detached: "Detached", project: Path
) -> None:
    write(project, DEFINITIONS)
    detached.up()
    lines = [line.split("\t") for line in detached("ps").stdout.splitlines()]
    assert [line[0] for line in lines] == ["web", "api", "db", "job"]
    assert lines[0][1] == "ready"
    assert lines[3][1:4] == ["completed", "-", "-"]
    assert detached("ps", "-q", "api", "job-main").stdout == "api-main\njob-main\n"
    [stack] = json.loads(detached("ps", "--all", "--json").stdout)["stacks"]
    assert stack["worktreeRoot"] == str(project)
    assert stack["supervisor"]["pid"] == detached.supervisor().pid
    wide = detached("ps", "-a").stdout.splitlines()
    assert [line.split("\t")[:3] for line in wide[:2]] == [
        ["shop", "main", "web"],
        ["shop", "main", "api"],
    ]
    row = detached.ps()["web"]
    assert row["rssBytes"] > 1_000_000
    assert row["readyAt"] >= row["startedAt"]


@pytest.mark.slow
def test_invalid_arguments_have_an_explanation(
    detached: "Detached", project: Path, tmp_path: Path
) -> None:
    write(project, f"services: {{web: {IDLE}}}\n")
    for verb in ("ps", "start", "stop", "restart", "kill x", "wait", "reload", "scale web=2"):
        done = detached(*verb.split(), status=1)
        assert "no stack is running in" in done.stderr, verb
        assert "portweave up -d starts it" in done.stderr, verb
    failed = json.loads(detached("ps", "--json", status=1).stdout)
    assert failed["error"]["code"] == "PW1001"
    assert detached("down").stderr == f"[portweave] no stack is running in {project}\n"
    stopped = detached("down", "--json")
    assert json.loads(stopped.stdout) == {"schemaVersion": 1, "stopped": []}
    detached.up()
    for words in ("ps wbe", "start wbe", "stop wbe", "restart wbe", "kill wbe", "wait wbe"):
        done = detached(*words.split(), status=1)
        assert "has no service 'wbe' (PW1004)" in done.stderr, words
        assert "did you mean web?" in done.stderr, words
    for words, message in {
        "exec wbe -- true": "has no service 'wbe'",
        "events wbe": "has no service 'wbe'",
        "exec web": "exec takes one service and a command",
        "kill": "which one is the signal for?",
        "kill web -s NOPE": "there is no signal 'NOPE' (PW1008)",
        "kill web -s 0": "there is no signal '0'",
        "wait --for tea": "--for takes ready or exit",
        "wait --timeout 0": "--timeout takes a time",
        "scale web": "error: scale takes NAME=N",
        "scale web=-1": "takes NAME=N",
        "scale wbe=2": "wbe",
        "reload web": "it takes no names",
        "down web": "down stops the whole stack, not web",
        "down -t soon": "-t takes a time",
        "ps --stack other": "no stack is running as other",
    }.items():
        assert message in detached(*words.split(), status=1).stderr, words
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "no stack is running in" in detached("ps", cwd=elsewhere, status=1).stderr
    for name in ("main", "shop/main"):
        assert detached("ps", "-q", "--stack", name, cwd=elsewhere).stdout == "web-main\n"
    detached("ps", "--stack", "toys/main", cwd=elsewhere, status=1)


@pytest.mark.slow
def test_a_running_stack_keeps_its_ports_without_listeners(
    detached_at: "Callable[[Path], Detached]", repo: Callable[[int], list[Path]]
) -> None:
    one, other = map(detached_at, repo(1))
    idle = "services: {api: {command: 'echo up; exec sleep 1000', ready: {log: up}}}\n"
    write(one.root, idle)
    write(other.root, idle)
    one.up()
    before = one.ps()["api"]
    # More instances than the block has ports: first by a second up, then by scale.
    one.up("--scale", "api=2")
    one("scale", "api=3")
    one("wait")
    rows = one.ps()
    assert (rows["api"]["pid"], rows["api"]["port"]) == (before["pid"], before["port"])
    other.up()
    ports = {row["port"] for row in (*rows.values(), *other.ps().values())}
    assert len(ports) == 4
    # The record has the ports of all instances, and no other stack may use one of them.
    assert one.record()["ports"] == {name: row["port"] for name, row in rows.items()}
    other.down()
    chosen: dict[str, str | None] = {"API_PORT": str(rows["api.3"]["port"])}
    refused = other("up", "-d", env=chosen, status=1).stderr
    assert "but that is the port of api.3 of the live stack" in refused
    one("scale", "api=1")
    assert list(one.record()["ports"]) == ["api"]


@pytest.mark.slow
def test_names_select_one_of_several_stacks(
    detached_at: "Callable[[Path], Detached]",
    repo: Callable[[int], list[Path]],
    tmp_path: Path,
) -> None:
    main, linked = repo(1)
    other = tmp_path / "toys"
    other.mkdir()
    for root in (main, linked, other):
        write(root, f"services: {{web: {IDLE}}}\n")
    stacks = [detached_at(root) for root in (main, linked, other)]
    for stack in stacks:
        stack.up()
    ask = stacks[2]
    several = ask("ps", "--stack", "main", status=1)
    assert "--stack main fits several stacks: " in several.stderr
    assert ask("ps", "-q", "--stack", "shop/main").stdout == "web-main\n"
    namespace = stacks[1].record()["namespace"]
    for name in (namespace, namespace.rpartition("-")[0]):
        assert ask("ps", "-q", "--stack", name).stdout == f"web-{namespace}\n"
    ask("restart", "--stack", namespace, "web")
    printed = ask("down", "--all").stderr
    assert sorted(re.sub(r"[\d.]+ s$", "", line) for line in printed.splitlines()) == sorted(
        f"[portweave] {name} stopped 1 service in "
        for name in ("shop/main", f"shop/{namespace}", "toys/main")
    )
    assert not any(stack.record() for stack in stacks)
    assert "no stack is running on this machine" in ask("down", "--all").stderr


SIGNALS = """
import os, signal, sys, time
for name in ("SIGUSR1", "SIGQUIT"):
    def note(number, frame, name=name):
        with open(f"{sys.argv[1]}-{name}", "w"):
            pass
    signal.signal(getattr(signal, name), note)
child = sys.argv[1] == "leader" and os.fork() == 0
if child:
    os.execv(sys.executable, [sys.executable, __file__, "child"])
if sys.argv[1] == "child":
    print("up", flush=True)
while True:
    time.sleep(1000)
"""


def test_a_signal_reaches_all_processes_of_a_service_or_only_its_leader(
    detached: "Detached", project: Path, eventually: Callable[..., None]
) -> None:
    (project / "signals.py").write_text(SIGNALS)
    write(
        project,
        f"services: {{app: {{command: {sys.executable} signals.py leader, port: false,"
        " ready: {log: up}}}\n",
    )
    detached.up()
    detached("kill", "-s", "quit", "app")
    eventually(lambda: len(list(project.glob("*-SIGQUIT"))) == 2)
    detached("kill", "-s", str(int(signal.SIGUSR1)), "app")
    eventually(lambda: (project / "leader-SIGUSR1").exists())
    leader = psutil.Process(detached.ps()["app"]["pid"])
    [child] = leader.children()
    detached("kill", "-s", "SIGSTOP", "app")
    eventually(lambda: {leader.status(), child.status()} == {psutil.STATUS_STOPPED})
    detached("kill", "-s", "CONT", "app")
    eventually(lambda: psutil.STATUS_STOPPED not in {leader.status(), child.status()})
    assert not (project / "child-SIGUSR1").exists()
    detached("kill", "-s", "STOP", "app")
    # portweave can also stop a process that SIGSTOP has paused.
    detached("stop", "app")
    assert "none of that is running" in detached("kill", "app").stderr


def test_wait_ends_at_its_goal_or_reports_the_reason(detached: "Detached", project: Path) -> None:
    write(
        project,
        f"""
services:
  idle: {IDLE}
  never: {{command: sleep 1000, port: false, ready: {{exec: 'false', timeout: 1h}}}}
  fails: {{command: 'echo why; exit 3', port: false, restart: 'no'}}
  needs: {{command: sleep 1000, port: false, dependsOn: [fails]}}
  done: {{command: 'true', port: false, oneshot: true}}
  later: {{command: 'true', port: false, profiles: [x]}}
""",
    )
    printed = detached("up", "-d", "idle", "needs", "done", status=1).stderr
    assert "fails is failed: exited with status 3" in printed
    assert "fails | why" in printed
    detached("start", "never")
    detached("wait", "idle", "done")
    late = detached("wait", "never", "--timeout", "300ms", "--json", status=124)
    error = json.loads(late.stdout)["error"]
    assert error["code"] == "PW1006"
    # The reason is the last result of its probe.
    assert "never is starting: false exited with status 1" in error["message"]
    late = detached("wait", "idle", "--for", "exit", "--timeout", "200ms", status=124)
    assert "not at an end after 0.2 s: idle is ready" in late.stderr
    vain = detached("wait", "needs", status=1)
    assert "needs is blocked: fails" in vain.stderr
    assert "(PW1007)" in vain.stderr
    assert "later is stopped" in detached("wait", "later", status=1).stderr
    ended = services(detached("wait", "--for", "exit", "done", "fails", "--json").stdout)
    assert [(row["exitCode"], row["verdict"]) for row in ended] == [(0, "come"), (3, "come")]
    waiting = detached.beside("wait", "--for", "exit", "idle")
    stopping = detached.beside("stop", "idle")
    for process in (waiting, stopping):
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0, (out, err)


def test_exec_has_the_environment_of_a_service_and_the_status_of_its_command(
    detached: "Detached", project: Path
) -> None:
    (project / "inner").mkdir()
    (project / "script").write_text("no")
    write(
        project,
        f"""
services:
  web:
    command: {SERVE}
    workingDir: inner
    scale: 2
    environment: {{COLOUR: red, ODD: "two\\nlines"}}
""",
    )
    detached.up()
    show = f"{sys.executable} -Ic 'import json, os; print(json.dumps(dict(os.environ)))'"
    found = json.loads(detached("exec", "web", "--", "sh", "-c", show).stdout)
    ports = detached.record()["ports"]
    assert found["PORT"] == found["WEB_PORT"] == str(ports["web"])
    assert (found["COLOUR"], found["ODD"]) == ("red", "two\nlines")
    assert found["PORTWEAVE_SERVICE"] == "web-main"
    assert "PORTWEAVE_INVOCATION" not in found
    assert "PORTWEAVE_TOKEN" not in found
    assert found["PWD"] == str(project / "inner")
    other = detached("exec", "web.2", "--", "sh", "-c", "echo $PORT $TERM", env={"TERM": "odd"})
    assert other.stdout == f"{ports['web.2']} odd\n"
    for words, status in {
        "sh -c 'exit 7'": 7,
        "no-such-command": 127,
        "./no-such-file": 127,
        str(project / "script"): 126,
        str(project): 126,
    }.items():
        command = ["sh", "-c", "exit 7"] if status == 7 else [words]
        detached("exec", "web", "--", *command, status=status)
    detached("exec", "web", "--", "sh", "-c", "kill -TERM $$", status=-signal.SIGTERM)
    # The command of `exec` is not part of the stack, which stops without waiting for it.
    lasting = detached.beside("exec", "web", "--", "sh", "-c", "echo up; read line")
    assert lasting.poll() is None or lasting.returncode == 0
    detached.down()
    lasting.communicate(timeout=10)


def test_events_are_printed_until_the_stack_ends(
    detached: "Detached", project: Path, eventually: Callable[..., None]
) -> None:
    write(project, f"services: {{web: {IDLE}, api: {IDLE}}}\n")
    detached.up()
    watcher = detached.beside("events", "--json")
    one = detached.beside("events", "--json", "api")

    def both_have_events() -> bool:
        detached("restart", "web", "api")
        detached("wait")
        pipes = [process.stdout for process in (watcher, one) if process.stdout is not None]
        return len(select.select(pipes, [], [], 0)[0]) == 2

    eventually(both_have_events)
    detached.down()
    out, err = watcher.communicate(timeout=20)
    assert (watcher.returncode, err) == (0, "")
    seen: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    # How many events of the restart they get is chance. They always get those of the end.
    for name in ("web", "api"):
        own = [event for event in seen if event["name"] == name]
        assert [event["state"] for event in own][-2:] == ["stopping", "stopped"]
        assert own[-1]["previous"] == "stopping"
    keys = "time event name instance fullName state previous pid port restarts exitCode reason text"
    assert all(event.keys() == set(keys.split()) for event in seen)
    out, err = one.communicate(timeout=20)
    assert {json.loads(line)["fullName"] for line in out.splitlines()} == {"api-main"}


def test_events_begin_with_the_last_ones(detached: "Detached", project: Path, cli: "Cli") -> None:
    write(project, f"services: {{web: {IDLE}, api: {IDLE}}}\n")
    detached.up()
    detached("stop", "api")
    last = detached.beside("events", "-n", "1", "--json")
    text = detached.beside("events", "api")
    new = detached.beside("events", "-n", "0")
    assert last.stdout is not None
    assert text.stdout is not None
    assert json.loads(last.stdout.readline())["state"] == "stopped"
    lines = [text.stdout.readline() for _ in range(4)]
    said = [line.split(" ", 1)[1].rstrip() for line in lines]
    assert (said[0], said[2:]) == ("api is starting", ["api is stopping", "api stopped"])
    assert said[1].startswith("api ready")
    terminal = Terminal([*cli.argv, "events"], project, cli.env({"TERM": "xterm", "LC_ALL": "C"}))
    try:
        terminal.wait_for(b"\x1b[32m+\x1b[0m api ready")
        terminal.wait_for(b"\x1b[2m>\x1b[0m api stopped")
        detached.down()
        assert terminal.end() == 0
    finally:
        terminal.process.kill()
        os.close(terminal.master)
    for process in (last, text, new):
        out, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        # The new events are those of the end.
        assert process is not new or "ready" not in out


def test_a_wrong_number_of_past_events_is_an_error(cli: "Cli", project: Path) -> None:
    done = cli("events", "-n", "x", cwd=project)
    assert (done.returncode, done.stdout) == (1, "")
    assert "-n takes a number, received 'x' (PW0601)" in done.stderr


def test_a_stop_ends_when_a_start_reverses_it(
    detached: "Detached", project: Path, eventually: Callable[..., None]
) -> None:
    write(project, f"services: {{web: {STUBBORN.replace('20s', '500ms')}}}\n")
    detached.up()
    pid = detached.ps()["web"]["pid"]
    stopping = detached.beside("stop", "web")
    eventually(lambda: detached.ps()["web"]["state"] == "stopping")
    detached("start", "web")
    out, err = stopping.communicate(timeout=20)
    assert stopping.returncode == 0, (out, err)
    detached("wait", "web")
    assert detached.ps()["web"]["pid"] != pid


def test_each_run_of_a_service_gets_the_socket_and_a_new_token(
    detached: "Detached", project: Path
) -> None:
    command = "echo $PORTWEAVE_SOCKET $PORTWEAVE_TOKEN >> told; echo up; exec sleep 1000"
    write(
        project, f"services: {{web: {{command: '{command}', port: false, ready: {{log: up}}}}}}\n"
    )
    detached.up()
    detached("restart", "web")
    detached("wait", "web")
    first, second = [line.split() for line in (project / "told").read_text().splitlines()]
    assert first[0] == second[0] == detached.record()["socket"]
    assert len(first[1]) == len(second[1]) == 32
    assert first[1] != second[1]


@pytest.mark.slow
def test_a_stopping_stack_starts_no_services(
    detached: "Detached", project: Path, eventually: Callable[..., None]
) -> None:
    write(project, f"services: {{web: {STUBBORN}, api: {IDLE}}}\n")
    detached.up()
    going = detached.beside("down", "-t", "5s")
    eventually(lambda: detached.ps()["web"]["state"] == "stopping")
    for words in ("restart web", "start api", "scale web=2", "reload"):
        refused = detached(*words.split(), status=1)
        assert "the stack main is being stopped (PW1005)" in refused.stderr, words
    detached("down", "-t", "0")
    out, err = going.communicate(timeout=20)
    assert going.returncode == 0, (out, err)
