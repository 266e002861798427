"""What the kernel tells of changed files: inotify(7), which says what all of this means."""

import struct
from collections.abc import Iterator

from portweave.supervisor.core.value import value

IN_ATTRIB = 0x4
IN_CLOSE_WRITE = 0x8
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
IN_ONLYDIR = 0x1000000
IN_EXCL_UNLINK = 0x4000000
IN_ISDIR = 0x40000000

# A file has changed when its writer closes it: not IN_MODIFY, of which a log that a service writes
# brings thousands a second, and which tells of files that are half written.
CHANGES = (
    IN_ATTRIB
    | IN_CLOSE_WRITE
    | IN_MOVED_FROM
    | IN_MOVED_TO
    | IN_CREATE
    | IN_DELETE
    | IN_DELETE_SELF
    | IN_MOVE_SELF
)

_HEAD = struct.Struct("iIII")


@value
class Told:
    """One event.

    Attributes:
        watch: The number of the watch; -1 for the queue's own.
        mask: What has happened.
        name: Of the entry in the watched folder; empty for the folder itself.
    """

    watch: int
    mask: int
    name: bytes

    def is_about(self, *events: int) -> bool:
        """Whether it is one of these events."""
        return any(self.mask & event for event in events)


def parse(data: bytes) -> Iterator[Told]:
    """The events that one read(2) has brought: whole ones, as the kernel gives no others."""
    at = 0
    while at + _HEAD.size <= len(data):
        watch, mask, _, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield Told(watch, mask, data[at : at + length].rstrip(b"\0"))
        at += length
