"""The guardian: the supervisor's parent, which ends the services if the supervisor dies.

The process that the user starts forks. The child becomes the supervisor; the parent only waits.
Both are subreapers: the supervisor adopts the orphans of services, and after its death the guardian
does. If the supervisor dies, the guardian ends all its descendants and all processes in the
journal, dependents first. If the guardian dies, the supervisor notices and ends the stack. If both
die at once, the next command reads the journal (`portweave.maintenance.dead_stacks`).

The guardian stays in its caller's session and group, so a shell's job control, its hang-up and
nohup(1) work. The supervisor has a session of its own. timeout(1) and test harnesses kill groups:
that does not reach the supervisor, which then ends the stack. The supervisor gets no signals from
the terminal, so the guardian passes each signal on once, from any sender.

At SIGTSTP (Ctrl-Z) the guardian makes the supervisor pause the view, and stops; the services go on.
At SIGCONT the supervisor shows the output since then.

Services without a terminal read from a pipe that stays open and empty, because some programs, such
as watchers, end at the end of their input. Guardian and supervisor hold its write end, so the pipe
ends with the last of them.
"""

import _socket
import os
import sys
from _socket import socket as Socket  # noqa: N812

from portweave.encoding.terminal_escapes import escaped
from portweave.supervisor.proxy.announce.spawner import ProxySpawner
from portweave.supervisor.shutdown.held_streams import (
    HELD,
    HeldStreams,
)
from portweave.system.interrupts import (
    ENDING,
    clear_at_end,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Collection, Sequence
    from typing import NoReturn

    from portweave.supervisor.processes.nested_stacks import NestedStacks
    from portweave.supervisor.processes.own_children import OwnChildren
    from portweave.supervisor.processes.process_tree import ProcessInfo
    from portweave.supervisor.registry.stack_lock import StackLock
    from portweave.supervisor.shutdown.reap_stack import StopProgress

    Main = Callable[[bytes, list[int], Socket], int]
else:
    # Everything before the fork delays the services. `signal` and `socket` make enumerations of
    # numbers, which takes longer than the fork.
    signal = __import__("_signal")

PASSED_ON = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
    signal.SIGCONT,
)
WATCHED = frozenset({*PASSED_ON, signal.SIGTSTP, signal.SIGCHLD, signal.SIGIO})
# How long the supervisor may take to pause the view: a paused terminal takes no output.
_HOLD_S = 1.0
_SIZE_BYTES = 8
_INT_BYTES = 4
_MOST_DESCRIPTORS = 4
_CLEAR_LINE = b"\r\x1b[K"
# recvmsg(2). Other systems than Linux lack it; there a started process closes descriptors itself.
_CLOSE_ON_EXEC: int = getattr(_socket, "MSG_CMSG_CLOEXEC", 0)


class SupervisorProcess:
    """The supervisor's process, which the future guardian forks.

    The fork comes before the plan of the stack is known. The supervisor's imports take twice as
    long as reading the definitions and assigning the ports, and run at the same time.

    Args:
        warm_up: Imports the modules that the supervisor needs.
        main: Runs a stack, and returns the exit status. It gets the work that `start` was given, a
            list of descriptors, and the socket to the guardian. The descriptors are: the lock, both
            ends of the services' input, and, if there is one, the pipe that wakes the future proxy.
    """

    def __init__(self, warm_up: "Callable[[], None]", main: "Main") -> None:
        for stream in (sys.stdout, sys.stderr):
            # Both processes would write buffered output. A stream that was not open is None.
            if stream is not None:
                stream.flush()
        # If SIGCHLD is ignored, the kernel reaps the children, and a wait never ends.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._foreign = _children()
        ours, theirs = _socket.socketpair()
        self._inherited = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _supervise(theirs, warm_up, main)
        theirs.close()
        self._socket = ours
        # Before there is a stack, a signal ends this process like any command.
        signal.pthread_sigmask(signal.SIG_SETMASK, self._inherited)

    def start(self, work: bytes, lock: "StackLock", tag: str, proxy: tuple[str, ...] = ()) -> int:
        """Make the child run a stack, and guard it until no process of it is left.

        Args:
            work: The work for `main`.
            lock: The lock of the stack; from here on both processes have it.
            tag: The beginning of the tags of the stack's processes.
            proxy: The command of the proxy, if the stack wants one and none runs yet.

        Returns:
            The child's exit status; 128+n after its death by signal n.
        """
        stops = signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL
        watched = WATCHED if stops else WATCHED - {signal.SIGTSTP}
        # With SIGTTOU blocked, a process in the background may write to the terminal without being
        # stopped (termios(3)).
        signal.pthread_sigmask(signal.SIG_BLOCK, watched | {signal.SIGTTOU})
        # From here on the supervisor ends the stack in order, and there is nothing to undo.
        clear_at_end()
        starter = ProxySpawner(proxy) if proxy else None
        if starter is not None:
            # The proxy outlives this stack. It starts before orphans come to this process.
            starter.start()
        from portweave.supervisor.processes.process_tree import become_subreaper

        # Before the first service starts: if the supervisor dies early, its orphans come here.
        become_subreaper()
        # The guardian's copy of the write end stays open until it ends.
        reading, writing = os.pipe()
        wake = [starter.wake] if starter else []
        send(self._socket, work, lock.descriptor, reading, writing, *wake)
        os.close(reading)
        if starter is not None:
            starter.close()
        from portweave.supervisor.processes.nested_stacks import (
            NestedStacks,
            spared_by,
        )
        from portweave.supervisor.processes.own_children import OwnChildren

        nested = NestedStacks(os.path.dirname(lock.journal), os.getpid())
        spare = {self.pid}
        own = OwnChildren(spare, lambda: spared_by(nested), self._foreign)
        held_streams = HeldStreams(self._socket)
        status = _wait_for(self.pid, held_streams, own, watched)
        if status < 0:
            _say(f"the supervisor was ended by signal {-status}; the guardian ends its services")
        held_streams.receive()
        spare.clear()
        progress = _clean_up(lock, tag, held_streams, own, nested)
        if progress.left:
            _say(f"could not be ended: {', '.join(f'pid {seen.pid}' for seen in progress.left)}")
            return 1
        if status < 0:
            _note_killed(lock)
        lock.remove_record()
        if status < 0:
            count = len(progress.met)
            _say(f"{count} process{'es' if count != 1 else ''} ended, nothing is left")
        return status if status >= 0 else 128 - status

    def dismiss(self) -> None:
        """End the child, because there is no stack to run."""
        clear_at_end()
        self._socket.close()
        _signal(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _note_killed(lock: "StackLock") -> None:
    """Write for `ls --all` that the supervisor was killed."""
    from portweave.supervisor.registry.ended_stacks import KILLED, note_end

    record = lock.read()
    if record is not None:
        note_end(os.path.dirname(lock.journal), record, KILLED)


def _children() -> list[int]:
    """Pids of this process's children; none if the kernel does not list them (proc(5))."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def send(socket: Socket, work: bytes, *descriptors: int) -> None:
    """Send a stack's work and descriptors, the one of the stack's lock first.

    Args:
        socket: The socket to the process that receives them.
        work: The work.
        descriptors: The descriptors.
    """
    numbers = b"".join(number.to_bytes(_INT_BYTES, sys.byteorder) for number in descriptors)
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, numbers)
    socket.sendmsg([len(work).to_bytes(_SIZE_BYTES, "big")], [rights])
    socket.sendall(work)


def receive(socket: Socket) -> tuple[bytes, list[int]] | None:
    """Receive work and descriptors from `send`; None if the sender is gone."""
    space = _socket.CMSG_SPACE(_MOST_DESCRIPTORS * _INT_BYTES)
    head, rights, _, _ = socket.recvmsg(_SIZE_BYTES, space, _CLOSE_ON_EXEC)
    size = int.from_bytes(head, "big")
    work = b""
    while len(work) < size and (data := socket.recv(size - len(work))):
        work += data
    if not (rights and len(work) == size):
        return None
    numbers = rights[0][2]
    return work, [
        int.from_bytes(numbers[at : at + _INT_BYTES], sys.byteorder)
        for at in range(0, len(numbers) - _INT_BYTES + 1, _INT_BYTES)
    ]


def _supervise(inbox: Socket, warm_up: "Callable[[], None]", main: "Main") -> "NoReturn":
    """Run the supervisor in the child; never return into the parent's code."""
    status = 1
    try:
        os.setsid()
        if signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:
            # Ctrl-Z may have reached this process in its parent's group; the later SIGCONT will
            # not. Ignoring a signal drops a pending one (sigaction(2)).
            signal.signal(signal.SIGTSTP, signal.SIG_IGN)
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        warm_up()
        # The lock's descriptor stays open. Signals stay blocked until the stack handles them.
        received = receive(inbox)
        if received is not None:
            work, descriptors = received
            inbox.setblocking(False)
            status = main(work, descriptors, inbox)
    except BaseException as fault:
        from portweave.system.faults import user_error

        error = user_error(fault)
        _say(f"error: {error.message} ({error.code})")
    finally:
        # Threads may still wait for a reader, and exit handlers belong to the parent.
        os._exit(status)


def _wait_for(
    child: int, held_streams: HeldStreams, own: "OwnChildren", watched: "Collection[int]"
) -> int:
    """Wait until the supervisor has ended, and pass signals on to it.

    Args:
        child: Pid of the supervisor.
        held_streams: Receives descriptors from the supervisor.
        own: This process's children.
        watched: Numbers of the signals to take.

    Returns:
        The supervisor's exit status, -n after its death by signal n.
    """
    while True:
        number = _next_signal(watched)
        own.note_foreign(child)
        if number == signal.SIGIO:
            held_streams.receive()
        elif number == signal.SIGTSTP:
            _stop(child, held_streams)
        elif number != signal.SIGCHLD:
            _signal(child, number)
            if number in ENDING:
                # A stopped process acts on a signal only after SIGCONT.
                _signal(child, signal.SIGCONT)
        else:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)


def _next_signal(watched: "Collection[int]") -> int:
    if hasattr(signal, "sigwaitinfo"):
        return signal.sigwaitinfo(watched).si_signo
    return signal.sigwait(watched)


def _stop(child: int, held_streams: HeldStreams) -> None:
    """Make the supervisor pause the view, then stop until SIGCONT.

    The kernel does not stop a group that has no shell.
    """
    _signal(child, signal.SIGTSTP)
    if not held_streams.await_word(HELD, _HOLD_S):
        # The supervisor is gone: its services have to be ended.
        return
    # A second SIGTSTP that is pending must not stop this process twice.
    if signal.SIGTSTP not in signal.sigpending():
        os.kill(os.getpid(), signal.SIGTSTP)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTSTP,))
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTSTP,))
    _signal(child, signal.SIGCONT)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _clean_up(
    lock: "StackLock",
    tag: str,
    held_streams: HeldStreams,
    own: "OwnChildren",
    nested: "NestedStacks",
) -> "StopProgress":
    from portweave.supervisor.processes.started_journal import (
        append_processes,
        read_journal,
    )
    from portweave.supervisor.shutdown.reap_stack import (
        StopProgress,
        end_processes,
        find_in_children,
    )

    journal = read_journal(lock.journal)
    find = find_in_children(own, journal.entries, tag, nested)
    known = {(entry.pid, entry.start) for entry in journal.entries}
    progress = StopProgress()

    def note(new: "Sequence[ProcessInfo]") -> None:
        # If the guardian is killed as well, the next command goes on from there.
        append_processes(
            lock.journal, [seen for seen in new if (seen.pid, seen.start) not in known]
        )

    for pause_s in end_processes(find, journal, tag, nested.guarded, progress, own=own, note=note):
        held_streams.read_for(pause_s)
    return progress


def _say(text: str) -> None:
    # A paused terminal must not block the guardian: without room, the text is dropped.
    import select

    poll = select.poll()
    poll.register(2, select.POLLOUT)
    # A dead supervisor may have left its live line on the terminal.
    is_live = os.isatty(2) and os.environ.get("TERM") != "dumb"
    line = f"[portweave] {escaped(text)}\n".encode("utf-8", "backslashreplace")
    try:
        if poll.poll(1000):
            os.write(2, _CLEAR_LINE + line if is_live else line)
    except OSError:
        return
