"""A connection's session with the hub, for both its requests and its answers."""

from portweave.calls.link import Link
from portweave.encoding import jsonrpc
from portweave.errors import HubUnreachable, MessageTooLarge


class Session:
    """A session with the hub.

    Attributes:
        link: The link to the hub; there is none before the connection joins.
        max_bytes: The longest message that the hub accepts.
        lost: Whether the hub has gone.
    """

    __slots__ = ("link", "lost", "max_bytes")

    def __init__(self) -> None:
        self.link: Link
        self.max_bytes = jsonrpc.MAX_MESSAGE_BYTES
        self.lost = False

    def check(self, line: bytes) -> None:
        """Check that a line can be sent.

        Raises:
            HubUnreachable: The hub has gone.
            MessageTooLarge: The line is longer than the hub allows.
        """
        if self.lost:
            raise hub_gone()
        if len(line) > self.max_bytes:
            text = f"the message has {len(line)} bytes, the hub takes {self.max_bytes}"
            raise MessageTooLarge(text)

    async def write(self, line: bytes) -> None:
        """Send a line, after the hub has read enough.

        Raises:
            HubUnreachable: The hub has gone.
            MessageTooLarge: The line is longer than the hub allows.
        """
        self.check(line)
        if self.link.is_full:
            await self.link.drain()
        if self.lost:
            raise hub_gone()
        self.link.write(line)


def hub_gone() -> HubUnreachable:
    """The error of a request to a hub that has gone."""
    return HubUnreachable("the hub has gone")
