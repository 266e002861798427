"""Pure. Calls under way: who may be asked, who has asked whom, and what waits.

A star: every message goes by way of the hub, which reads of it only what it must. Theory:

- A *group* is what an address names: a service, with its *members*, its instances. A member has the
  *peers* (connections) that have joined under its name: those of all processes of the instance.
  Peers that are ready take calls in turn.
- An `Ask` is one request. It waits in its group until a member is ready, is then *held* for a peer
  that does not read, or is open there, and ends exactly once: answered, failed, timed out, taken
  back, or without anybody to tell. Asks without an answer (notifications) end when they are sent.
- Who does not read is never waited for: what is for him is held up to a limit, then his askers are
  told `Overloaded`, and others are not concerned. Who does not read the answers to his own requests
  is not read either.

No socket and no clock: lines and times come in, lines go out. Here is what happens on connections,
and the short way of what is nearly all there is; `callnames` knows whom an address names,
`callasks` gives a request to somebody and ends it, `callmethods` is what the hub itself is asked,
and `calloutbox` is what goes out.
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
    Ask,
    AskSupervisor,
    Close,
    Limits,
    Peer,
)

STREAM = "$/stream"


class CallRouter:
    """All of a hub's state. Every method takes what happened, and returns what to do about it.

    Args:
        limits: Bounds.
        options: Told to who says hello.
        traced: Whether to tell how each request ended.
        token_of: What a process of a kept name was told; empty where none runs.
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
        # No open request is due before.
        self.next_due_s = inf
        self._traced = traced
        self._names = Names(token_of)
        self._routes = self._names.routes
        self._outbox = Outbox()
        self._asks = PendingRequests(self.limits, self.peers, self._outbox, traced=traced)
        self._own = HubMethods(self.limits, options or {}, self._names, self._asks, self._outbox)
        self._now_s = 0.0

    # Names.

    def expect(
        self, name: str, group: str, *, number: int = 1, askable: bool = True, default: bool = False
    ) -> None:
        """Keep a name for a process that will be told a token.

        Args:
            name: Of the instance.
            group: The service's name.
            number: Of the instance; the first has the group's own name, and `<group>.1` too.
            askable: Whether an address can name it.
            default: Whether the group gets what names nobody else.
        """
        self._names.keep(name, group, number=number, askable=askable, default=default)

    def has_joined(self, name: str) -> bool:
        """Whether a process has joined under a name that is kept or joined."""
        return bool(self._names[name].peers)

    def coming(self, name: str) -> None:
        """A process of a name has been started, or will be."""
        self._names[name].gone = ""

    def forget(self, name: str, now_s: float) -> list[Action]:
        """There is no such instance any more."""
        out = self.gone(name, "is no more", now_s)
        self._names.drop(self._names[name])
        return out

    def ended(self, name: str, now_s: float) -> list[Action]:
        """The process of a name has ended; another may come."""
        self._now_s = now_s
        for peer in list(self._names[name].peers):
            self._outbox.do(Close(peer))
            self._leave(peer)
        return self._outbox.take()

    def gone(self, name: str, reason: str, now_s: float) -> list[Action]:
        """No process of a name will come, until `coming` says otherwise.

        Args:
            name: Of the instance.
            reason: Behind the name in a sentence, as `has ended`.
            now_s: The time.
        """
        member = self._names[name]
        member.gone = reason
        out = self.ended(name, now_s)
        self._asks.fail_waiting(member.group, reason)
        return out + self._outbox.take()

    # What happens on connections.

    def opened(self) -> Peer:
        """Somebody has connected."""
        peer = Peer(self.limits.concurrency + self.limits.queue)
        self.peers[peer] = None
        return peer

    def closed(self, peer: Peer, now_s: float) -> list[Action]:
        """A connection is gone."""
        self._now_s = now_s
        if peer not in self.peers:
            return []
        self._leave(peer)
        for ask in list(peer.asks.values()):
            self._asks.forget(ask)
        peer.asks.clear()
        peer.held.clear()
        del self.peers[peer]
        # It may have asked itself.
        left = self._outbox.take()
        return [one for one in left if not isinstance(one, tuple) or one[0] is not peer]

    def half_closed(self, peer: Peer, now_s: float) -> list[Action]:
        """A peer sends nothing more; it gets the answers that it waits for."""
        self._now_s = now_s
        peer.ended = True
        self._leave(peer)
        self._asks.close_when_done(peer)
        return self._outbox.take()

    def overflowed(self, peer: Peer) -> list[Action]:
        """A peer has sent a line that is too long: that is its end."""
        limit = self.limits.message_bytes
        text = f"a message is longer than {limit} bytes"
        kind: dict[str, object] = {"type": "MessageTooLarge", "status": 413, "fields": {}}
        error: dict[str, object] = {"code": jsonrpc.INVALID_REQUEST, "message": text, "data": kind}
        self._outbox.send(peer, jsonrpc.raw_failure(b"null", jsonrpc.encode(error)), is_answer=True)
        self._outbox.do(Close(peer))
        return self._outbox.take()

    def feed(self, peer: Peer, lines: Iterable[bytes], now_s: float) -> list[Action]:
        """Take whole lines of a peer."""
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
        return self._outbox.take()

    def pass_request(self, peer: Peer, message: jsonrpc.Message) -> bool:
        """Pass on a request as nearly all are; return False for one that needs more thought.

        What is done is what `feed` would do otherwise, in a third of the time.
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
        asks, serves, limits = peer.asks, server.serves, self.limits
        if server.blocked or server.held or len(serves) >= server.most:
            return False
        if number in asks or len(asks) >= limits.asks:
            return False
        group.turn += 1
        now_s = self._now_s
        due_s = now_s + timeout_ms / 1000
        if due_s < peer.next_due_s:
            self._watch(peer, due_s)
        server.next_id = ours = server.next_id + 1
        trace = meta.traceparent or ""
        asks[number] = serves[ours] = Ask(
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
        """Pass on an answer as nearly all are; return False for one that needs more thought."""
        result = message.result
        ask = peer.serves.get(message.id)  # type: ignore[arg-type]
        if ask is None or result is jsonrpc.UNSET or self._traced or not jsonrpc.is_array(result):
            return False
        asker, number = ask.asker, ask.id
        if asker.blocked or asker.held or asker.ended or type(number) is not int:
            return False
        del peer.serves[ask.number]
        del asker.asks[number]
        ask.over = True
        outbox = self._outbox
        if asker is not outbox.receiver:
            outbox.turn_to(asker)
        outbox.lines.append(jsonrpc.int_answer(number, result))
        return True

    def tick(self, now_s: float) -> list[Action]:
        """Fail what has taken too long."""
        self._now_s = now_s
        for peer in self.peers:
            if peer.next_due_s > now_s:
                continue
            peer.next_due_s = inf
            for ask in list(peer.asks.values()):
                due_s = inf if ask.due_s is None else ask.due_s
                if due_s <= now_s:
                    self._expire(ask, due_s)
                elif due_s < peer.next_due_s:
                    peer.next_due_s = due_s
        self.next_due_s = min((peer.next_due_s for peer in self.peers), default=inf)
        return self._outbox.take()

    def _expire(self, ask: Ask, due_s: float) -> None:
        self._asks.abandon(ask)
        who = name_of(ask.group, ask.member)
        waited = "" if ask.server is not None or ask.group is None else "; it is not ready"
        text = f"no answer from {who} within {due_s - ask.began_s:.3g} s{waited}"
        self._asks.fail(ask, RequestTimeout(text, connection=who))

    def _watch(self, peer: Peer, due_s: float) -> None:
        """Have `tick` look at what a peer asks, at `due_s` at the latest.

        Nearly all requests are answered long before their time is up: so nothing is kept for each,
        and what is open is looked through when the first of it could be due.
        """
        peer.next_due_s = min(peer.next_due_s, due_s)
        self.next_due_s = min(self.next_due_s, due_s)

    def blocked(self, peer: Peer) -> None:
        """A peer does not read what it is sent."""
        peer.blocked = True

    def unblocked(self, peer: Peer) -> None:
        """A peer reads again: `release` gives what is held for it."""
        peer.blocked = False

    def release(self, peer: Peer, most_bytes: int) -> list[bytes]:
        """Lines that were held for a peer, the first ones; until it is blocked again."""
        return release(peer, most_bytes)

    def answer(self, ask: Ask, result: "bytes | ClusterError") -> list[Action]:
        """The supervisor's answer: an array, or an error."""
        if not ask.over:
            if isinstance(result, ClusterError):
                self._asks.fail(ask, result)
            else:
                self._asks.answer(ask, result)
        return self._outbox.take()

    def stream(self, ask: Ask, params: bytes) -> list[Action]:
        """Send the asker of the supervisor one more value; dropped where he does not read."""
        peer = ask.asker
        if not ask.over and peer in self.peers and peer.owed_bytes < self.limits.owed_bytes:
            self._outbox.send(peer, jsonrpc.notification(STREAM, params), is_answer=True)
        return self._outbox.take()

    # Requests.

    def _take_request(self, peer: Peer, message: jsonrpc.Message, now_s: float) -> None:
        method = message.method
        params: jsonrpc.Raw | bytes | jsonrpc.UnsetType = message.params
        assert isinstance(method, str)
        key = None if message.id is jsonrpc.UNSET else jsonrpc.key(message.id)
        if params is jsonrpc.UNSET:
            params = jsonrpc.NOTHING
        elif not jsonrpc.is_array(params):
            self._outbox.refuse(peer, key, jsonrpc.INVALID_PARAMS, "params is to be an array")
            return
        if method.startswith("$/"):
            self._own.take(peer, method, params, key, now_s)
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
        if key is not None and number in peer.asks:
            text = "there is an open request of this id already"
            self._outbox.refuse(peer, key, jsonrpc.INVALID_REQUEST, text)
            return
        trace = meta.traceparent or ""
        ask = Ask(peer, number, params, trace, due_s, now_s, key is not None)
        if key is not None:
            peer.asks[number] = ask
        try:
            if len(peer.asks) > self.limits.asks:
                raise Overloaded(f"more than {self.limits.asks} requests are open already")
            self._address(ask, method, None if meta.to is jsonrpc.UNSET else meta.to)
        except ClusterError as error:
            self._asks.fail(ask, error)
            return
        if due_s is not None and key is not None and not ask.over:
            self._watch(peer, due_s)

    def _address(self, ask: Ask, address: str, to: str | None) -> None:
        route = self._routes.get(address if to is None else (to, address))
        if route is None:
            first, rest = split(address) if to is None else (to, address.removeprefix("/"))
            if first == SUPERVISOR:
                ask.path = rest
                if ask.wanted:
                    self._outbox.do(AskSupervisor(ask))
                return
            route = self._names.route(address, to)
        ask.group, ask.member, ask.method = route
        self._asks.dispatch(ask, self._now_s)

    def _take_answer(self, peer: Peer, message: jsonrpc.Message) -> None:
        number = message.id
        if not isinstance(number, int):
            if number is jsonrpc.UNSET or (message.error is jsonrpc.UNSET and number is not None):
                text = "a message has a method, or an id and a result"
                self._outbox.refuse(peer, b"null", jsonrpc.INVALID_REQUEST, text)
            return
        ask = peer.serves.pop(number, None)
        if ask is None:
            # It comes too late, for one who has gone, given up or taken it back.
            return
        if message.result is not jsonrpc.UNSET and jsonrpc.is_array(message.result):
            self._asks.answer(ask, message.result)
        elif message.error is not jsonrpc.UNSET and jsonrpc.is_object(message.error):
            line = jsonrpc.raw_failure(ask.key, message.error)
            self._asks.end(ask, line, "Error")
        else:
            text = f"{peer.name} has answered neither an array of values nor an error"
            error = ClusterError(text, connection=peer.name, status=502, type="BadAnswer")
            self._asks.fail(ask, error)

    def _leave(self, peer: Peer) -> None:
        """A peer takes no more calls: what it had is failed, or given to others."""
        member = peer.member
        keep_answers(peer)
        if member is not None:
            if peer in member.group.ready:
                member.group.ready.remove(peer)
            member.peers.remove(peer)
            peer.member = None
            if not member.kept:
                member.gone = "has gone"
                self._asks.fail_waiting(member.group, member.gone)
        peer.ready = False
        serves, peer.serves = peer.serves, {}
        for ask in serves.values():
            if ask.unsent:
                ask.server = None
                ask.unsent = False
                self._asks.redispatch(ask, self._now_s)
            else:
                name = member.name if member is not None else None
                text = f"{name} died with the request open"
                self._asks.fail(ask, PeerDied(text, connection=name))
        if member is not None and not member.kept:
            self._names.drop(member)


_NO_META = jsonrpc.Meta()
