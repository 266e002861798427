"""Pure. What a hub has to do: lines for who reads, and lines held for who does not."""

from collections import deque

from portweave.encoding import jsonrpc
from portweave.supervisor.calls.state import (
    Action,
    Ask,
    Held,
    Peer,
)


class Outbox:
    """What is to be done, until it is taken.

    Attributes:
        receiver: Who gets the lines below; what goes to one peer in a row is one action.
        lines: Theirs; who appends to it has seen to it that `receiver` is the right one.
    """

    def __init__(self) -> None:
        self.receiver: Peer | None = None
        self.lines: list[bytes] = []
        self._actions: list[Action] = []

    def do(self, action: Action) -> None:
        """Have something done that is no line."""
        self._actions.append(action)

    def turn_to(self, peer: Peer) -> None:
        """Have the next lines go to another peer."""
        if (before := self.receiver) is not None:
            self._actions.append((before, b"".join(self.lines)))
            self.lines = []
        self.receiver = peer

    def send(self, peer: Peer, line: bytes, *, is_answer: bool, ask: Ask | None = None) -> bool:
        """Send a line, or hold it for a peer that does not read; return whether it is sent.

        Args:
            peer: Who gets it.
            line: With its line end.
            is_answer: Whether the peer has asked for it.
            ask: What it is the request of, if that is to be told when the line goes out.
        """
        if peer.blocked or peer.held:
            peer.held.append(Held(line, ask, is_answer=is_answer))
            peer.held_bytes += len(line)
            if is_answer:
                peer.owed_bytes += len(line)
            return False
        if peer is not self.receiver:
            self.turn_to(peer)
        self.lines.append(line)
        return True

    def refuse(self, peer: Peer, key: bytes | None, code: int, text: str) -> None:
        """Tell a peer that its request is no good; `key` is its id, None where it has none."""
        if key is not None:
            self.send(peer, jsonrpc.bad_line(code, text, key), is_answer=True)

    def take(self) -> list[Action]:
        """All that is to be done, in order; from now on it is done."""
        actions, self._actions = self._actions, []
        if (receiver := self.receiver) is not None:
            actions.append((receiver, b"".join(self.lines)))
            self.lines = []
            self.receiver = None
        return actions


def release(peer: Peer, most_bytes: int) -> list[bytes]:
    """Lines that were held for a peer, the first ones; until it is blocked again.

    Args:
        peer: Who gets them.
        most_bytes: The last line begins before so many of them.
    """
    lines: list[bytes] = []
    while peer.held and most_bytes > 0 and not peer.blocked:
        held = peer.held.popleft()
        size = len(held.line)
        peer.held_bytes -= size
        if held.is_answer:
            peer.owed_bytes -= size
        if held.ask is not None:
            held.ask.unsent = False
            held.ask.params = jsonrpc.NOTHING
            if held.ask.over:
                # Taken back, or too late: the peer needs not hear of it.
                continue
        most_bytes -= size
        lines.append(held.line)
    return lines


def keep_answers(peer: Peer) -> None:
    """Hold no more requests for a peer, but only what it has asked for."""
    peer.held = deque(held for held in peer.held if held.is_answer)
    peer.held_bytes = peer.owed_bytes
