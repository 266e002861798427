"""Pure. Collects a hub's actions: lines to send, and lines to hold for peers that do not read."""

from collections import deque

from portweave.encoding import jsonrpc
from portweave.supervisor.calls.state import (
    Action,
    Held,
    Peer,
    PendingRequest,
)


class Outbox:
    """Collects actions until they are taken.

    Attributes:
        receiver: The peer that gets `lines`. Consecutive lines to one peer are one action.
        lines: Lines for the receiver. Call `turn_to` first if the receiver is another.
    """

    def __init__(self) -> None:
        self.receiver: Peer | None = None
        self.lines: list[bytes] = []
        self._actions: list[Action] = []

    def do(self, action: Action) -> None:
        """Add an action other than sending a line."""
        self._actions.append(action)

    def turn_to(self, peer: Peer) -> None:
        """Make another peer the receiver of the next lines."""
        if (before := self.receiver) is not None:
            self._actions.append((before, b"".join(self.lines)))
            self.lines = []
        self.receiver = peer

    def send(
        self, peer: Peer, line: bytes, *, is_answer: bool, request: PendingRequest | None = None
    ) -> bool:
        """Send a line, or hold it for a peer that does not read.

        Args:
            peer: The receiver.
            line: The line, with its end.
            is_answer: Whether it answers a request of the peer.
            request: The request that the line carries, to be marked as sent later.

        Returns:
            Whether the line is sent, not held.
        """
        if peer.blocked or peer.held:
            peer.held.append(Held(line, request, is_answer=is_answer))
            peer.held_bytes += len(line)
            if is_answer:
                peer.owed_bytes += len(line)
            return False
        if peer is not self.receiver:
            self.turn_to(peer)
        self.lines.append(line)
        return True

    def refuse(self, peer: Peer, key: bytes | None, code: int, text: str) -> None:
        """Answer a bad request with an error.

        Args:
            peer: The caller.
            key: The caller's id of the request, as JSON; None for a notification.
            code: The error code of JSON-RPC.
            text: The error message.
        """
        if key is not None:
            self.send(peer, jsonrpc.bad_line(code, text, key), is_answer=True)

    def drain(self) -> list[Action]:
        """Return and remove all collected actions, in order."""
        actions, self._actions = self._actions, []
        if (receiver := self.receiver) is not None:
            actions.append((receiver, b"".join(self.lines)))
            self.lines = []
            self.receiver = None
        return actions


def release(peer: Peer, most_bytes: int) -> list[bytes]:
    """The first lines held for a peer, until it is blocked again.

    Args:
        peer: The receiver.
        most_bytes: The last line begins before this many bytes.
    """
    lines: list[bytes] = []
    while peer.held and most_bytes > 0 and not peer.blocked:
        held = peer.held.popleft()
        size = len(held.line)
        peer.held_bytes -= size
        if held.is_answer:
            peer.owed_bytes -= size
        if held.request is not None:
            held.request.unsent = False
            held.request.params = jsonrpc.NOTHING
            if held.request.over:
                # It was cancelled or timed out, so the server need not get it.
                continue
        most_bytes -= size
        lines.append(held.line)
    return lines


def keep_answers(peer: Peer) -> None:
    """Drop the requests held for a peer; keep the answers."""
    peer.held = deque(held for held in peer.held if held.is_answer)
    peer.held_bytes = peer.owed_bytes
