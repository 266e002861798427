"""The guardian: the supervisor's parent, who ends what it leaves behind.

The process that the user starts forks. The child goes on as the supervisor; the parent does nothing
but wait. Both are subreapers: what a service forks away is handed to the supervisor while it lives,
and to the guardian after that. If the supervisor dies, the guardian ends all that descends from it
and all that the journal names, dependents first, as the journal says. If the guardian dies, the
supervisor, who watches it, ends the stack. If both die at once, the journal is left to the next
command (`portweave.maintenance.dead_stacks`).

The guardian stays in the session and the group of its caller, so that a shell's job control, its
hang-up and nohup(1) mean it. The supervisor has a session of its own: what kills the group, as
timeout(1) and harnesses of tests do, does not reach it, and it ends the stack. It has no terminal
to be signalled by, so the guardian passes each signal on, once, whoever has sent it.

At SIGTSTP (Ctrl-Z) the guardian has the supervisor hold the view, and stops; the services go on.
At SIGCONT the supervisor shows what has come meanwhile.

Services without a terminal read from a pipe that stays open and silent, for programs such as
watchers end at the end of their input. Guardian and supervisor hold its other end, so that it ends
with the last of them.
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
    # All that happens before the fork delays the services; `signal` and `socket` make enumerations
    # of what these have as numbers, and that takes longer than the fork.
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
# How long the supervisor may take to hold the view: a terminal that is held itself takes nothing.
_HOLD_S = 1.0
_SIZE_BYTES = 8
_INT_BYTES = 4
_MOST_DESCRIPTORS = 4
# recvmsg(2); elsewhere than on Linux what is started closes it by itself.
_CLOSE_ON_EXEC: int = getattr(_socket, "MSG_CMSG_CLOEXEC", 0)


class SupervisorProcess:
    """The child that is to become the supervisor, as the guardian-to-be sees it.

    It is forked before anybody knows what there is to run: what it has to import takes twice as
    long as reading the definitions and giving out the ports, and is done meanwhile.

    Args:
        warm_up: Imports what the supervisor needs.
        main: Runs a stack: takes what `start` was given; the descriptors of the lock, of both ends
            of the services' input and, where there is one, of what wakes the one who becomes the
            proxy; and the socket to us. Returns the exit status.
    """

    def __init__(self, warm_up: "Callable[[], None]", main: "Main") -> None:
        for stream in (sys.stdout, sys.stderr):
            # What is buffered would be written twice. There is no stream where none was open.
            if stream is not None:
                stream.flush()
        # Whoever has it ignored has its children reaped by the kernel, and waits for ever.
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
        # Until there is something to guard, a signal ends us as it ends any command.
        signal.pthread_sigmask(signal.SIG_SETMASK, self._inherited)

    def start(self, work: bytes, lock: "StackLock", tag: str, proxy: tuple[str, ...] = ()) -> int:
        """Have the child run a stack, and guard it: see to it that nothing of it is left.

        Args:
            work: For `main`.
            lock: The right to run the stack; from here on both processes have it.
            tag: What the marks of the stack's processes begin with.
            proxy: The command of the proxy, where none runs yet and the stack wants one.

        Returns:
            The child's exit status; 128+n after its death by signal n.
        """
        stops = signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL
        watched = WATCHED if stops else WATCHED - {signal.SIGTSTP}
        # With the last of them blocked we may write to the terminal from the background, too, and
        # are not stopped for it (termios(3)).
        signal.pthread_sigmask(signal.SIG_BLOCK, watched | {signal.SIGTTOU})
        # From here on the supervisor ends in order, and there is nothing to undo.
        clear_at_end()
        starter = ProxySpawner(proxy) if proxy else None
        # Our copy of the writing end stays open for as long as we live.
        reading, writing = os.pipe()
        wake = [starter.wake] if starter else []
        send(self._socket, work, lock.descriptor, reading, writing, *wake)
        os.close(reading)
        if starter is not None:
            starter.leave()
        from portweave.supervisor.processes.nested_stacks import (
            NestedStacks,
            spared_by,
        )
        from portweave.supervisor.processes.own_children import OwnChildren
        from portweave.supervisor.processes.process_tree import become_subreaper

        become_subreaper()
        nested = NestedStacks(os.path.dirname(lock.journal), os.getpid())
        spare = {self.pid}
        own = OwnChildren(spare, lambda: spared_by(nested), self._foreign)
        held_streams = HeldStreams(self._socket)
        status = _wait_for(self.pid, held_streams, own, watched)
        if status < 0:
            _say(f"the supervisor was ended by signal {-status}; the guardian ends its services")
        held_streams.take()
        spare.clear()
        progress = _clean_up(lock, tag, held_streams, own, nested)
        if progress.left:
            _say(f"could not be ended: {', '.join(f'pid {seen.pid}' for seen in progress.left)}")
            return 1
        lock.remove_record()
        if status < 0:
            count = len(progress.met)
            _say(f"{count} process{'es' if count != 1 else ''} ended, nothing is left")
        return status if status >= 0 else 128 - status

    def dismiss(self) -> None:
        """There is nothing to run: end the child."""
        clear_at_end()
        self._socket.close()
        _signal(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _children() -> list[int]:
    """Pids of the children that this process has; none where the kernel does not tell (proc(5))."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def send(socket: Socket, work: bytes, *descriptors: int) -> None:
    """Send what is to be done, and descriptors: of the lock that gives the right to do it first."""
    numbers = b"".join(number.to_bytes(_INT_BYTES, sys.byteorder) for number in descriptors)
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, numbers)
    socket.sendmsg([len(work).to_bytes(_SIZE_BYTES, "big")], [rights])
    socket.sendall(work)


def receive(socket: Socket) -> tuple[bytes, list[int]] | None:
    """What `send` has sent; None where the other side has gone."""
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
    """The child's side; it does not return into what its parent was doing."""
    status = 1
    try:
        os.setsid()
        if signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:
            # Ctrl-Z has reached us, too, if we were in its group a moment ago; what ends it will
            # not. To ignore a signal drops one that waits (sigaction(2)).
            signal.signal(signal.SIGTSTP, signal.SIG_IGN)
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        warm_up()
        # The right to run the stack, which comes with it, stays open by itself. Signals stay
        # blocked until the stack handles them.
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
        # Threads that wait for a reader must not keep us, and what is at exit is the parent's.
        os._exit(status)


def _wait_for(
    child: int, held_streams: HeldStreams, own: "OwnChildren", watched: "Collection[int]"
) -> int:
    """Wait until the supervisor has ended, and pass on what was sent to us.

    Returns its exit status, -n after its death by signal n.
    """
    while True:
        number = _next_signal(watched)
        own.note_foreign(child)
        if number == signal.SIGIO:
            held_streams.take()
        elif number == signal.SIGTSTP:
            _stop(child, held_streams)
        elif number != signal.SIGCHLD:
            _signal(child, number)
            if number in ENDING:
                # What is stopped does not act on a signal until it goes on.
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
    """Have the view held, and stop until SIGCONT; a group without a shell is not stopped."""
    _signal(child, signal.SIGTSTP)
    if not held_streams.await_word(HELD, _HOLD_S):
        # There is something to end.
        return
    # A second one that has come meanwhile is not to stop us twice.
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
        # If we are killed as well, the next command goes on from there.
        append_processes(
            lock.journal, [seen for seen in new if (seen.pid, seen.start) not in known]
        )

    for pause_s in end_processes(find, journal, tag, nested.guarded, progress, own=own, note=note):
        held_streams.read_for(pause_s)
    return progress


def _say(text: str) -> None:
    # Nobody who stands still may keep the guardian: what finds no room at once is not said.
    import select

    poll = select.poll()
    poll.register(2, select.POLLOUT)
    try:
        if poll.poll(1000):
            os.write(2, f"[portweave] {escaped(text)}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        return
