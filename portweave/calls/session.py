"""What a connection has of the hub, whoever asks or answers on it."""

from portweave.calls.link import Link
from portweave.encoding import jsonrpc
from portweave.errors import HubUnreachable, MessageTooLarge


class Session:
    """One time with the hub.

    Attributes:
        link: To it; there is none before the connection joins.
        max_bytes: The longest message that it takes.
        lost: Whether it has gone.
    """

    __slots__ = ("link", "lost", "max_bytes")

    def __init__(self) -> None:
        self.link: Link
        self.max_bytes = jsonrpc.MAX_MESSAGE_BYTES
        self.lost = False

    def check(self, line: bytes) -> None:
        """See to it that a line can be sent.

        Raises:
            HubUnreachable: The hub has gone.
            MessageTooLarge: It is more than the hub takes.
        """
        if self.lost:
            raise hub_gone()
        if len(line) > self.max_bytes:
            text = f"the message has {len(line)} bytes, the hub takes {self.max_bytes}"
            raise MessageTooLarge(text)

    async def write(self, line: bytes) -> None:
        """Send a line, once the hub reads.

        Raises:
            HubUnreachable: The hub has gone.
            MessageTooLarge: It is more than the hub takes.
        """
        self.check(line)
        if self.link.is_full:
            await self.link.drain()
        if self.lost:
            raise hub_gone()
        self.link.write(line)


def hub_gone() -> HubUnreachable:
    """The error of who asks a hub that has gone."""
    return HubUnreachable("the hub has gone")
