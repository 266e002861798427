"""One round of torture: a stack of nasty services, something of it killed, and what is left."""

import contextlib
import json
import os
import pty
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.support.commands import Cli
from tests.support.misbehaving_services import FLAGS

MISBEHAVING = Path(__file__).with_name("misbehaving_services.py")
SERVICES = 6
GRACE_S = 0.5
# The grace, one second for the rest, and what a loaded machine needs to look at itself.
WITHIN_S = GRACE_S + 1 + 1.5
# From here on the supervisor has noted who has left whom.
SETTLED_S = 2.0
# How long that may take on a loaded machine.
NOTED_S = 15.0
MODES = ("foreground", "terminal", "detached")
VICTIMS = (
    *("supervisor", "guardian", "both", "both, stopped first", "service", "services"),
    *("the client of up -d", "down", "a control client", "nothing"),
    *("TERM to the guardian", "TERM to the supervisor", "INT to the group", "HUP to the group"),
    *("the terminal", "a frozen supervisor", "a frozen guardian", "a frozen service"),
    *("the guardian of a frozen supervisor", "the supervisor of a frozen guardian"),
    *("the group", "some of ten up", "nothing of an empty stack", "half of an empty stack"),
)
CLIENTS = (("ps",), ("restart",), ("stop",), ("events",), ("logs", "-f"), ("wait",), ("reload",))
# What carries neither mark nor parents can be told only once it has been noted.
_TRACELESS = frozenset({"bare", "scrub", "threadless", "user"})
_RESTLESS = frozenset({"wander", "hop", "pipe", "die", "bear"})


class Round:
    """One stack, from its start to the proof that nothing of it is left.

    Args:
        cli: The command.
        root: An empty project; used again by the rounds that follow.
        chance: Decides all.
    """

    def __init__(self, cli: Cli, root: Path, chance: random.Random) -> None:
        self.cli = cli
        self.root = root
        self.chance = chance
        self.roll = root / "roll"
        self.victim = chance.choice(VICTIMS)
        self.mode = self._choose_mode()
        self.wait_s = chance.choice((chance.uniform(0, 0.4), chance.uniform(0, 2.5)))
        self.services = self._choose_services()
        # One process for each core that does nothing but work.
        self.busy = chance.random() < 0.5
        self.story: list[str] = []
        self.command: subprocess.Popen[bytes] | None = None
        self.clients: list[subprocess.Popen[bytes]] = []
        self.own: list[psutil.Process] = []
        self._master = -1

    def _choose_mode(self) -> str:
        if self.victim in ("the client of up -d", "some of ten up"):
            return "detached"
        if self.victim == "the terminal":
            return "terminal"
        if self.victim.endswith("the group"):
            return "foreground"
        return self.chance.choice(MODES)

    def _choose_services(self) -> dict[str, list[str]]:
        services: dict[str, list[str]] = {}
        for number in range(SERVICES):
            flags = self.chance.sample(FLAGS, self.chance.randrange(5))
            if self.victim.startswith("both") and _TRACELESS.intersection(flags):
                self.wait_s = max(self.wait_s, SETTLED_S)
                # Nobody can follow what has no mark and never stays.
                flags = [flag for flag in flags if flag not in _RESTLESS]
            services[f"s{number}"] = flags
        return services

    def __str__(self) -> str:
        services = "\n".join(f"  {name}: {' '.join(f)}" for name, f in self.services.items())
        story = "\n".join(self.story)
        cores = "busy cores" if self.busy else "idle cores"
        return f"{self.mode}, {cores}, {self.wait_s:.3f} s, then {self.victim}\n{services}\n{story}"

    def run(self) -> None:
        """Start it, kill, and see what is left."""
        self._define()
        workers = [self._work() for _ in range(os.cpu_count() or 1)] if self.busy else []
        try:
            self._start()
            time.sleep(self.wait_s)
            self._find_own()
            if self.victim.startswith("both"):
                self._await_notes()
            self._kill()
            self._see_nothing_left()
            self._see_state()
        finally:
            for process in (*workers, *self.clients):
                process.kill()
                process.wait()
            self._end()

    def _work(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-I", "-S", "-c", "while True: pass"])

    def _define(self) -> None:
        lines = ["services:"]
        for name, flags in self.services.items():
            argv = [sys.executable, "-I", "-S", str(MISBEHAVING), str(self.roll), *flags]
            has_port = {"port", "child-port"}.intersection(flags)
            keys = [f"command: {json.dumps(argv)}", f"stopGracePeriod: {GRACE_S}s"]
            keys += [] if has_port else ["port: false"]
            keys += ["ready: {tcp: true}"] if has_port and self.chance.random() < 0.5 else []
            keys += [f"tty: {self.chance.choice(('true', 'false'))}"]
            keys += ["restart: always"] if self.chance.random() < 0.3 else []
            lines.append(f"  {name}: {{{', '.join(keys)}}}")
        (self.root / "portweave.yaml").write_text("\n".join([*lines, ""]))
        self.roll.write_bytes(b"")

    def _start(self) -> None:
        argv = [*self.cli.argv, "up", *(["-d"] if self.mode == "detached" else [])]
        # Some readers take what comes, some never do.
        stdin, output = (
            subprocess.DEVNULL,
            self.chance.choice((subprocess.DEVNULL, subprocess.PIPE)),
        )
        if self.mode == "terminal":
            self._master, stdin = pty.openpty()
            output = stdin
            argv = [sys.executable, "-I", "-S", "-c", TAKE_TERMINAL, *argv]
        self.command = subprocess.Popen(
            argv,
            cwd=self.root,
            env=self.cli.env(),
            stdin=stdin,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        if self.mode == "terminal":
            os.close(stdin)

    def _find_own(self) -> None:
        """Guardian and supervisor, as far as they are there already."""
        assert self.command is not None
        # A detached one is to be killed once it is there; its client has a case of its own.
        if self.mode == "detached" and self.victim != "the client of up -d":
            self._await_record()
        pid = self.command.pid if self.mode != "detached" else self._recorded()
        with contextlib.suppress(psutil.NoSuchProcess):
            if pid is not None:
                guardian = psutil.Process(pid)
                self.own = [guardian]
                self.own += [p for p in guardian.children() if p.pid not in dict(self._entered())]
        with contextlib.suppress(psutil.NoSuchProcess):
            if not self.own:
                self.own = [psutil.Process(self.command.pid)]

    def _await_record(self) -> None:
        assert self.command is not None
        until_s = time.monotonic() + 5
        while self.command.poll() is None and self._recorded() is None:
            assert time.monotonic() < until_s, "it did not begin"
            time.sleep(0.001)

    def _await_notes(self) -> None:
        """Wait until the supervisor has noted what carries no mark: only then it can be told."""
        folder = Path(self.cli.environ["XDG_STATE_HOME"], "portweave/stacks")
        until_s = time.monotonic() + NOTED_S
        while True:
            noted = {
                line.split()[1]
                for path in folder.glob("*.journal")
                for line in path.read_text().splitlines()
                if line.startswith("+ ")
            }
            marked = set(self._marked())
            there = [pid for pid, start in self._entered() if is_alive(pid, start)]
            missing = [pid for pid in there if pid not in marked and str(pid) not in noted]
            if not missing or not self.own[1:]:
                return
            assert time.monotonic() < until_s, f"not noted: {missing}"
            time.sleep(0.02)

    def _recorded(self) -> int | None:
        folder = Path(self.cli.environ["XDG_STATE_HOME"], "portweave/stacks")
        for path in folder.glob("*.json"):
            with contextlib.suppress(OSError):
                pid: int = json.loads(path.read_text())["pid"]
                return pid
        return None

    def _kill(self) -> None:
        guardian, supervisor = self.own[:1], self.own[1:2]
        if not supervisor and "frozen" in self.victim:
            # Too early for that.
            self._stop()
            return
        match self.victim:
            case "supervisor":
                self._send(supervisor or guardian, signal.SIGKILL)
            case "guardian":
                self._send(guardian, signal.SIGKILL)
            case "both":
                self._send([*supervisor, *guardian], signal.SIGKILL)
            case "both, stopped first":
                # One that is stopped cannot act between the two signals.
                self._send([*supervisor, *guardian], signal.SIGSTOP)
                self._send([*supervisor, *guardian], signal.SIGKILL)
            case "service":
                self._await_record()
                self._send(self._some(1), signal.SIGKILL)
                self._stop()
            case "services":
                for _ in range(5):
                    self._send(self._some(2), signal.SIGKILL)
                    time.sleep(self.chance.uniform(0, 0.2))
                self._stop()
            case "the client of up -d":
                assert self.command is not None
                self._send([psutil.Process(self.command.pid)], signal.SIGKILL)
                self._portweave("down")
            case "down":
                self._await_record()
                self._cut_short("down")
                self._portweave("down")
            case "a control client":
                self._cut_short(*self.chance.choice(CLIENTS))
                self._stop()
            case "nothing":
                self._stop()
            case "TERM to the guardian":
                self._send(guardian, signal.SIGTERM)
            case "TERM to the supervisor":
                self._send(supervisor or guardian, signal.SIGTERM)
            case "INT to the group" | "HUP to the group":
                number = signal.SIGINT if self.victim.startswith("INT") else signal.SIGHUP
                self.story.append(f"{self.victim}: {guardian}")
                os.killpg(guardian[0].pid, number)
            case "the terminal":
                os.close(self._master)
                self._master = -1
            case "a frozen supervisor":
                self._freeze(supervisor, self._stop)
            case "a frozen guardian":
                self._freeze(guardian, self._stop)
            case "a frozen service":
                self._send(self._some(3), signal.SIGSTOP)
                self._stop()
            case "the guardian of a frozen supervisor":
                self._freeze(supervisor, lambda: self._send(guardian, signal.SIGKILL))
            case "the supervisor of a frozen guardian":
                self._freeze(guardian, lambda: self._send(supervisor, signal.SIGKILL))
            case "the group":
                assert self.command is not None
                self.story.append("SIGKILL to the group")
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.command.pid, signal.SIGKILL)
            case "some of ten up":
                self._start_more()
                self._portweave("down")
            case "nothing of an empty stack":
                self._empty()
                self._stop()
            case "half of an empty stack":
                self._empty()
                self._send(self.chance.choice((supervisor, guardian)) or guardian, signal.SIGKILL)
            case other:
                raise AssertionError(other)

    def _start_more(self) -> None:
        """Nine more, while the first may still be starting; some are killed."""
        clients = [self._spawn_client("up", "-d", "--timeout", "5") for _ in range(9)]
        self.clients += clients
        time.sleep(self.chance.uniform(0, 0.4))
        for client in self.chance.sample(clients, 3):
            client.kill()
        for client in clients:
            client.wait(60)
        self.story.append(f"nine up -d -> {[client.returncode for client in clients]}")

    def _empty(self) -> None:
        """Scale all services to none."""
        self._await_record()
        self._portweave("scale", *(f"{name}=0" for name in self.services), statuses=(0, 1))

    def _stop(self) -> None:
        """Stop it as a user does."""
        # Before that, `down` rightly says that there is nothing.
        self._await_record()
        if self.mode != "detached" and self.chance.random() < 0.5:
            self._send(self.own[:1], signal.SIGTERM)
        else:
            self._portweave("down")

    def _freeze(self, victims: list[psutil.Process], then: Callable[[], None]) -> None:
        self._send(victims, signal.SIGSTOP)
        thaw_s = self.chance.uniform(0, 0.5)
        # Somebody else continues it: what comes next may have to wait for it.
        thaw = subprocess.Popen(
            ["sh", "-c", f"sleep {thaw_s}; kill -CONT {' '.join(str(v.pid) for v in victims)}"],  # noqa: S607
            stderr=subprocess.DEVNULL,
        )
        time.sleep(self.chance.uniform(0, 0.3))
        then()
        thaw.wait()

    def _send(self, victims: list[psutil.Process], number: int) -> None:
        for victim in victims:
            self.story.append(f"{signal.Signals(number).name} to {victim}")
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.send_signal(number)

    def _some(self, most: int) -> list[psutil.Process]:
        there = [pid for pid, start in self._entered() if is_alive(pid, start)]
        found: list[psutil.Process] = []
        for pid in self.chance.sample(there, min(most, len(there))):
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(pid))
        return found

    def _spawn_client(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.cli.argv, *words],
            cwd=self.root,
            env=self.cli.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _cut_short(self, *words: str) -> None:
        client = self._spawn_client(*words)
        time.sleep(self.chance.uniform(0, 0.4))
        client.kill()
        client.wait()
        self.story.append(f"{words} killed")

    def _portweave(self, *words: str, statuses: tuple[int, ...] = (0,)) -> str:
        began_s = time.monotonic()
        done = self.cli(*words, cwd=self.root, timeout_s=30)
        took_s = time.monotonic() - began_s
        self.story.append(f"{words} -> {done.returncode} in {took_s:.2f} s: {done.stderr}")
        assert done.returncode in statuses, f"{words}: {done.returncode}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout

    def _entered(self) -> list[tuple[int, str]]:
        lines = self.roll.read_text().splitlines()
        pairs = [line.partition(" ") for line in lines]
        return [(int(pid), start) for pid, _, start in pairs]

    def _left(self) -> list[str]:
        found = [f"{pid} {command(pid)}" for pid, start in self._entered() if is_alive(pid, start)]
        found += [f"portweave's own {p}" for p in self.own if is_running(p)]
        return found + [f"marked {pid} {command(pid)}" for pid in self._marked()]

    def _marked(self) -> list[int]:
        """Living processes whose environment says that they were started for the worktree."""
        found: list[int] = []
        mark = f"PORTWEAVE_WORKTREE={self.root}".encode()
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                    found.append(int(name))
        return found

    def _see_nothing_left(self) -> None:
        killed_s = time.monotonic()
        if self.victim.startswith("both"):
            # Nobody is there to end it but the next command, once they are dead.
            while any(is_running(process) for process in self.own):
                assert time.monotonic() < killed_s + WITHIN_S
                time.sleep(0.001)
            words = self.chance.choice((("ls",), ("show", "--json"), ("down",), ("ps",)))
            self._portweave(*words, statuses=(0, 1))
        until_s = killed_s + WITHIN_S
        while left := self._left():
            # Who has been killed waits to be reaped, by us.
            assert self.command is not None
            self.command.poll()
            assert time.monotonic() < until_s, f"{len(left)} left: {left}"
            time.sleep(0.02)
        self.story.append(f"nothing left after {time.monotonic() - killed_s:.2f} s")

    def _see_state(self) -> None:
        registry = Path(self.cli.environ["XDG_CONFIG_HOME"], "portweave/registry.json")
        held: list[int] = []
        if registry.exists():
            for entry in json.loads(registry.read_text())["entries"]:
                held += [port for port in entry["ports"].values() if not is_free(port)]
        assert not held, f"held: {held}"
        stacks = json.loads(self._portweave("ls", "--json"))["stacks"]
        assert not [stack for stack in stacks if stack.get("supervisor")], stacks
        # Another command, as the one that brought it up, may be about to tidy up after it.
        until_s = time.monotonic() + WITHIN_S
        while self._recorded() is not None:
            assert time.monotonic() < until_s, "its record is still there"
            self._portweave("ls")
            time.sleep(0.05)
        # Killed before there was anything to show or to log: then it says so.
        has_block = registry.exists() and bool(json.loads(registry.read_text())["entries"])
        self._portweave("show", "--json", statuses=(0,) if has_block else (1,))
        self._portweave("logs", "-n", "3", statuses=(0, 1))
        if self.chance.random() < 0.3:
            self.roll.write_bytes(b"")
            (self.root / "portweave.yaml").write_text(PLAIN)
            self._portweave("up", "-d")
            self._portweave("down")
            assert not self._left()

    def _end(self) -> None:
        """Leave nothing behind, whatever has happened."""
        guardian = self._recorded()
        if guardian is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(guardian)
                self.own += [process, *process.children()]
        for process in self.own:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        entered = self._entered()
        # One that goes on in new processes ends where it cannot enter itself any more.
        self.roll.unlink()
        self.roll.mkdir()
        for pid, start in entered:
            if is_alive(pid, start):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for pid in self._marked():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._master >= 0:
            os.close(self._master)
        if self.command is not None:
            self.command.kill()
            self.command.wait()
            for stream in (self.command.stdout, self.command.stderr):
                if stream is not None:
                    stream.close()


PLAIN = "services:\n  plain: {command: [sleep, '1000'], port: false}\n"

TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def is_alive(pid: int, start: str) -> bool:
    """Whether a process of the roll is there, and no zombie (proc(5))."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return False
    # State Z with more than one thread is a process whose main thread alone has ended.
    is_zombie = fields[0] in (b"Z", b"X") and int(fields[17]) < 2
    return not is_zombie and fields[19].decode() == start


def is_running(process: psutil.Process) -> bool:
    """Whether it is there, and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_free(port: int) -> bool:
    """Whether somebody can listen on a port."""
    with socket.socket() as probe:
        # What was connected until now does not keep a server from starting again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def command(pid: int) -> str:
    """What a process is called."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().strip(b"\0")
        return words.replace(b"\0", b" ").decode("utf-8", "replace") or "?"
    except OSError:
        return "?"
