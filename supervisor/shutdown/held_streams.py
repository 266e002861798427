"""The other ends of what services print to, which the guardian has too.

With the last of these ends a terminal hangs up on its service (SIGHUP, pty(7)), and a pipe breaks
(SIGPIPE, pipe(7)). So if the supervisor alone had them, all services would end or break with it, in
no order. The guardian only holds them while the supervisor lives, and reads them when it does not,
for a service that has something to say while it ends is not to wait for a reader.
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
# The view is held. No instance has a blank in its name.
HELD = "view held"
# recvmsg(2); elsewhere than on Linux what is started closes it by itself.
_CLOSE_ON_EXEC: int = getattr(_socket, "MSG_CMSG_CLOEXEC", 0)


def hand_over(socket: _socket.socket, name: str, descriptors: "Sequence[int]") -> None:
    """Give the guardian the ends of an instance's streams, in place of those it has of it.

    Args:
        socket: Not blocking: nobody waits for a guardian that stands still.
        name: Of the instance.
        descriptors: The end of its output and that of its errors.
    """
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", descriptors))
    try:
        socket.sendmsg([f"{name}\n".encode()], [rights])
    except OSError:
        # It has gone, or stands still: then it hears of the hang-up like any service.
        return


def send_word(socket: _socket.socket, word: str) -> None:
    """Tell the guardian a word that is no name of an instance, such as `HELD`."""
    try:
        socket.send(f"{word}\n".encode())
    except OSError:
        # It has gone, or stands still.
        return


class HeldStreams:
    """The guardian's side.

    Args:
        socket: Where the supervisor hands them over; a signal tells that something has come.
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
        # What can be kept: to end a stack takes descriptors, too.
        self._room = soft - _RESERVE
        self._socket = socket
        self._words = b""
        self._come: list[int] = []
        # By instance.
        self._kept: dict[str, list[int]] = {}
        self._told: set[str] = set()
        socket.setblocking(False)
        fcntl.fcntl(socket.fileno(), fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(socket.fileno(), fcntl.F_GETFL)
        fcntl.fcntl(socket.fileno(), fcntl.F_SETFL, flags | os.O_ASYNC)
        # What has come before anybody was told.
        self.take()

    def await_word(self, word: str, patience_s: float) -> bool:
        """Wait for a word, but not for ever; whether the other side is still there."""
        until_s = time.monotonic() + patience_s
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        self._told.discard(word)
        while word not in self._told and (left_s := until_s - time.monotonic()) > 0:
            if poll.poll(left_s * 1000) and not self.take():
                return False
        return True

    def take(self) -> bool:
        """Take what has been handed over; whether the other side is still there."""
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
                self._come += numbers
            *names, self._words = (self._words + words).split(b"\n")
            for name in names:
                if name == HELD.encode():
                    self._told.add(HELD)
                    continue
                ends, self._come = self._come[:_ENDS], self._come[_ENDS:]
                _close(self._kept.pop(name.decode(), ()))
                if sum(map(len, self._kept.values())) + len(ends) > self._room:
                    _close(ends)
                else:
                    self._kept[name.decode()] = ends

    def read_for(self, time_s: float) -> None:
        """Read what services print, and throw it away, for some time."""
        until_s = time.monotonic() + time_s
        poll = select.poll()
        for end in (end for ends in self._kept.values() for end in ends):
            poll.register(end, select.POLLIN)
        while (left_s := until_s - time.monotonic()) > 0:
            for end, _ in poll.poll(left_s * 1000):
                try:
                    is_over = not os.read(end, _CHUNK_BYTES)
                except BlockingIOError:
                    is_over = False
                except OSError:  # EIO: nobody has the terminal any more, pty(7)
                    is_over = True
                if is_over:
                    poll.unregister(end)
                    self._forget(end)

    def _forget(self, end: int) -> None:
        for ends in self._kept.values():
            if end in ends:
                ends.remove(end)
                _close([end])


def _close(descriptors: "Sequence[int]") -> None:
    for descriptor in descriptors:
        os.close(descriptor)
