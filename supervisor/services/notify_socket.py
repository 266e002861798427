"""The socket on which a service reports its state (sd_notify(3)).

A datagram counts only if a process of the service sent it, by the kernel's credentials (unix(7):
SCM_CREDENTIALS). A sender that has ended, such as systemd-notify(1), cannot be checked. It is
accepted, because only the service knows the name of the socket. macOS has no such credentials:
there the name alone is enough.
"""

import contextlib
import os
import socket
import struct
from collections.abc import Callable

from portweave.supervisor.processes.process_tree import look_at
from portweave.supervisor.services.sd_notify import (
    Notice,
    parse,
)
from portweave.system.tasks import until_readable

_LONGEST_BYTES = 16_384
_CREDENTIALS = struct.Struct("3i")
# The most descriptors that a datagram can carry (unix(7)). They are received and closed.
_MOST_DESCRIPTORS = 253


class NotifySocket:
    """The notify socket of one run.

    Args:
        folder: The folder of the socket.

    Attributes:
        path: Of the socket.

    Raises:
        OSError: It cannot be created.
    """

    def __init__(self, folder: str) -> None:
        self.path = f"{folder}/{os.urandom(8).hex()}.notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(self.path)
            os.chmod(self.path, 0o600)
            if hasattr(socket, "SO_PASSCRED"):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            self._socket.setblocking(False)
        except OSError:
            self.close()
            raise

    async def serve(self, is_member: Callable[[int], bool], take: Callable[[Notice], None]) -> None:
        """Pass on the notices of the service's processes, until cancelled.

        Args:
            is_member: Tells whether a pid belongs to the service.
            take: Receives each notice.
        """
        while True:
            await until_readable(self._socket.fileno())
            with contextlib.suppress(BlockingIOError):
                while True:
                    notice = self._receive(is_member)
                    if notice is not None:
                        take(notice)

    def _receive(self, is_member: Callable[[int], bool]) -> Notice | None:
        space = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(4 * _MOST_DESCRIPTORS)
        data, ancillary, _, _ = self._socket.recvmsg(_LONGEST_BYTES, space)
        sender: int | None = None
        for level, kind, content in ancillary:
            if level != socket.SOL_SOCKET:
                continue
            if kind == socket.SCM_RIGHTS:
                # FDSTORE is not supported. For BARRIER=1 the sender waits until they are closed.
                usable = content[: len(content) - len(content) % 4]
                for (descriptor,) in struct.iter_unpack("i", usable):
                    os.close(descriptor)
            elif kind == getattr(socket, "SCM_CREDENTIALS", -1):
                sender = _CREDENTIALS.unpack(content[: _CREDENTIALS.size])[0]
        if sender is not None and look_at(sender) is not None and not is_member(sender):
            return None
        return parse(data)

    def close(self) -> None:
        """Close and remove the socket."""
        self._socket.close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)
