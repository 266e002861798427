"""Pure. The life of requests: each goes to a member that is ready, and ends exactly once."""

from portweave.encoding import jsonrpc
from portweave.errors import ClusterError, Overloaded, PeerDied
from portweave.supervisor.calls.names import name_of
from portweave.supervisor.calls.outbox import Outbox
from portweave.supervisor.calls.state import (
    CancelSupervisorCall,
    Close,
    Ended,
    Group,
    Limits,
    Member,
    Peer,
    PendingRequest,
)


class PendingRequests:
    """Passes requests to peers, and ends them.

    Args:
        limits: The hub's limits.
        peers: All connected peers.
        outbox: Collects lines to send.
        traced: Whether to report the end of each request.
    """

    def __init__(
        self, limits: Limits, peers: dict[Peer, None], outbox: Outbox, *, traced: bool
    ) -> None:
        self._limits = limits
        self._peers = peers
        self._outbox = outbox
        self._traced = traced

    # From the caller to a server.

    def dispatch(self, request: PendingRequest, now_s: float) -> None:
        """Send a request to a peer that can serve it, or let it wait for one.

        Raises:
            Overloaded: All such peers have enough requests, or enough requests wait.
            PeerDied: No such peer will start.
        """
        group, member = request.group, request.member
        assert group is not None
        limits = self._limits
        if member is not None:
            choices = [peer for peer in member.peers if peer.ready]
        else:
            choices = group.ready
        for offset in range(len(choices)):
            server = choices[(group.turn + offset) % len(choices)]
            if self._has_room(server, request):
                group.turn += offset + 1
                self._serve(request, server, now_s)
                return
        receiver = name_of(group, member)
        if choices:
            text = f"{receiver} has too many open requests"
            raise Overloaded(text, connection=receiver)
        if not _may_start(group, member):
            reason = (
                member.unavailable if member else next(iter(group.members.values())).unavailable
            )
            raise PeerDied(f"{receiver} {reason}", connection=receiver)
        size = len(memoryview(request.params))
        # As many as one ready peer would accept.
        most = limits.concurrency + limits.queue
        if len(group.waiting) >= most or group.waiting_bytes + size > limits.held_bytes:
            raise Overloaded(
                f"too many requests wait for {receiver}, which is not ready", connection=receiver
            )
        group.waiting[request] = None
        group.waiting_bytes += size

    def _has_room(self, server: Peer, request: PendingRequest) -> bool:
        if len(server.serves) >= server.most:
            return False
        if not server.blocked:
            return True
        limits = self._limits
        size = len(memoryview(request.params))
        return len(server.held) < limits.requests and server.held_bytes + size <= limits.held_bytes

    def _serve(self, request: PendingRequest, server: Peer, now_s: float) -> None:
        left_ms = None if request.due_s is None else round((request.due_s - now_s) * 1000, 3)
        sender = request.sender or request.asker.sender
        meta = jsonrpc.meta_member(left_ms, request.traceparent, sender)
        if not request.wanted:
            request.over = True
            line = jsonrpc.raw_notification(request.method, request.params, meta)
            self._outbox.send(server, line, is_answer=False)
            return
        request.server = server
        request.number = server.next_id = server.next_id + 1
        server.serves[request.number] = request
        line = jsonrpc.raw_request(request.number, request.method, request.params, meta)
        if self._outbox.send(server, line, is_answer=False, request=request):
            request.params = jsonrpc.NOTHING
        else:
            request.unsent = True

    def redispatch(self, request: PendingRequest, now_s: float) -> None:
        """Send a request to another peer, or fail it."""
        try:
            self.dispatch(request, now_s)
        except ClusterError as error:
            self.fail(request, error)

    def dispatch_waiting(self, member: Member, now_s: float) -> None:
        """Send waiting requests to a member that has become ready."""
        group = member.group
        for request in [a for a in group.waiting if a.member is None or a.member is member]:
            _unwait(request)
            self.redispatch(request, now_s)

    def fail_waiting(self, group: Group, reason: str) -> None:
        """Fail requests that wait for members which will not start.

        Args:
            group: The group of the members.
            reason: A predicate for the member's name, such as `has ended`.
        """
        for request in list(group.waiting):
            if not _may_start(group, request.member):
                _unwait(request)
                receiver = name_of(group, request.member)
                self.fail(request, PeerDied(f"{receiver} {reason}", connection=receiver))

    # From the server to the caller.

    def answer(self, request: PendingRequest, result: "jsonrpc.Raw | bytes") -> None:
        """End a request with an array of values."""
        self.end(request, jsonrpc.answer(request.key, result), "")

    def fail(self, request: PendingRequest, error: ClusterError) -> None:
        """End a request with an error."""
        self.end(request, jsonrpc.failure(request.key, error), error.type)

    def end(self, request: PendingRequest, line: bytes, failure: str) -> None:
        """End a request, once, and answer the caller if it waits.

        Args:
            request: The request.
            line: The answer for the caller.
            failure: The kind of error, as in `Ended`.
        """
        if request.over:
            return
        request.over = True
        asker = request.asker
        if request.wanted:
            asker.requests.pop(request.id, None)
            if asker in self._peers:
                if asker.held_bytes + len(line) > self._limits.held_bytes and asker.held:
                    error = Overloaded("no room for the answer: the caller does not read")
                    line = jsonrpc.failure(request.key, error)
                self._outbox.send(asker, line, is_answer=True)
                self.close_when_done(asker)
        if self._traced:
            self._outbox.do(Ended(request, failure))

    def close_when_done(self, peer: Peer) -> None:
        """Close a connection that sends nothing more and waits for nothing more."""
        if peer.ended and not peer.requests:
            self._outbox.do(Close(peer))

    def abandon(self, request: PendingRequest) -> None:
        """Tell the server that the answer is not needed any more."""
        if request.over:
            return
        if request in (request.group.waiting if request.group is not None else ()):
            _unwait(request)
        elif request.server is not None:
            if request.server.serves.pop(request.number, None) is not None and not request.unsent:
                line = jsonrpc.notification("$/cancel", b"[%d]" % request.number)
                self._outbox.send(request.server, line, is_answer=False)
        elif request.group is None:
            self._outbox.do(CancelSupervisorCall(request))

    def drop_caller(self, request: PendingRequest) -> None:
        """Drop a request whose caller has disconnected."""
        self.abandon(request)
        request.wanted = False
        self.end(request, b"", "AskerGone")


def _unwait(request: PendingRequest) -> None:
    group = request.group
    assert group is not None
    del group.waiting[request]
    group.waiting_bytes -= len(memoryview(request.params))


def _may_start(group: Group, member: Member | None) -> bool:
    members = group.members.values() if member is None else (member,)
    return any(not one.unavailable for one in members)
