"""Pure. The hub's decisions: which peer gets a request, and when a request ends.

All messages go through the hub, which reads no more of each than it needs.

- A *group* is what an address names: a service. Its *members* are the instances. A member's *peers*
  are the connections that have joined under its name: one for each process of the instance. Peers
  that are ready get calls in turn.
- A `PendingRequest` waits in its group until a member is ready. Then it is open at a peer, or
  *held* for a peer that does not read. It ends exactly once: answered, failed, timed out,
  cancelled, or dropped without a caller. A notification ends when it is sent.
- The hub never waits for a peer that does not read. It holds lines for that peer up to a limit;
  beyond it, callers get `Overloaded`. Other peers notice nothing. The hub reads no requests from a
  peer that does not read its answers.

There is no socket and no clock: lines and times come in, lines go out. This module has the events
of connections, and a fast path for the usual request and answer. `names` resolves addresses,
`requests` passes requests on and ends them, `hub_methods` answers requests to the hub itself, and
`outbox` collects lines to send.
"""

from collections.abc import Callable, Iterable
from math import inf

from portweave.calls.address import split
from portweave.encoding import jsonrpc
from portweave.errors import ClusterError, Overloaded, PeerDied, RequestTimeout
from portweave.supervisor.calls.hub_methods import HubMethods
from portweave.supervisor.calls.names import (
    SUPERVISOR,
    Names,
    name_of,
)
from portweave.supervisor.calls.outbox import (
    Outbox,
    keep_answers,
    release,
)
from portweave.supervisor.calls.requests import PendingRequests
from portweave.supervisor.calls.state import (
    Action,
    CallSupervisor,
    Close,
    Group,
    Limits,
    Peer,
    PendingRequest,
)

STREAM = "$/stream"


class CallRouter:
    """All state of a hub. Each method takes an event, and returns the actions to carry out.

    Args:
        token_of: Returns the token of a reserved name's process; empty if none runs.
        limits: The hub's limits.
        options: Sent to each peer that says hello.
        traced: Whether to report the end of each request.

    Attributes:
        called: What the last call was for; None before the first.
        called_s: When the last call came.
    """

    def __init__(
        self,
        token_of: Callable[[str], str],
        limits: Limits | None = None,
        options: dict[str, object] | None = None,
        *,
        traced: bool = False,
    ) -> None:
        self.limits = limits or Limits()
        self.peers: dict[Peer, None] = {}
        # The earliest deadline of any open request.
        self.next_due_s = inf
        self._traced = traced
        self._names = Names(token_of)
        self._routes = self._names.routes
        self._outbox = Outbox()
        self._requests = PendingRequests(self.limits, self.peers, self._outbox, traced=traced)
        self._own = HubMethods(
            self.limits, options or {}, self._names, self._requests, self._outbox
        )
        self._now_s = 0.0
        self._bus: Peer | None = None
        self.called: Group | None = None
        self.called_s = 0.0

    # Names.

    def reserve(
        self, name: str, group: str, *, number: int = 1, askable: bool = True, default: bool = False
    ) -> None:
        """Reserve a name for a process that gets a token.

        Args:
            name: The instance's name.
            group: The service's name.
            number: The instance's number. Addresses name the first instance `<group>.1`, too.
            askable: Whether an address may name the group.
            default: Whether the group gets requests whose address names no other group.
        """
        self._names.reserve(name, group, number=number, askable=askable, default=default)

    def has_joined(self, name: str) -> bool:
        """Whether a process has joined under a name."""
        return bool(self._names[name].peers)

    def starting(self, name: str) -> None:
        """A process of the name has been started, or will be."""
        self._names[name].unavailable = ""

    def remove(self, name: str, now_s: float) -> list[Action]:
        """The instance was removed."""
        out = self.unavailable(name, "is no more", now_s)
        self._names.remove(self._names[name])
        return out

    def ended(self, name: str, now_s: float) -> list[Action]:
        """The process of the name has ended. Another may start."""
        self._now_s = now_s
        for peer in list(self._names[name].peers):
            self._outbox.do(Close(peer))
            self._leave(peer)
        return self._outbox.drain()

    def unavailable(self, name: str, reason: str, now_s: float) -> list[Action]:
        """No process of the name will start, until `starting` says otherwise.

        Args:
            name: The instance's name.
            reason: A predicate for the name, such as `has ended`.
            now_s: The time.
        """
        member = self._names[name]
        member.unavailable = reason
        out = self.ended(name, now_s)
        self._requests.fail_waiting(member.group, reason)
        return out + self._outbox.drain()

    # Events of connections.

    def connected(self) -> Peer:
        """A peer has connected."""
        peer = Peer(self.limits.concurrency + self.limits.queue)
        self.peers[peer] = None
        return peer

    def disconnected(self, peer: Peer, now_s: float) -> list[Action]:
        """A peer has disconnected."""
        self._now_s = now_s
        if peer not in self.peers:
            return []
        self._leave(peer)
        for request in list(peer.requests.values()):
            self._requests.drop_caller(request)
        peer.requests.clear()
        peer.held.clear()
        del self.peers[peer]
        # It may have called itself.
        left = self._outbox.drain()
        return [one for one in left if not isinstance(one, tuple) or one[0] is not peer]

    def half_closed(self, peer: Peer, now_s: float) -> list[Action]:
        """A peer sends nothing more, but still gets the answers it waits for."""
        self._now_s = now_s
        peer.ended = True
        self._leave(peer)
        self._requests.close_when_done(peer)
        return self._outbox.drain()

    def overflowed(self, peer: Peer) -> list[Action]:
        """A peer has sent a line that is too long. The hub disconnects it."""
        limit = self.limits.message_bytes
        text = f"a message is longer than {limit} bytes"
        kind: dict[str, object] = {"type": "MessageTooLarge", "status": 413, "fields": {}}
        error: dict[str, object] = {"code": jsonrpc.INVALID_REQUEST, "message": text, "data": kind}
        self._outbox.send(peer, jsonrpc.raw_failure(b"null", jsonrpc.encode(error)), is_answer=True)
        self._outbox.do(Close(peer))
        return self._outbox.drain()

    def feed(self, peer: Peer, lines: Iterable[bytes], now_s: float) -> list[Action]:
        """Process whole lines from a peer.

        Args:
            peer: The sender.
            lines: Lines without their ends.
            now_s: The time.
        """
        self._now_s = now_s
        decode = jsonrpc.decode
        for line in lines:
            try:
                message = decode(line)
            except jsonrpc.BadLineError as error:
                if line.strip():
                    self._outbox.send(
                        peer, jsonrpc.bad_line(error.code, str(error)), is_answer=True
                    )
                continue
            if message.method is jsonrpc.UNSET:
                if not self.pass_answer(peer, message):
                    self._take_answer(peer, message)
            elif not self.pass_request(peer, message):
                self._take_request(peer, message, now_s)
        return self._outbox.drain()

    def join_bus(self) -> Peer:
        """Make the peer that stands for a bus: it gets all calls to addresses there."""
        self._bus = peer = self.connected()
        peer.most = self.limits.requests
        peer.ready = peer.said_hello = True
        self._names.join_bus(peer)
        return peer

    def feed_bus(self, lines: Iterable[bytes], now_s: float) -> list[Action]:
        """Process whole lines from the bus.

        Args:
            lines: Lines. Requests name their callers.
            now_s: The time.
        """
        peer = self._bus
        assert peer is not None
        self._now_s = now_s
        for line in lines:
            message = jsonrpc.decode(line)
            if message.method is not jsonrpc.UNSET:
                self._take_request(peer, message, now_s)
            elif not self.pass_answer(peer, message):
                self._take_answer(peer, message)
        return self._outbox.drain()

    def pass_request(self, peer: Peer, message: jsonrpc.Message) -> bool:
        """Pass a usual request on; return False for an unusual one.

        The effect is that of `_take_request`, in a third of the time.
        """
        number, params, meta = message.id, message.params, message.meta
        if type(number) is not int or params is jsonrpc.UNSET or meta is jsonrpc.UNSET:
            return False
        to = meta.to
        route = self._routes.get(message.method if to is jsonrpc.UNSET else (to, message.method))
        if route is None:
            return False
        group, member, method = route
        timeout_ms = meta.timeout_ms
        if not timeout_ms or not group.ready or member is not None or not jsonrpc.is_array(params):
            return False
        server = group.ready[group.turn % len(group.ready)]
        requests, serves, limits = peer.requests, server.serves, self.limits
        if server.blocked or server.held or len(serves) >= server.most:
            return False
        if number in requests or len(requests) >= limits.requests:
            return False
        group.turn += 1
        self.called_s = now_s = self._now_s
        self.called = group
        due_s = now_s + timeout_ms / 1000
        if due_s < peer.next_due_s:
            self._watch(peer, due_s)
        server.next_id = ours = server.next_id + 1
        trace = meta.traceparent or ""
        requests[number] = serves[ours] = PendingRequest(
            peer,
            number,
            jsonrpc.NOTHING,
            trace,
            due_s,
            now_s,
            True,
            group,
            None,
            method,
            server,
            ours,
        )
        outbox = self._outbox
        if server is not outbox.receiver:
            outbox.turn_to(server)
        outbox.lines.append(jsonrpc.passed_on(ours, method, params, timeout_ms, trace, peer.sender))
        return True

    def pass_answer(self, peer: Peer, message: jsonrpc.Message) -> bool:
        """Pass a usual answer on; return False for an unusual one."""
        result = message.result
        request = peer.serves.get(message.id)  # type: ignore[arg-type]
        if (
            request is None
            or result is jsonrpc.UNSET
            or self._traced
            or not jsonrpc.is_array(result)
        ):
            return False
        asker, number = request.asker, request.id
        if asker.blocked or asker.held or asker.ended or type(number) is not int:
            return False
        del peer.serves[request.number]
        del asker.requests[number]
        request.over = True
        outbox = self._outbox
        if asker is not outbox.receiver:
            outbox.turn_to(asker)
        outbox.lines.append(jsonrpc.int_answer(number, result))
        return True

    def tick(self, now_s: float) -> list[Action]:
        """Fail requests whose time is up."""
        self._now_s = now_s
        for peer in self.peers:
            if peer.next_due_s > now_s:
                continue
            peer.next_due_s = inf
            for request in list(peer.requests.values()):
                due_s = inf if request.due_s is None else request.due_s
                if due_s <= now_s:
                    self._expire(request, due_s)
                elif due_s < peer.next_due_s:
                    peer.next_due_s = due_s
        self.next_due_s = min((peer.next_due_s for peer in self.peers), default=inf)
        return self._outbox.drain()

    def _expire(self, request: PendingRequest, due_s: float) -> None:
        self._requests.abandon(request)
        receiver = name_of(request.group, request.member)
        waited = "" if request.server is not None or request.group is None else "; it is not ready"
        text = f"no answer from {receiver} within {due_s - request.began_s:.3g} s{waited}"
        self._requests.fail(request, RequestTimeout(text, connection=receiver))

    def _watch(self, peer: Peer, due_s: float) -> None:
        """Have `tick` check the peer's requests at `due_s` at the latest.

        Nearly all requests are answered in time. So there is no timer for each; `tick` goes through
        the open requests when the first of them could be due.
        """
        peer.next_due_s = min(peer.next_due_s, due_s)
        self.next_due_s = min(self.next_due_s, due_s)

    def blocked(self, peer: Peer) -> None:
        """A peer does not read."""
        peer.blocked = True

    def unblocked(self, peer: Peer) -> None:
        """A peer reads again; `release` returns the lines held for it."""
        peer.blocked = False

    def release(self, peer: Peer, most_bytes: int) -> list[bytes]:
        """The first lines held for a peer, until it is blocked again.

        Args:
            peer: The receiver.
            most_bytes: The last line begins before this many bytes.
        """
        return release(peer, most_bytes)

    def answer(self, request: PendingRequest, result: "bytes | ClusterError") -> list[Action]:
        """End a request with the supervisor's answer: an array, or an error."""
        if not request.over:
            if isinstance(result, ClusterError):
                self._requests.fail(request, result)
            else:
                self._requests.answer(request, result)
        return self._outbox.drain()

    def stream(self, request: PendingRequest, params: bytes) -> list[Action]:
        """Send one more value for a request to the supervisor; drop it if the caller does not read.

        Args:
            request: The request.
            params: The array for `$/stream`.
        """
        peer = request.asker
        if not request.over and peer in self.peers and peer.owed_bytes < self.limits.owed_bytes:
            self._outbox.send(peer, jsonrpc.notification(STREAM, params), is_answer=True)
        return self._outbox.drain()

    # Requests.

    def _take_request(self, peer: Peer, message: jsonrpc.Message, now_s: float) -> None:
        method = message.method
        params: jsonrpc.Raw | bytes | jsonrpc.UnsetType = message.params
        assert isinstance(method, str)
        key = None if message.id is jsonrpc.UNSET else jsonrpc.key(message.id)
        if params is jsonrpc.UNSET:
            params = jsonrpc.NOTHING
        elif not jsonrpc.is_array(params):
            self._outbox.refuse(peer, key, jsonrpc.INVALID_PARAMS, "params must be an array")
            return
        if method.startswith("$/"):
            self._own.handle(peer, method, params, key, now_s)
            return
        meta = message.meta or _NO_META
        timeout_ms = meta.timeout_ms
        if timeout_ms is None:
            due_s = None
        elif timeout_ms is jsonrpc.UNSET:
            due_s = None if self.limits.timeout_s is None else now_s + self.limits.timeout_s
        else:
            due_s = now_s + timeout_ms / 1000
        number = None if message.id is jsonrpc.UNSET else message.id
        if key is not None and number in peer.requests:
            text = "a request with this id is already open"
            self._outbox.refuse(peer, key, jsonrpc.INVALID_REQUEST, text)
            return
        trace = meta.traceparent or ""
        request = PendingRequest(peer, number, params, trace, due_s, now_s, key is not None)
        if peer is self._bus and meta.asker:
            request.sender = jsonrpc.sender_member(meta.asker)
        if key is not None:
            peer.requests[number] = request
        try:
            if len(peer.requests) > self.limits.requests:
                raise Overloaded(f"more than {self.limits.requests} requests are already open")
            self._address(request, method, None if meta.to is jsonrpc.UNSET else meta.to)
        except ClusterError as error:
            self._requests.fail(request, error)
            return
        if due_s is not None and key is not None and not request.over:
            self._watch(peer, due_s)

    def _address(self, request: PendingRequest, address: str, to: str | None) -> None:
        route = self._routes.get(address if to is None else (to, address))
        if route is None:
            first, rest = split(address) if to is None else (to, address.removeprefix("/"))
            if first == SUPERVISOR:
                request.path = rest
                if request.wanted:
                    self._outbox.do(CallSupervisor(request))
                return
            route = self._names.route(address, to)
        request.group, request.member, request.method = route
        self.called, self.called_s = request.group, self._now_s
        self._requests.dispatch(request, self._now_s)

    def _take_answer(self, peer: Peer, message: jsonrpc.Message) -> None:
        number = message.id
        if not isinstance(number, int):
            if number is jsonrpc.UNSET or (message.error is jsonrpc.UNSET and number is not None):
                text = "a message has a method, or an id and a result"
                self._outbox.refuse(peer, b"null", jsonrpc.INVALID_REQUEST, text)
            return
        request = peer.serves.pop(number, None)
        if request is None:
            # It is late: the request has ended.
            return
        if message.result is not jsonrpc.UNSET and jsonrpc.is_array(message.result):
            self._requests.answer(request, message.result)
        elif message.error is not jsonrpc.UNSET and jsonrpc.is_object(message.error):
            line = jsonrpc.raw_failure(request.key, message.error)
            self._requests.end(request, line, "Error")
        else:
            text = f"{peer.name} has answered neither an array of values nor an error"
            error = ClusterError(text, connection=peer.name, status=502, type="BadAnswer")
            self._requests.fail(request, error)

    def _leave(self, peer: Peer) -> None:
        """Fail the requests that a peer has, or pass them to other peers."""
        member = peer.member
        keep_answers(peer)
        if member is not None:
            if peer in member.group.ready:
                member.group.ready.remove(peer)
            member.peers.remove(peer)
            peer.member = None
            if not member.reserved:
                member.unavailable = "has gone"
                self._requests.fail_waiting(member.group, member.unavailable)
        peer.ready = False
        serves, peer.serves = peer.serves, {}
        for request in serves.values():
            if request.unsent:
                request.server = None
                request.unsent = False
                self._requests.redispatch(request, self._now_s)
            else:
                name = member.name if member is not None else None
                text = f"{name} died with the request open"
                self._requests.fail(request, PeerDied(text, connection=name))
        if member is not None and not member.reserved:
            self._names.remove(member)


_NO_META = jsonrpc.Meta()
