"""A service that tries to outlive its supervisor: `misbehaving_services.py ROLL FLAG…`.

Each of its processes first adds a line `PID START` to a file, the roll. So a test knows all of
them, even if they change their names, parents and tags. It runs under `python -I -S`, on Linux
(proc(5)).

Flags, carried out in this order:

    die         end after 0.3 s
    ignore      ignore TERM, HUP and INT
    subreaper   adopt the orphans of its descendants
    rename      take another name (comm)
    scrub       overwrite the memory where arguments and environment stand
    family      have three children
    apart       have a child in a session of its own
    daemon      have a grandchild in a session of its own, without parents
    bare        as daemon, with an empty environment too
    child-port  have a child that listens on PORT
    pipe        leave a child that holds the output, and end
    wander      have a process that forks and ends, every 50 ms
    hop         the same every 5 ms, and every third time in a session of its own
    threadless  have a child in a session of its own whose main thread ends, but not the other one
    user        have a child in a session of its own that becomes another user, if it runs as root
    port        listen on PORT
    closed      close all descriptors
    bear        on TERM, have a child that ignores TERM, then end
    flood       write without end
    stopped     stop (SIGSTOP)
"""

import ctypes
import itertools
import os
import signal
import socket
import sys
import threading
import time


def main() -> None:
    """Do what the flags say."""
    path, *flags = sys.argv[1:]
    MisbehavingService(path).be(flags)


class MisbehavingService:
    """One of its processes, and the processes that it forks.

    Args:
        path: Path of the roll.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._enter()

    def be(self, flags: list[str]) -> None:
        """Do what the flags say, then sleep."""
        if "die" in flags:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, 0.3)
        for flag in ORDER:
            if flag in flags:
                getattr(self, "be_" + flag.replace("-", "_"))()
        self._stay()

    def be_ignore(self) -> None:
        """Ignore TERM, HUP and INT."""
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)

    def be_subreaper(self) -> None:
        """Adopt orphans below it (prctl(2), PR_SET_CHILD_SUBREAPER)."""
        libc().prctl(36, 1, 0, 0, 0)

    def be_rename(self) -> None:
        """Take the name of a kernel thread."""
        with open("/proc/self/comm", "w") as file:
            file.write("kworker/0:1")

    def be_scrub(self) -> None:
        """Overwrite the memory of arguments and environment (proc(5): fields 48 to 51)."""
        with open("/proc/self/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        start, end, env_start, env_end = map(int, fields[45:49])
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            for low, high in ((start, end), (env_start, env_end)):
                memory.seek(low)
                memory.write(bytes(high - low))

    def be_family(self) -> None:
        """Have three children that sleep."""
        for _ in range(3):
            if self._fork():
                continue
            self._stay()

    def be_apart(self) -> None:
        """Have a child in a session of its own."""
        if not self._fork():
            os.setsid()
            self._stay()

    def be_daemon(self) -> None:
        """Have a descendant in a session of its own, without parents."""
        if not self._detach():
            self._stay()

    def be_bare(self) -> None:
        """The same, with nothing in its environment."""
        if not self._detach():
            words = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(1000)"]
            os.execve(words[0], words, {})  # noqa: S606

    def be_child_port(self) -> None:
        """Have a child that holds the port."""
        if not self._fork():
            self.be_port()
            self._stay()

    def be_port(self) -> None:
        """Listen on the port."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", int(os.environ["PORT"])))
        except OSError:
            # Another process of the service listens on it.
            return
        listening.listen()
        # Kept open until the process ends.
        listening.detach()

    def be_pipe(self) -> None:
        """End, but leave a child that holds the output pipe."""
        if self._fork():
            os._exit(0)
        self._stay()

    def be_wander(self) -> None:
        """Have a process that forks and ends, every 50 ms."""
        if self._fork():
            return
        while True:
            time.sleep(0.05)
            if self._fork():
                os._exit(0)

    def be_hop(self) -> None:
        """Have a process that forks and ends every 5 ms, and often opens a session."""
        if self._fork():
            return
        for hop in itertools.count():
            time.sleep(0.005)
            if self._fork():
                os._exit(0)
            if hop % 3 == 0:
                os.setsid()

    def be_threadless(self) -> None:
        """Have a child in state Z that still lives (pthread_exit(3))."""
        if self._fork():
            return
        os.setsid()
        threading.Thread(target=self._stay).start()
        # This call ends one thread, not the process (_exit(2)).
        libc().syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)

    def be_user(self) -> None:
        """Have a child that becomes another user, like a server that root starts."""
        if not self._fork():
            os.setsid()
            if os.getuid() == 0:
                os.setuid(65534)
            self._stay()

    def be_closed(self) -> None:
        """Close all descriptors."""
        os.closerange(0, 256)

    def be_bear(self) -> None:
        """Fork on TERM."""

        def bear(number: int, frame: object) -> None:
            if self._fork():
                os._exit(0)
            self.be_ignore()
            self._stay()

        signal.signal(signal.SIGTERM, bear)

    def be_flood(self) -> None:
        """Write until the reader is gone."""
        line = b"x" * 99 + b"\n"
        while True:
            try:
                os.write(1, line * 100)
            except OSError:
                return

    def be_stopped(self) -> None:
        """Stop itself."""
        os.kill(os.getpid(), signal.SIGSTOP)

    def _detach(self) -> bool:
        """Fork twice. Return whether this is the original process."""
        child = self._fork()
        if child:
            os.waitpid(child, 0)
            return True
        os.setsid()
        if self._fork():
            os._exit(0)
        return False

    def _fork(self) -> int:
        child = os.fork()
        if not child:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._enter()
        return child

    def _enter(self) -> None:
        with open("/proc/self/stat", "rb") as file:
            start = file.read().rpartition(b")")[2].split()[19]
        roll = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(roll, b"%d %s\n" % (os.getpid(), start))
        os.close(roll)

    def _stay(self) -> None:
        while True:
            time.sleep(1000)


def libc() -> ctypes.CDLL:
    """The functions of the C library."""
    return ctypes.CDLL(None)


ORDER = (
    *("ignore", "subreaper", "rename", "scrub", "family", "apart", "daemon", "bare", "child-port"),
    *("pipe", "wander", "hop", "threadless", "user", "port", "closed", "bear", "flood", "stopped"),
)
FLAGS = ("die", *ORDER)

if __name__ == "__main__":
    main()
