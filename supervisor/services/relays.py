"""What a service needs of the relays of its output."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Protocol


class Relay(Protocol):
    """Passes on what a service prints on one stream.

    Attributes:
        ended: Set at the end of the stream.
    """

    ended: asyncio.Event

    async def run(self) -> None:
        """Relay until the stream ends."""

    async def close(self) -> None:
        """Relay what is left, and close the stream."""


# Receives a chunk of output, or some lines of it.
Receiver = Callable[[bytes], None]


class OpenRelays(Protocol):
    """Opens a relay for each stream of one run: its output and its error output."""

    def __call__(
        self, name: str, fds: Sequence[int], take: Receiver, taps: Collection[Receiver]
    ) -> list[Relay]:
        """Open the relays.

        Args:
            name: The instance.
            fds: The descriptors to read from.
            take: Receives whole lines.
            taps: Receive each chunk as it is read.
        """
        ...
