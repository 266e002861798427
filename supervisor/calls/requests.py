"""Pure. One request after the other: given to a member that is ready, and ended exactly once."""

from portweave.encoding import jsonrpc
from portweave.errors import ClusterError, Overloaded, PeerDied
from portweave.supervisor.calls.names import name_of
from portweave.supervisor.calls.outbox import Outbox
from portweave.supervisor.calls.state import (
    Ask,
    CancelSupervisor,
    Close,
    Ended,
    Group,
    Limits,
    Member,
    Peer,
)


class PendingRequests:
    """The ways of a request.

    Args:
        limits: Bounds.
        peers: Who is connected.
        outbox: Where lines go.
        traced: Whether to tell how each request ended.
    """

    def __init__(
        self, limits: Limits, peers: dict[Peer, None], outbox: Outbox, *, traced: bool
    ) -> None:
        self._limits = limits
        self._peers = peers
        self._outbox = outbox
        self._traced = traced

    # To who takes it.

    def dispatch(self, ask: Ask, now_s: float) -> None:
        """Send an ask to who takes it, or have it wait.

        Raises:
            Overloaded: Who could take it has enough, or enough waits for them.
            PeerDied: Who could take it will not come.
        """
        group, member = ask.group, ask.member
        assert group is not None
        limits = self._limits
        if member is not None:
            choices = [peer for peer in member.peers if peer.ready]
        else:
            choices = group.ready
        for offset in range(len(choices)):
            server = choices[(group.turn + offset) % len(choices)]
            if self._has_room(server, ask):
                group.turn += offset + 1
                self._serve(ask, server, now_s)
                return
        who = name_of(group, member)
        if choices:
            text = f"{who} has as many requests open as it may have"
            raise Overloaded(text, connection=who)
        if not _may_come(group, member):
            reason = member.gone if member else next(iter(group.members.values())).gone
            raise PeerDied(f"{who} {reason}", connection=who)
        size = len(memoryview(ask.params))
        # As many as one that is ready would take.
        most = limits.concurrency + limits.queue
        if len(group.waiting) >= most or group.waiting_bytes + size > limits.held_bytes:
            raise Overloaded(f"too much waits for {who}, which is not ready", connection=who)
        group.waiting[ask] = None
        group.waiting_bytes += size

    def _has_room(self, server: Peer, ask: Ask) -> bool:
        if len(server.serves) >= server.most:
            return False
        if not server.blocked:
            return True
        limits = self._limits
        size = len(memoryview(ask.params))
        return len(server.held) < limits.asks and server.held_bytes + size <= limits.held_bytes

    def _serve(self, ask: Ask, server: Peer, now_s: float) -> None:
        left_ms = None if ask.due_s is None else round((ask.due_s - now_s) * 1000, 3)
        meta = jsonrpc.meta_member(left_ms, ask.traceparent, ask.asker.sender)
        if not ask.wanted:
            ask.over = True
            line = jsonrpc.raw_notification(ask.method, ask.params, meta)
            self._outbox.send(server, line, is_answer=False)
            return
        ask.server = server
        ask.number = server.next_id = server.next_id + 1
        server.serves[ask.number] = ask
        line = jsonrpc.raw_request(ask.number, ask.method, ask.params, meta)
        if self._outbox.send(server, line, is_answer=False, ask=ask):
            ask.params = jsonrpc.NOTHING
        else:
            ask.unsent = True

    def redispatch(self, ask: Ask, now_s: float) -> None:
        """Give an ask to somebody else, or fail it."""
        try:
            self.dispatch(ask, now_s)
        except ClusterError as error:
            self.fail(ask, error)

    def dispatch_waiting(self, member: Member, now_s: float) -> None:
        """Give what waits to a member that is ready now."""
        group = member.group
        for ask in [a for a in group.waiting if a.member is None or a.member is member]:
            _unwait(ask)
            self.redispatch(ask, now_s)

    def fail_waiting(self, group: Group, reason: str) -> None:
        """Fail what waits for those who will not come.

        Args:
            group: Whose they are.
            reason: Behind their name in a sentence, as `has ended`.
        """
        for ask in list(group.waiting):
            if not _may_come(group, ask.member):
                _unwait(ask)
                who = name_of(group, ask.member)
                self.fail(ask, PeerDied(f"{who} {reason}", connection=who))

    # To its end.

    def answer(self, ask: Ask, result: "jsonrpc.Raw | bytes") -> None:
        """End an ask with an array of values."""
        self.end(ask, jsonrpc.answer(ask.key, result), "")

    def fail(self, ask: Ask, error: ClusterError) -> None:
        """End an ask with an error."""
        self.end(ask, jsonrpc.failure(ask.key, error), error.type)

    def end(self, ask: Ask, line: bytes, failure: str) -> None:
        """Tell the asker, if it waits; an ask ends once.

        Args:
            ask: What ends.
            line: What the asker is sent.
            failure: Kind of the error, as of `Ended`.
        """
        if ask.over:
            return
        ask.over = True
        asker = ask.asker
        if ask.wanted:
            asker.asks.pop(ask.id, None)
            if asker in self._peers:
                if asker.held_bytes + len(line) > self._limits.held_bytes and asker.held:
                    error = Overloaded("the answer found no room: the asker does not read")
                    line = jsonrpc.failure(ask.key, error)
                self._outbox.send(asker, line, is_answer=True)
                self.close_when_done(asker)
        if self._traced:
            self._outbox.do(Ended(ask, failure))

    def close_when_done(self, peer: Peer) -> None:
        """Close the connection of who sends nothing more, if it waits for nothing more."""
        if peer.ended and not peer.asks:
            self._outbox.do(Close(peer))

    def abandon(self, ask: Ask) -> None:
        """The answer is not wanted any more: tell who works on it."""
        if ask.over:
            return
        if ask in (ask.group.waiting if ask.group is not None else ()):
            _unwait(ask)
        elif ask.server is not None:
            if ask.server.serves.pop(ask.number, None) is not None and not ask.unsent:
                line = jsonrpc.notification("$/cancel", b"[%d]" % ask.number)
                self._outbox.send(ask.server, line, is_answer=False)
        elif ask.group is None:
            self._outbox.do(CancelSupervisor(ask))

    def forget(self, ask: Ask) -> None:
        """The asker has gone."""
        self.abandon(ask)
        ask.wanted = False
        self.end(ask, b"", "AskerGone")


def _unwait(ask: Ask) -> None:
    group = ask.group
    assert group is not None
    del group.waiting[ask]
    group.waiting_bytes -= len(memoryview(ask.params))


def _may_come(group: Group, member: Member | None) -> bool:
    members = group.members.values() if member is None else (member,)
    return any(not one.gone for one in members)
