"""Detached stacks: their start."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.stacks import (
    IDLE,
    PAIR,
    SERVE,
    SLOW,
    STUBBORN,
    alive,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached
    from tests.support.running_stacks import StartUp


def test_up_returns_when_all_is_ready(detached: "Detached", project: Path) -> None:
    write(project, f"services: {{web: {{command: {SERVE}}}, job: {IDLE}}}\n")
    said = detached.up()
    port = detached.record()["ports"]["web"]
    assert f"[portweave] web ready on {port} (" in said
    assert "[portweave] all ready in " in said
    assert detached.record()["detached"] is True
    # A second `up` finds all running, and says so in JSON.
    rows = json.loads(detached("up", "-d", "--json").stdout)["services"]
    assert [(row["fullName"], row["state"]) for row in rows] == [
        ("web-main", "ready"),
        ("job-main", "ready"),
    ]
    guardian, supervisor = detached.guardian(), detached.supervisor()
    # It has its own session without our processes, and its working folder can be unmounted.
    assert os.getsid(guardian.pid) == guardian.pid != os.getsid(0)
    for process in (guardian, supervisor):
        assert process.cwd() == "/"
        environ = process.environ()
        assert not [name for name in environ if name in ("PORTWEAVE_SOCKET", "PORTWEAVE_TOKEN")]
        assert process.terminal() is None
    detached.down()


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("{command: 'echo oh no; exit 3', port: false, restart: 'no'}", "exited with status 3"),
        ("{command: no-such-command, port: false}", "127: no-such-command: command not found"),
        (
            "{command: 'echo oh no; sleep 99', port: false, ready: {tcp: 1, timeout: 300ms}}",
            "not ready after 0.3 s: ",
        ),
    ],
    ids=["fails", "missing", "never ready"],
)
def test_a_service_that_is_not_ready_is_reported_with_its_last_lines(
    detached: "Detached", project: Path, service: str, said: str
) -> None:
    write(project, f"services: {{web: {IDLE}, api: {service}}}\n")
    done = detached("up", "-d", status=1)
    assert "error: not ready: api is failed: " in done.stderr
    assert said in done.stderr
    assert ("api | oh no" in done.stderr) is ("oh no" in service)
    # The others go on, so that the user can fix it.
    assert [row["state"] for row in detached.ps().values()] == ["ready", "failed"]
    failed = json.loads(detached("up", "-d", "--json", status=1).stdout)
    assert failed["error"]["code"] == "PW1007"


def test_a_service_that_is_not_ready_in_time_is_reported_with_its_reason(
    detached: "Detached", project: Path
) -> None:
    late = STUBBORN.replace("{log: up}", "{tcp: 1, timeout: 400ms}")
    write(project, f"services: {{api: {late}}}\n")
    done = detached("up", "-d", status=1)
    assert "api is stopping: not ready after 0.4 s: nothing of it listens on port 1" in done.stderr


def test_a_wait_that_times_out_names_what_is_missing(
    project: Path, up: "StartUp", cli: "Cli", eventually: Callable[..., None]
) -> None:
    write(project, "services: {web: {command: sleep 1000}}\n")
    up(project).wait_for("allocated")
    lacking = "web is starting: nothing of it listens on port "
    eventually(lambda: lacking in cli("wait", "--timeout", "0.01", cwd=project).stderr)


@pytest.mark.slow
def test_a_time_limit_is_for_all_services_together(detached: "Detached", project: Path) -> None:
    late = "{command: 'echo up; exec sleep 99', port: false, ready: {log: never, timeout: 60s}}"
    web = IDLE.replace("{log: up}", "{log: up, timeout: 60s}")
    after = f"{IDLE.removesuffix('}')}, dependsOn: [api]}}"
    write(project, f"services: {{web: {web}, api: {late}, zoo: {after}}}\n")
    for _ in range(2):
        # The second `up`, which finds the stack running, has the limit too.
        said = detached("up", "-d", "--timeout", "1", status=124).stderr
        assert "not ready after 1 s: api is starting: no line matches 'never'; zoo is" in said
        assert "zoo is waiting: waits for api to be ready" in said
    assert [row["state"] for row in detached.ps().values()] == ["ready", "starting", "waiting"]


def test_a_stack_that_cannot_start_leaves_no_process(
    detached: "Detached", project: Path, home: Path
) -> None:
    write(project, "services: {web: {comand: sleep 1}}\n")
    assert "(PW0102)" in detached("up", "-d", status=1).stderr
    for words in (["--exit-code-from", "web"], ["--abort-on-exit"]):
        assert "needs a stack in the foreground" in detached("up", "-d", *words, status=1).stderr
    write(project, PAIR)
    assert detached("up", "-d", "nope", status=1).stderr
    assert not [process for process in psutil.process_iter() if home_of(process) == str(home)]
    assert not detached.record()


def home_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("HOME", "")
    except psutil.Error:
        return ""


def test_ctrl_c_leaves_the_stack_starting(
    detached: "Detached", project: Path, eventually: Callable[..., None]
) -> None:
    write(project, f"services: {{web: {SLOW}}}\n")
    starting = detached.beside("up", "-d")
    eventually(lambda: detached.record() and detached.ps()["web"]["pid"])
    starting.send_signal(signal.SIGINT)
    _, said = starting.communicate(timeout=20)
    assert starting.returncode == 130
    assert "the stack goes on starting; portweave down stops it" in said
    assert detached.ps()["web"]["state"] == "starting"
    detached.down()


TERMINAL = """
import fcntl, os, subprocess, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
subprocess.run(sys.argv[1:])
sys.stdin.read()
"""


def test_a_detached_stack_outlives_terminal_and_session(
    detached: "Detached", project: Path, cli: "Cli", eventually: Callable[..., None]
) -> None:
    write(project, PAIR)
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, *cli.argv, "up", "-d"],
        cwd=project,
        env=cli.environ,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    said = b""
    while b"all ready in" not in said:
        said += os.read(master, 4096)
    family = detached.remember_processes()
    # The terminal closes, and the kernel sends SIGHUP to its session.
    os.close(master)
    assert process.wait(10) != 0
    eventually(lambda: detached.ps()["web"]["state"] == "ready")
    assert all(one.is_running() for one in family)
    detached.down()


def test_a_detached_stack_keeps_no_descriptor_of_its_caller(
    detached: "Detached", project: Path, tmp_path: Path, cli: "Cli"
) -> None:
    write(project, PAIR)
    lock = tmp_path / "lock"
    reading, writing = os.pipe()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = subprocess.run(
            [*cli.argv, "up", "-d"],
            cwd=project,
            env=cli.environ,
            pass_fds=(held.fileno(), writing),
            capture_output=True,
            check=True,
        )
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)
    with lock.open("w") as again:
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert b"all ready" in done.stderr
    detached.down()


@pytest.mark.slow
def test_a_parent_that_ignores_sigchld_does_no_harm(
    project: Path, up: "StartUp", cli: "Cli", detached: "Detached"
) -> None:
    write(project, PAIR)
    cli.argv[:0] = [sys.executable, "-c", IGNORE]
    stack = up(project)
    stack.wait_for("all ready in")
    assert stack.stop() == 130
    detached.up()
    detached.down()


IGNORE = (
    "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
    " os.execv(sys.argv[1], sys.argv[1:])"
)


def test_a_second_up_starts_missing_services(detached: "Detached", project: Path) -> None:
    write(project, f"services: {{web: {{command: {SERVE}}}, api: {IDLE}, new: {IDLE}}}\n")
    detached.up("web")
    pid = detached.ps()["web"]["pid"]
    said = detached.up("api", "--scale", "web=2")
    assert "runs already; started: api" in said
    assert list(detached.ps()) == ["web", "web.2", "api", "new"]
    said = detached.up("--scale", "web=3")
    assert "runs already; started: web.2, web.3, new" in said
    rows = detached.ps()
    assert all(row["state"] == "ready" for row in rows.values())
    assert rows["web"]["pid"] == pid
    assert len({rows[name]["port"] for name in ("web", "web.2", "web.3")}) == 3
    assert "runs already, with all that was asked for" in detached.up()
    # A service with a changed definition is reported, and stays as it is.
    write(project, f"services: {{web: {{command: {SERVE}}}, api: {STUBBORN}, new: {IDLE}}}\n")
    said = detached.up()
    assert "defined otherwise by now: " in said
    assert "portweave reload applies it" in said
    assert detached.ps()["api"]["pid"] == rows["api"]["pid"]


@pytest.mark.slow
def test_a_second_up_runs_a_completed_job_again_only_by_name(
    detached: "Detached", project: Path
) -> None:
    job = "{command: 'echo ran >> runs', port: false, oneshot: true}"
    api = "{command: 'echo up; exec sleep 1000', ready: {log: up}, dependsOn: [job]}"
    write(project, f"services: {{job: {job}, api: {api}}}\n")
    detached.up()
    for words in ([], ["api"]):
        assert "runs already, with all that was asked for" in detached.up(*words)
    assert (project / "runs").read_text() == "ran\n"
    assert "runs already; started: job" in detached.up("job")
    assert (project / "runs").read_text() == "ran\nran\n"
    assert "started job" in detached("start", "job").stderr


@pytest.mark.slow
def test_a_second_up_from_another_folder_finds_no_changed_definition(
    detached: "Detached", project: Path
) -> None:
    write(project, f"services: {{web: {IDLE}, api: {IDLE}}}\n")
    (project / "below").mkdir()
    detached.up("--scale", "web=2")
    elsewhere: dict[str, str | None] = {"PWD": "/elsewhere", "OF_THIS_TERMINAL": "1"}
    said = detached("up", "-d", env=elsewhere, cwd=project / "below").stderr
    assert "runs already, with all that was asked for" in said
    # A reload would plan with the options of the start, and find no difference.
    assert "defined otherwise" not in said
    assert "nothing has changed" in detached("reload", "--dry-run", env=elsewhere).stderr
    # Services of a second definition file are not changed either.
    (project / "more.procfile").write_text("more: sleep 1000\n")
    said = detached("up", "-d", "-f", "more.procfile").stderr
    assert "runs already; started: more" in said
    assert "defined otherwise" not in said
    write(project, f"services: {{web: {IDLE}, api: {STUBBORN}}}\n")
    said = detached("up", "-d", env=elsewhere).stderr
    assert "defined otherwise by now: api; portweave reload applies it" in said


def test_of_two_at_once_one_runs_the_stack_and_both_wait(
    detached: "Detached", project: Path
) -> None:
    write(project, PAIR)
    both = [detached.beside("up", "-d") for _ in range(3)]
    said = [process.communicate(timeout=20)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0, 0], said
    assert sum("runs already" in text for text in said) == 2
    assert len({row["pid"] for row in detached.ps().values()}) == 2
    ends = [detached.beside("down") for _ in range(3)]
    said = [process.communicate(timeout=20)[1] for process in ends]
    assert [process.returncode for process in ends] == [0, 0, 0], said


def test_a_stack_follows_a_block_that_moves_before_its_start(
    detached: "Detached", project: Path, eventually: "Callable[[Callable[[], object]], None]"
) -> None:
    reading, writing = os.pipe()
    late = f"/proc/{os.getpid()}/fd/{reading}"
    service = f"{{command: '{SERVE}', ready: {{tcp: true}}"
    write(project, f"services: {{web: {service}, envFile: {late}}}}}\n")
    write(project, f"services: {{web: {service}}}, api: {service}}}}}\n", "more.yaml")
    first = detached.beside("up", "-d")
    pipe = os.readlink(late)

    def reads() -> bool:
        # A file may close between the listing and the look.
        with contextlib.suppress(FileNotFoundError):
            return any(
                pipe == os.readlink(path) for path in Path(f"/proc/{first.pid}/fd").iterdir()
            )
        return False

    # When it reads this file, it has its ports, and waits.
    eventually(reads)
    env = detached("env", "-f", "more.yaml", "--format", "json").stdout
    os.close(writing)
    said, _ = first.communicate(timeout=30)
    os.close(reading)
    assert first.returncode == 0, said
    detached.remember_processes()
    row = detached.ps()["web"]
    assert str(row["port"]) == json.loads(env)["WEB_PORT"]
    assert detached.record()["ports"] == {"web": row["port"]}


@pytest.mark.slow
def test_a_detached_stack_inside_a_stack_survives_it(
    detached: "Detached", detached_at: "Callable[[Path], Detached]", tmp_path: Path, project: Path
) -> None:
    inner_root = tmp_path / "inner"
    inner_root.mkdir()
    write(inner_root, PAIR)
    inner = detached_at(inner_root)
    up = f"cd {inner_root} && {sys.executable} -Im portweave up -d && echo up && exec sleep 1000"
    write(project, f"services: {{outer: {{command: '{up}', port: false, ready: {{log: ^up}}}}}}\n")
    detached.up()
    family = inner.remember_processes()
    assert detached.supervisor().pid in {one.pid for one in inner.guardian().parents()}
    detached.down()
    assert all(row["state"] == "ready" for row in inner.ps().values())
    detached.up()
    # If the outer stack is killed, it does not become an orphan either.
    detached.supervisor().kill()
    detached("down")
    assert all(one.is_running() for one in family)
    inner.down()


def test_a_stack_in_the_foreground_of_a_service_ends_with_it(
    detached: "Detached", detached_at: "Callable[[Path], Detached]", tmp_path: Path, project: Path
) -> None:
    inner_root = tmp_path / "inner"
    inner_root.mkdir()
    write(inner_root, PAIR)
    inner = detached_at(inner_root)
    up = f"cd {inner_root} && exec {sys.executable} -Im portweave up 2>&1"
    ready = "{log: all ready}"
    write(project, f"services: {{outer: {{command: '{up}', port: false, ready: {ready}}}}}\n")
    detached.up()
    family = inner.remember_processes()
    assert len(family) == 4
    detached.down()
    assert not alive(family)


@pytest.mark.parametrize("kind", ["missing", "a file", "read by all"])
def test_a_stack_is_found_with_any_runtime_folder(
    detached: "Detached", project: Path, kind: str, cli: "Cli"
) -> None:
    # The folder of the test may be too long.
    with tempfile.TemporaryDirectory(prefix="pw-") as short:
        check_runtime_folder(detached, project, Path(short), kind, cli)


def check_runtime_folder(
    detached: "Detached", project: Path, place: Path, kind: str, cli: "Cli"
) -> None:
    runtime: str | None = str(place / "runtime")
    folder = place / "runtime" / "portweave"
    match kind:
        case "missing":
            runtime = None
        case "a file":
            (place / "runtime").write_text("")
        case _:
            folder.mkdir(parents=True)
            folder.chmod(0o777)
    if runtime is None:
        del cli.environ["XDG_RUNTIME_DIR"]
    else:
        cli.environ["XDG_RUNTIME_DIR"] = runtime
    write(project, PAIR)
    detached.up()
    path = Path(detached.record()["socket"])
    own = kind == "read by all"
    assert path.parent == (folder if own else Path(f"/tmp/portweave-{os.getuid()}"))  # noqa: S108
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    # Another session has another folder or none. The record names the socket.
    cli.environ.pop("XDG_RUNTIME_DIR", None)
    assert len(detached.ps()) == 2
    detached.down()
