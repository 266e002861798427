"""Run the `portweave` command without starting an interpreter, which takes most of its time.

A process that has imported portweave forks for each command. So a command is still a process with
its own working directory, variables, streams and signals.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import IO, Any

PORTWEAVE = [sys.executable, "-Im", "portweave"]
STATUS = struct.Struct("i")
# The capacity of a pipe without a reader.
PIPE_BYTES = 65_536
# Each process imports the first two itself; few need the others.
NOT_IMPORTED = ("__main__", "cli.entry", "pytest_plugin", "calls", "panel", "supervisor.proxy")


class Forked:
    """A forked command, with the part of `subprocess.Popen` that the tests use.

    Attributes:
        pid: Its process id.
        returncode: Its exit status, once known.
        stdout: The read end of its standard output, where there is one.
        stderr: The read end of its standard error, where there is one.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        (self.pid,) = STATUS.unpack(connection.recv(STATUS.size))
        self.returncode: int | None = None
        self.stdout: IO[bytes] | None = None
        self.stderr: IO[bytes] | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return its exit status; None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return its exit status.

        Raises:
            TimeoutExpired: It still runs.
        """
        status = self._look(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("portweave", timeout or 0)
        return status

    def _look(self, timeout_s: float | None) -> int | None:
        with self._lock:
            if self.returncode is None:
                self._connection.settimeout(timeout_s)
                with contextlib.suppress(TimeoutError, BlockingIOError):
                    (self.returncode,) = STATUS.unpack(self._connection.recv(STATUS.size))
                    self._connection.close()
            return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Forks:
    """The process that forks; the first command starts it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def start(
        self,
        words: Sequence[str],
        streams: Sequence[int],
        *,
        cwd: Path,
        env: Mapping[str, str],
        new_session: bool = False,
    ) -> Forked:
        """Start a command.

        Args:
            words: Its arguments.
            streams: The descriptors for its standard streams.
            cwd: Its working directory.
            env: Its environment.
            new_session: Whether it starts a new session.
        """
        asked = {"words": words, "cwd": str(cwd), "env": dict(env), "new_session": new_session}
        mine, theirs = socket.socketpair()
        with self._lock, theirs:
            if self._socket is None:
                self._socket = self._begin()
            socket.send_fds(self._socket, [b"."], [theirs.fileno(), *streams])
        mine.sendall(json.dumps(asked).encode())
        mine.shutdown(socket.SHUT_WR)
        return Forked(mine)

    def _begin(self) -> socket.socket:
        mine, theirs = socket.socketpair()
        with theirs:
            server = subprocess.Popen(
                [sys.executable, "-I", __file__], stdin=theirs.fileno(), stdout=subprocess.DEVNULL
            )

        def end() -> None:
            mine.close()
            server.wait()

        atexit.register(end)
        return mine

    def run(
        self,
        words: Sequence[str],
        stdin: str,
        timeout_s: float,
        *,
        cwd: Path,
        env: Mapping[str, str],
    ) -> subprocess.CompletedProcess[str]:
        """Run a command until it has ended and no process has its output open.

        Args:
            words: Its arguments.
            stdin: Its standard input.
            timeout_s: After this time it is killed.
            cwd: Its working directory.
            env: Its environment.

        Raises:
            TimeoutExpired: It ran for too long.
        """
        until_s = time.monotonic() + timeout_s
        text = stdin.encode()
        assert len(text) <= PIPE_BYTES, "nothing reads it yet"
        with contextlib.ExitStack() as opened:

            def pipe() -> tuple[FileIO, FileIO]:
                read, write = os.pipe()
                return opened.enter_context(FileIO(read)), opened.enter_context(FileIO(write, "w"))

            (theirs, given), (printed, theirs_printed), (said, theirs_said) = pipe(), pipe(), pipe()
            given.write(text)
            given.close()
            streams = (theirs, theirs_printed, theirs_said)
            numbers = [one.fileno() for one in streams]
            process = self.start(words, numbers, cwd=cwd, env=env)
            for one in streams:
                one.close()
            got = {printed: bytearray(), said: bytearray()}
            with selectors.DefaultSelector() as selector:
                for one in got:
                    selector.register(one, selectors.EVENT_READ, got[one])
                while selector.get_map():
                    ready = selector.select(max(0.0, until_s - time.monotonic()))
                    if not ready:
                        process.kill()
                        raise subprocess.TimeoutExpired(
                            list(words), timeout_s, bytes(got[printed]), bytes(got[said])
                        )
                    for key, _ in ready:
                        data = os.read(key.fd, PIPE_BYTES)
                        key.data.extend(data)
                        if not data:
                            selector.unregister(key.fileobj)
            status = process.wait(max(0.0, until_s - time.monotonic()))
        texts = [bytes(one).decode("utf-8", "surrogateescape") for one in got.values()]
        return subprocess.CompletedProcess(list(words), status, *texts)


FORKS = Forks()


def may_fork(argv: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a command behaves the same without an interpreter of its own."""
    # These variables affect the interpreter's start; the last one is visible to other processes.
    its_own = ("LC_", "LANG", "COVERAGE", "PYTHON", "PORTWEAVE_WORKTREE")
    return (
        sys.platform == "linux"
        and list(argv[: len(PORTWEAVE)]) == PORTWEAVE
        and all(env[name] == os.environ.get(name) for name in env if name.startswith(its_own))
        and not any(name.startswith(("COVERAGE", "PYTHON")) for name in env)
    )


def start(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]
) -> "subprocess.Popen[bytes] | Forked":
    """Start a command in a new session, with pipes for its output."""
    if not may_fork(argv, env):
        return subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    (printed, theirs_printed), (said, theirs_said) = os.pipe(), os.pipe()
    with FileIO(os.devnull) as null, FileIO(theirs_printed, "w"), FileIO(theirs_said, "w"):
        streams = (null.fileno(), theirs_printed, theirs_said)
        words = argv[len(PORTWEAVE) :]
        process = FORKS.start(words, streams, cwd=cwd, env=env, new_session=True)
    process.stdout, process.stderr = os.fdopen(printed, "rb"), os.fdopen(said, "rb")
    return process


def serve() -> int:
    """Fork for each command; return the exit status, in a fork the command's."""
    # Like the supervisor, which does not need OpenSSL.
    sys.modules["ssl"] = None  # type: ignore[assignment]  # pyright: ignore
    importlib.import_module("asyncio")
    del sys.modules["ssl"]
    import portweave

    import_below(portweave.__path__, "portweave.")
    gc.collect()
    gc.freeze()
    requests = socket.socket(fileno=os.dup(0))
    selector = selectors.DefaultSelector()
    selector.register(requests, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data is not None:
                selector.unregister(key.fd)
                os.close(key.fd)
                report_end(*key.data)
                continue
            _, descriptors, _, _ = socket.recv_fds(requests, 1, 4)
            if not descriptors:
                return 0
            connection, *streams = descriptors
            talk = socket.socket(fileno=connection)
            with talk.makefile() as reader:
                asked = json.load(reader)
            if asked["words"][:1] == ["panel"]:
                import portweave.panel

                import_below(portweave.panel.__path__, "portweave.panel.")
            pid = os.fork()
            if pid == 0:
                selector.close()
                requests.close()
                talk.close()
                return run_forked(asked, streams)
            for one in streams:
                os.close(one)
            talk.sendall(STATUS.pack(pid))
            selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, talk))


def report_end(pid: int, talk: socket.socket) -> None:
    """Report the end of a command."""
    _, status = os.waitpid(pid, 0)
    # The test may have closed its end.
    with talk, contextlib.suppress(BrokenPipeError):
        talk.sendall(STATUS.pack(os.waitstatus_to_exitcode(status)))


def import_below(folders: Sequence[str], prefix: str) -> None:
    """Import all modules below a package."""
    for _, name, is_package in pkgutil.iter_modules(folders, prefix):
        if name.removeprefix("portweave.") not in NOT_IMPORTED:
            module = importlib.import_module(name)
            if is_package:
                import_below(module.__path__, f"{name}.")


def run_forked(asked: dict[str, Any], streams: Sequence[int]) -> int:
    """Turn this process into the requested command; return its exit status."""
    for number, one in enumerate(streams):
        os.dup2(one, number)
    os.closerange(len(streams), os.sysconf("SC_OPEN_MAX"))
    # The existing objects have files of another kind.
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        old = getattr(sys, name)
        buffering = 1 if name == "stderr" else -1
        new = open(  # noqa: SIM115 - for as long as the process lives
            number, mode, buffering, old.encoding, old.errors, closefd=False
        )
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    if asked["new_session"]:
        os.setsid()
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    sys.argv[1:] = asked["words"]
    from portweave.cli.entry import main

    return main()


if __name__ == "__main__":
    status = serve()
    # The regular exit of an interpreter touches, and so copies, all shared memory.
    os._exit(status)
