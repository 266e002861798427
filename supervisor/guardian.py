"""The guardian: the supervisor's parent, who ends what it leaves behind.

`guarded` forks. The child goes on as the supervisor; the parent does nothing but wait. Both are
subreapers: what a service forks away is handed to the supervisor while it lives, and to the
guardian after that. If the supervisor dies, the guardian ends all that descends from it and all
that the journal names. If the guardian dies, the supervisor, who watches it, ends the stack. If
both die at once, the journal is left to the next command (`portweave.leftovers`).

What the keys of a terminal send reaches both, being of one group; what somebody sends to the
guardian alone, it passes on.
"""

import os
import select
import signal
import sys

from portweave.supervisor.paths import Hold
from portweave.supervisor.remains import end_all, find_remains, read_journal
from portweave.supervisor.tribe import become_subreaper

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portweave.supervisor.tribe import Seen

_PASSED_ON = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
)
# sigaction(2): sent by the kernel, as a terminal's signals are, to all processes of a group.
_SI_KERNEL = 0x80


def guarded(main: "Callable[[], int]", hold: Hold, tag: str) -> int:
    """Run `main` in a child, and see to it that nothing of it is left when it has ended.

    Args:
        main: What the supervisor does; the guardian is its parent.
        hold: The right to run the stack; both processes have it.
        tag: What the marks of the stack's processes begin with.

    Returns:
        In the child, what `main` returns; in the parent, the child's exit status, 128+n after its
        death by signal n.
    """
    watched = {*_PASSED_ON, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    for stream in (sys.stdout, sys.stderr):
        # What is buffered would be written twice. There is no stream where none was open.
        if stream is not None:
            stream.flush()
    child = os.fork()
    if child == 0:
        # Not even what we inherited: what is blocked here would be blocked in every service.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        return main()
    become_subreaper()
    status = _wait_for(child, watched)
    if status < 0:
        _say(f"the supervisor was ended by signal {-status}; the guardian ends its services")
    found, left = _clean_up(hold, tag)
    if left:
        _say(f"could not be ended: {', '.join(f'pid {seen.pid}' for seen in left)}")
        return 1
    hold.forget()
    if status < 0:
        _say(f"{len(found)} process{'es' if len(found) != 1 else ''} ended, nothing is left")
    return status if status >= 0 else 128 - status


def _wait_for(child: int, watched: "set[signal.Signals]") -> int:
    """Wait until the supervisor has ended, and pass on what it does not get by itself.

    Returns its exit status, -n after its death by signal n.
    """
    while True:
        number, by_kernel = _next_signal(watched)
        if number != signal.SIGCHLD:
            # Ctrl-C and Ctrl-\\ reach the whole group; a hang-up only the leader of the session.
            if not by_kernel or number == signal.SIGHUP:
                _signal(child, number)
            continue
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)


def _next_signal(watched: "set[signal.Signals]") -> tuple[int, bool]:
    if hasattr(signal, "sigwaitinfo"):
        info = signal.sigwaitinfo(watched)
        return info.si_signo, info.si_code == _SI_KERNEL
    # macOS does not tell who sent it: what comes twice is taken for one press by the supervisor.
    return signal.sigwait(watched), False


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _clean_up(hold: Hold, tag: str) -> "tuple[list[Seen], list[Seen]]":
    claims = read_journal(hold.journal)

    def find(processes: "Mapping[int, Seen]") -> "list[Seen]":
        me = os.getpid()
        return find_remains(claims, "", me, processes) or find_remains(claims, tag, me, processes)

    return end_all(find, claims, None)


def _say(text: str) -> None:
    # Nobody who stands still may keep the guardian: what finds no room at once is not said.
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    try:
        if poll.poll(1000):
            os.write(2, f"[portweave] {text}\n".encode())
    except OSError:
        return
