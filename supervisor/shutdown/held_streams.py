"""The guardian's copies of the read ends of service output.

When the last read end is closed, a terminal hangs up on its service (SIGHUP, pty(7)), and a pipe
breaks (SIGPIPE, pipe(7)). If only the supervisor had them, its death would end all services at
once, in no order. While the supervisor lives, the guardian only keeps them open. After its death
the guardian reads them, so that a service can print while it ends.
"""

import _socket
import array
import os
import select
import time

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Sequence

_CHUNK_BYTES = 65_536
_ENDS = 2
_MOST = 65_536
_RESERVE = 40
# The word for "the view is paused". No instance has a space in its name.
HELD = "view held"
# recvmsg(2). Other systems than Linux lack it; there a started process closes descriptors itself.
_CLOSE_ON_EXEC: int = getattr(_socket, "MSG_CMSG_CLOEXEC", 0)


def hand_over(socket: _socket.socket, name: str, descriptors: "Sequence[int]") -> None:
    """Send the guardian the read ends of an instance's streams. They replace those of its last run.

    Args:
        socket: The socket to the guardian, non-blocking: a stopped guardian delays nothing.
        name: Name of the instance.
        descriptors: The read ends of its output and of its errors.
    """
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", descriptors))
    try:
        socket.sendmsg([f"{name}\n".encode()], [rights])
    except OSError:
        # The guardian is gone or stopped. Then the service is not protected from a hang-up.
        return


def send_word(socket: _socket.socket, word: str) -> None:
    """Send the guardian a word that is no name of an instance, such as `HELD`."""
    try:
        socket.send(f"{word}\n".encode())
    except OSError:
        # The guardian is gone or stopped.
        return


class HeldStreams:
    """The read ends that the guardian holds.

    Args:
        socket: The socket to the supervisor. SIGIO tells that data has arrived.
    """

    def __init__(self, socket: _socket.socket) -> None:
        import fcntl
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
        if soft < wanted:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                soft = wanted
            except (OSError, ValueError):
                pass
        # How many can be held. Ending a stack takes descriptors too.
        self._room = soft - _RESERVE
        self._socket = socket
        self._words = b""
        self._received: list[int] = []
        # By instance.
        self._held: dict[str, list[int]] = {}
        self._words_received: set[str] = set()
        socket.setblocking(False)
        fcntl.fcntl(socket.fileno(), fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(socket.fileno(), fcntl.F_GETFL)
        fcntl.fcntl(socket.fileno(), fcntl.F_SETFL, flags | os.O_ASYNC)
        # Data that arrived before SIGIO was switched on.
        self.receive()

    def await_word(self, word: str, patience_s: float) -> bool:
        """Wait for a word from the supervisor.

        Args:
            word: The word.
            patience_s: How long to wait, in seconds.

        Returns:
            Whether the supervisor is still connected.
        """
        until_s = time.monotonic() + patience_s
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        self._words_received.discard(word)
        while word not in self._words_received and (left_s := until_s - time.monotonic()) > 0:
            if poll.poll(left_s * 1000) and not self.receive():
                return False
        return True

    def receive(self) -> bool:
        """Receive descriptors and words. Return whether the supervisor is still connected."""
        space = _socket.CMSG_SPACE(_ENDS * array.array("i").itemsize)
        while True:
            try:
                words, rights, _, _ = self._socket.recvmsg(_CHUNK_BYTES, space, _CLOSE_ON_EXEC)
            except OSError:
                return True
            if not words:
                return False
            for _, _, data in rights:
                numbers = array.array("i")
                numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
                self._received += numbers
            *names, self._words = (self._words + words).split(b"\n")
            for name in names:
                if name == HELD.encode():
                    self._words_received.add(HELD)
                    continue
                ends, self._received = self._received[:_ENDS], self._received[_ENDS:]
                _close(self._held.pop(name.decode(), ()))
                if sum(map(len, self._held.values())) + len(ends) > self._room:
                    _close(ends)
                else:
                    self._held[name.decode()] = ends

    def read_for(self, time_s: float) -> None:
        """Read the output of services for some time, and discard it."""
        until_s = time.monotonic() + time_s
        poll = select.poll()
        for end in (end for ends in self._held.values() for end in ends):
            poll.register(end, select.POLLIN)
        while (left_s := until_s - time.monotonic()) > 0:
            for end, _ in poll.poll(left_s * 1000):
                try:
                    is_over = not os.read(end, _CHUNK_BYTES)
                except BlockingIOError:
                    is_over = False
                except OSError:  # EIO: no process has the terminal open, pty(7)
                    is_over = True
                if is_over:
                    poll.unregister(end)
                    self._forget(end)

    def _forget(self, end: int) -> None:
        for ends in self._held.values():
            if end in ends:
                ends.remove(end)
                _close([end])


def _close(descriptors: "Sequence[int]") -> None:
    for descriptor in descriptors:
        os.close(descriptor)
