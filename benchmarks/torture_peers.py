"""Processes that stubborn services leave behind, under portweave and under other tools.

`python benchmarks/torture_peers.py [--write docs/torture.md] [--peers FOLDER] [--only TOOL …]`

Each case is one service of `tests/support/misbehaving_services.py`. Each tool starts it, and is
then stopped as its manual says, or killed (SIGKILL). The table shows what is alive a few seconds
later, and whether the port is still in use. Each tool has the settings that its manual offers for
ending whole groups or trees, and a grace period of one second where possible. Missing tools are
installed into their own folder, from PyPI and npm, or left out. Needs Linux.
"""

import argparse
import contextlib
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from startup import environment

MISBEHAVING = Path(__file__).resolve().parents[1] / "tests" / "support" / "misbehaving_services.py"
BEGIN, END = "<!-- begin: make torture-peers -->", "<!-- end -->"
CASES = {
    "plain": "port",
    "ignores TERM, HUP and INT": "ignore port",
    "is stopped (SIGSTOP)": "port stopped",
    "has children": "family child-port",
    "has a child in another session": "apart child-port",
    "has a daemon (two forks, own session)": "daemon port",
    "the same, ignoring signals": "ignore daemon port",
    "the same, with an empty environment": "ignore bare port",
    "holds its port in a child of another session": "apart port",
    "ends, and leaves a child at its output": "pipe port",
    "forks while it ends": "bear port",
    "goes from child to child": "wander port",
    "closes all descriptors": "closed ignore",
    "scrubs its name, arguments and environment": "rename scrub daemon port",
    "writes without end": "ignore port flood",
}
# The longest default grace period (honcho), and some time for the rest.
AFTER_STOP_S = 8.0
AFTER_KILL_S = 3.0
STARTED_S = 2.0


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that runs services.

    Attributes:
        name: Its name.
        version: Its version.
        files: Writes its files for a service: folder, command, port.
        start: The command that runs it in the foreground, or starts it.
        stop: The command that stops all; without one, SIGTERM to the foreground process.
        pid: Finds the process to kill, from the pid of the foreground process.
        env: Its variables.
    """

    name: str
    version: str
    files: Callable[[Path, list[str], int], None]
    start: list[str]
    stop: list[str] | None
    pid: Callable[[Path, int], int]
    env: dict[str, str]


def main() -> None:
    """Run all cases under all tools, and print or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path, help="put the table into this document")
    parser.add_argument("--portweave", default=str(Path(sys.executable).with_name("portweave")))
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "portweave-peers")
    parser.add_argument("--peers", type=Path, default=default, help="where they are installed")
    parser.add_argument("--only", nargs="*", help="these tools alone")
    options = parser.parse_args()
    tools = find_tools(options.peers, options.portweave)
    if options.only:
        tools = [tool for tool in tools if tool.name in options.only]
    found: dict[tuple[str, str, str], str] = {}

    def work(tool: Tool) -> None:
        for case, flags in CASES.items():
            for how in ("stopped", "killed"):
                found[case, tool.name, how] = run_case(tool, flags.split(), how)
                print(f"{tool.name}, {how}, {case}: {found[case, tool.name, how]}", flush=True)

    # The cases mostly wait, so each tool has a thread.
    threads = [threading.Thread(target=work, args=(tool,)) for tool in tools]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = table(tools, found)
    if options.write is None:
        print(text)
        return
    before, _, rest = options.write.read_text().partition(BEGIN)
    options.write.write_text(f"{before}{BEGIN}\n{text}{END}{rest.partition(END)[2]}")


def table(tools: list[Tool], found: dict[tuple[str, str, str], str]) -> str:
    """Return both tables as Markdown."""
    parts: list[str] = []
    for how, title in (("stopped", "Stopped"), ("killed", "Killed (SIGKILL)")):
        heads = [f"{tool.name} {tool.version}" for tool in tools]
        lines = [
            f"| {title}: the service … | {' | '.join(heads)} |",
            "|---" * (len(tools) + 1) + "|",
        ]
        for case in CASES:
            cells = [found.get((case, tool.name, how), "-") for tool in tools]
            lines.append(f"| {case} | {' | '.join(cells)} |")
        clean = [sum(found.get((case, tool.name, how)) == "0" for case in CASES) for tool in tools]
        lines.append(f"| **clean** | {' | '.join(f'**{n} of {len(CASES)}**' for n in clean)} |")
        parts.append("\n".join([*lines, ""]))
    return "\n".join(parts)


def run_case(tool: Tool, flags: list[str], how: str) -> str:
    """Run one service under one tool, end the tool, and return what is left."""
    folder = Path(tempfile.mkdtemp(prefix="portweave-peers-"))
    roll = folder / "roll"
    roll.write_text("")
    port = free_port()
    environ = environment(
        folder,
        TERM="xterm",
        PORTWEAVE_POOL_RANGE=f"{port}-{port + 1}",
        PORTWEAVE_PROXY="0",
        **{name: value.format(folder=folder) for name, value in tool.env.items()},
    )
    command = [sys.executable, "-I", "-S", str(MISBEHAVING), str(roll), *flags]
    tool.files(folder, command, port)
    master, slave = pty.openpty()
    foreground = subprocess.Popen(
        [word.format(folder=folder) for word in tool.start],
        cwd=folder,
        env=environ,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        process_group=0,
    )
    os.close(slave)
    reader = threading.Thread(target=drain, args=(master,), daemon=True)
    reader.start()
    try:
        until_s = time.monotonic() + 15
        while not roll.read_text() and time.monotonic() < until_s:
            time.sleep(0.05)
        if not roll.read_text():
            return "did not start"
        time.sleep(STARTED_S)
        if how == "killed":
            # If the end of the service has ended the tool, there is no process to kill.
            with contextlib.suppress(OSError, IndexError):
                os.kill(tool.pid(folder, foreground.pid), signal.SIGKILL)
            patience_s = AFTER_KILL_S
        else:
            if tool.stop is None:
                foreground.terminate()
            else:
                stop = [word.format(folder=folder) for word in tool.stop]
                with contextlib.suppress(subprocess.TimeoutExpired):
                    subprocess.run(
                        stop, cwd=folder, env=environ, capture_output=True, timeout=15, check=False
                    )
            patience_s = AFTER_STOP_S
        until_s = time.monotonic() + patience_s
        while (left := alive(roll)) and time.monotonic() < until_s:
            foreground.poll()
            time.sleep(0.1)
        held = ", port held" if left and is_held(port) else ""
        return f"{len(left)} left{held}" if left else "0"
    finally:
        end(folder, roll, foreground)
        os.close(master)
        shutil.rmtree(folder, ignore_errors=True)


def end(folder: Path, roll: Path, foreground: "subprocess.Popen[bytes]") -> None:
    """End all processes that are left; those that fork may need several tries."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(foreground.pid, signal.SIGKILL)
    foreground.wait()
    mark = os.fsencode(str(folder))
    until_s = time.monotonic() + 5
    while time.monotonic() < until_s:
        left = alive(roll)
        # Daemons of these tools have the folder as HOME.
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if b"HOME=" + mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                    left.append(int(name))
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def alive(roll: Path) -> list[int]:
    """Return the pids of live processes of a roll, without zombies (proc(5))."""
    found: list[int] = []
    for line in roll.read_text().splitlines():
        pid, _, start = line.partition(" ")
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            if fields[0] not in (b"Z", b"X") and fields[19].decode() == start:
                found.append(int(pid))
    return found


def free_port() -> int:
    """Return a port that is not in use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_held(port: int) -> bool:
    """Whether a port is in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def drain(master: int) -> None:
    """Read the output until no process has the terminal open."""
    try:
        while os.read(master, 65_536):
            pass
    except OSError:
        return


def find_tools(peers: Path, portweave: str) -> list[Tool]:
    """Return the available tools, and install missing ones."""
    tools = [
        Tool(
            "portweave",
            last_word([portweave, "--version"]),
            _portweave_files,
            [portweave, "up"],
            [portweave, "down"],
            # The harder case: without it, the guardian would clean up.
            lambda _, pid: child_of(pid),
            {},
        )
    ]
    for name, words in (
        ("honcho", ["honcho", "--version"]),
        ("supervisor", ["supervisord", "--version"]),
        ("circus", ["circusd", "--version"]),
    ):
        command = python_tool(peers, name, words[0])
        if command is not None:
            tools.append(_python_tool(name, command, last_word([command, *words[1:]])))
    for name in ("pm2", "mprocs"):
        command = node_tool(peers, name)
        if command is not None:
            tools.append(_node_tool(name, command))
    return tools


def _python_tool(name: str, command: str, version: str) -> Tool:
    if name == "honcho":
        start = [command, "start"]
        return Tool(name, version, _procfile, start, None, lambda _, pid: pid, {})
    if name == "supervisor":
        control = str(Path(command).with_name("supervisorctl"))
        start = [command, "-n", "-c", "{folder}/supervisord.conf"]
        stop = [control, "-c", "{folder}/supervisord.conf", "shutdown"]
        return Tool("supervisord", version, _supervisord_files, start, stop, lambda _, pid: pid, {})
    start = [command, "{folder}/circus.ini"]
    return Tool(name, version, _circus_files, start, None, lambda _, pid: pid, {})


def _node_tool(name: str, command: str) -> Tool:
    if name == "pm2":
        return Tool(
            name,
            last_word([command, "--version"], env={"PM2_HOME": tempfile.mkdtemp(prefix="pm2-")}),
            _pm2_files,
            [command, "start", "{folder}/pm2.json", "--no-color"],
            [command, "kill"],
            lambda folder, _: int((folder / "pm2/pm2.pid").read_text()),
            {"PM2_HOME": "{folder}/pm2"},
        )
    return Tool(
        name,
        last_word([command, "--version"]),
        _mprocs_files,
        [command, "--config", "mprocs.yaml"],
        None,
        lambda _, pid: pid,
        {},
    )


def _portweave_files(folder: Path, command: list[str], port: int) -> None:
    service = f"{{command: {json.dumps(command)}, stopGracePeriod: 1s}}"
    (folder / "portweave.yaml").write_text(f"services:\n  web: {service}\n")


def _procfile(folder: Path, command: list[str], port: int) -> None:
    (folder / "Procfile").write_text(f"web: PORT={port} exec {' '.join(command)}\n")


def _supervisord_files(folder: Path, command: list[str], port: int) -> None:
    (folder / "supervisord.conf").write_text(
        f"[supervisord]\nlogfile={folder}/log\npidfile={folder}/pid\nchildlogdir={folder}\n"
        f"[unix_http_server]\nfile={folder}/socket\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        f"[supervisorctl]\nserverurl=unix://{folder}/socket\n"
        f'[program:web]\ncommand={" ".join(command)}\nenvironment=PORT="{port}"\n'
        "stopasgroup=true\nkillasgroup=true\nstopwaitsecs=1\n"
    )


def _circus_files(folder: Path, command: list[str], port: int) -> None:
    # Its sockets are on its own ports.
    first, second = free_port(), free_port()
    (folder / "circus.ini").write_text(
        f"[circus]\nendpoint=tcp://127.0.0.1:{first}\npubsub_endpoint=tcp://127.0.0.1:{second}\n"
        f"[watcher:web]\ncmd={' '.join(command)}\ncopy_env=true\ngraceful_timeout=1\n"
        f"stop_children=true\n[env:web]\nPORT={port}\n"
    )


def _pm2_files(folder: Path, command: list[str], port: int) -> None:
    app = {
        "name": "web",
        "script": command[0],
        "args": command[1:],
        "interpreter": "none",
        "kill_timeout": 1000,
        "env": {"PORT": str(port)},
    }
    (folder / "pm2.json").write_text(json.dumps({"apps": [app]}))


def _mprocs_files(folder: Path, command: list[str], port: int) -> None:
    proc = f"{{cmd: {json.dumps(command)}, env: {{PORT: '{port}'}}, autorestart: true}}"
    (folder / "mprocs.yaml").write_text(f"procs:\n  web: {proc}\n")


def python_tool(peers: Path, name: str, program: str) -> str | None:
    """Return the command of a tool from PyPI, in its own environment."""
    folder = peers / name
    command = folder / "bin" / program
    if not command.exists():
        print(f"installing {name} into {folder}", flush=True)
        venv.create(folder, with_pip=True)
        # Some of them still import pkg_resources.
        install = [str(folder / "bin/pip"), "install", "-q", name, "setuptools<80"]
        subprocess.run(install, check=False)
    return str(command) if command.exists() else None


def node_tool(peers: Path, name: str) -> str | None:
    """Return the command of a tool from npm, in its own folder."""
    folder = peers / name
    if not (folder / "node_modules" / name).exists() and shutil.which("npm"):
        print(f"installing {name} into {folder}", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--prefix", str(folder), "--no-fund", "--no-audit", name]
        subprocess.run(install, check=False, capture_output=True)
    if name == "mprocs":
        # The program itself: its launcher is another process.
        machine = {"x86_64": "x86_64", "aarch64": "aarch64"}.get(os.uname().machine, "none")
        pattern = f"node_modules/mprocs/mprocs-*-linux-{machine}-*/mprocs"
        return next((str(path) for path in folder.glob(pattern)), None)
    command = folder / "node_modules/.bin" / name
    return str(command) if command.exists() else None


def last_word(argv: list[str], env: dict[str, str] | None = None) -> str:
    """Return the last word of a command's output: its version."""
    done = subprocess.run(
        argv, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    words = (done.stdout or done.stderr).split()
    return words[-1] if words else ""


def child_of(pid: int) -> int:
    """Return the first child of a process."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


if __name__ == "__main__":
    main()
