"""Calls under way: who may be asked, who has asked whom, and what waits.

A star: every message goes by way of the hub, which reads of it only what it must. Theory:

- A *group* is what an address names: a service, with its *members*, its instances. A member has a
  peer (a connection) while one is joined under its name, and takes calls once that is ready.
- An `Ask` is one request. It waits in its group until a member is ready, is then *held* for a peer
  that does not read, or is open there, and ends exactly once: answered, failed, timed out, taken
  back, or without anybody to tell. Asks without an answer (notifications) end when they are sent.
- Who does not read is never waited for: what is for him is held up to a limit, then his askers are
  told `Overloaded`, and others are not concerned. Who does not read the answers to his own requests
  is not read either.

No socket and no clock: lines and times come in, lines go out.
"""

from collections import deque
from collections.abc import Callable, Iterable
from hmac import compare_digest
from math import inf
from types import NoneType
from typing import cast

from portweave import wire
from portweave.calls.address import guarded, split
from portweave.errors import (
    Cancelled,
    ClusterError,
    ConnectionNotFound,
    NameTaken,
    Overloaded,
    PeerDied,
    RequestTimeout,
)
from portweave.supervisor.core.callstate import (
    Action,
    Ask,
    AskSupervisor,
    CancelSupervisor,
    Close,
    Ended,
    Group,
    Held,
    Limits,
    Member,
    Peer,
)

PROTOCOL = 1
STREAM = "$/stream"
MOST_ROUTES = 1024
SUPERVISOR = "supervisor"


class Calls:
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
        self.options = options or {}
        self.default: Group | None = None
        self.peers: dict[Peer, None] = {}
        self._traced = traced
        self._token_of = token_of
        self._members: dict[str, Member] = {}
        # What an address may begin with; a member's own name stands beside its group's.
        self._targets: dict[str, tuple[Group, Member | None]] = {}
        self._reserved = {SUPERVISOR}
        # No open request is due before.
        self.next_due_s = inf
        # Addresses that were read before: few are asked again and again.
        self._routes: dict[str, tuple[Group, Member | None, bytes]] = {}
        self._now_s = 0.0
        self._out: list[Action] = []
        # What goes to one peer in a row is one action.
        self._receiver: Peer | None = None
        self._lines: list[bytes] = []

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
        self._routes.clear()
        target = next((m.group for m in self._members.values() if m.group.name == group), None)
        target = target or Group(group)
        member = self._members.get(name)
        if member is None:
            member = self._members[name] = target.members[name] = Member(name, target, kept=True)
        if default:
            self.default = target
        if askable and not default:
            self._targets[group] = (target, None)
            self._targets.setdefault(f"{group}.{number}", (target, member))
        else:
            self._reserved.add(group)

    def coming(self, name: str) -> None:
        """A process of a name has been started, or will be."""
        self._members[name].gone = ""

    def forget(self, name: str, now_s: float) -> list[Action]:
        """There is no such instance any more."""
        out = self.gone(name, "is no more", now_s)
        member = self._members.pop(name)
        group = member.group
        del group.members[name]
        self._targets = {
            address: target
            for address, target in self._targets.items()
            if target[1] is not member and (group.members or target[0] is not group)
        }
        self._routes.clear()
        return out

    def ended(self, name: str, now_s: float) -> list[Action]:
        """The process of a name has ended; another may come."""
        self._now_s = now_s
        peer = self._members[name].peer
        if peer is not None:
            self._out.append(Close(peer))
            self._leave(peer)
        return self._take_out()

    def gone(self, name: str, reason: str, now_s: float) -> list[Action]:
        """No process of a name will come, until `coming` says otherwise.

        Args:
            name: Of the instance.
            reason: Behind the name in a sentence, as `has ended`.
            now_s: The time.
        """
        member = self._members[name]
        member.gone = reason
        out = self.ended(name, now_s)
        self._fail_waiting(member.group, reason)
        return out + self._take_out()

    def _fail_waiting(self, group: Group, reason: str) -> None:
        """Fail what waits for those who will not come."""
        for ask in list(group.waiting):
            if not self._may_come(group, ask.member):
                self._unwait(ask)
                who = _of(group, ask.member)
                self._fail(ask, PeerDied(f"{who} {reason}", connection=who))

    # What happens on connections.

    def opened(self) -> Peer:
        """Somebody has connected."""
        peer = Peer()
        self.peers[peer] = None
        return peer

    def closed(self, peer: Peer, now_s: float) -> list[Action]:
        """A connection is gone."""
        self._now_s = now_s
        if peer not in self.peers:
            return []
        self._leave(peer)
        for ask in list(peer.asks.values()):
            self._forget(ask)
        peer.asks.clear()
        peer.held.clear()
        del self.peers[peer]
        return self._take_out()

    def half_closed(self, peer: Peer, now_s: float) -> list[Action]:
        """A peer sends nothing more; it gets the answers that it waits for."""
        self._now_s = now_s
        peer.ended = True
        self._leave(peer)
        self._close_when_done(peer)
        return self._take_out()

    def overflowed(self, peer: Peer) -> list[Action]:
        """A peer has sent a line that is too long: that is its end."""
        limit = self.limits.message_bytes
        text = f"a message is longer than {limit} bytes"
        kind: dict[str, object] = {"type": "MessageTooLarge", "status": 413, "fields": {}}
        error: dict[str, object] = {"code": wire.INVALID_REQUEST, "message": text, "data": kind}
        self._send(peer, wire.raw_failure(b"null", wire.encode(error)), is_answer=True)
        self._out.append(Close(peer))
        return self._take_out()

    def feed(self, peer: Peer, lines: Iterable[bytes], now_s: float) -> list[Action]:
        """Take whole lines of a peer."""
        self._now_s = now_s
        decode = wire.decode
        for line in lines:
            try:
                message = decode(line)
            except wire.BadLineError as error:
                if line.strip():
                    self._send(peer, wire.bad_line(error.code, str(error)), is_answer=True)
                continue
            if message.method is wire.UNSET:
                if not self.pass_answer(peer, message):
                    self._take_answer(peer, message)
            elif not self.pass_request(peer, message):
                self._take_request(peer, message, now_s)
        return self._take_out()

    def pass_request(self, peer: Peer, message: wire.Message) -> bool:
        """Pass on a request as nearly all are; return False for one that needs more thought.

        What is done is what `feed` would do otherwise, in a third of the time.
        """
        route = self._routes.get(message.method)  # type: ignore[arg-type]
        number, params, meta = message.id, message.params, message.meta
        if route is None or type(number) is not int or params is wire.UNSET or meta is wire.UNSET:
            return False
        group, member, method = route
        timeout_ms = meta.timeout_ms
        if not timeout_ms or not group.ready or member is not None or not wire.is_array(params):
            return False
        server = group.ready[group.turn % len(group.ready)]
        asks, serves, limits = peer.asks, server.serves, self.limits
        if server.blocked or server.held or len(serves) >= limits.queue:
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
            peer, number, wire.NOTHING, trace, due_s, now_s, True, group, None, method, server, ours
        )
        if server is not self._receiver:
            self._turn_to(server)
        self._lines.append(wire.passed_on(ours, method, params, timeout_ms, trace, peer.sender))
        return True

    def pass_answer(self, peer: Peer, message: wire.Message) -> bool:
        """Pass on an answer as nearly all are; return False for one that needs more thought."""
        result = message.result
        ask = peer.serves.get(message.id)  # type: ignore[arg-type]
        if ask is None or result is wire.UNSET or self._traced or not wire.is_array(result):
            return False
        asker, number = ask.asker, ask.id
        if asker.blocked or asker.held or asker.ended or type(number) is not int:
            return False
        del peer.serves[ask.number]
        del asker.asks[number]
        ask.over = True
        if asker is not self._receiver:
            self._turn_to(asker)
        self._lines.append(wire.int_answer(number, result))
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
        return self._take_out()

    def _expire(self, ask: Ask, due_s: float) -> None:
        self._abandon(ask)
        who = _of(ask.group, ask.member)
        waited = "" if ask.server is not None or ask.group is None else "; it is not ready"
        text = f"no answer from {who} within {due_s - ask.began_s:.3g} s{waited}"
        self._fail(ask, RequestTimeout(text, connection=who))

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
        lines: list[bytes] = []
        while peer.held and most_bytes > 0 and not peer.blocked:
            held = peer.held.popleft()
            size = len(held.line)
            peer.held_bytes -= size
            if held.is_answer:
                peer.owed_bytes -= size
            if held.ask is not None:
                held.ask.unsent = False
                held.ask.params = wire.NOTHING
                if held.ask.over:
                    # Taken back, or too late: the peer needs not hear of it.
                    continue
            most_bytes -= size
            lines.append(held.line)
        return lines

    def answer(self, ask: Ask, result: "bytes | ClusterError") -> list[Action]:
        """The supervisor's answer: an array, or an error."""
        if not ask.over:
            if isinstance(result, ClusterError):
                self._fail(ask, result)
            else:
                self._answer(ask, result)
        return self._take_out()

    def stream(self, ask: Ask, params: bytes) -> list[Action]:
        """Send the asker of the supervisor one more value; dropped where he does not read."""
        peer = ask.asker
        if not ask.over and peer in self.peers and peer.owed_bytes < self.limits.owed_bytes:
            self._send(peer, wire.notification(STREAM, params), is_answer=True)
        return self._take_out()

    def _take_out(self) -> list[Action]:
        self._turn_to(None)
        out, self._out = self._out, []
        return out

    # Requests.

    def _take_request(self, peer: Peer, message: wire.Message, now_s: float) -> None:
        method = message.method
        params: wire.Raw | bytes | wire.UnsetType = message.params
        assert isinstance(method, str)
        key = None if message.id is wire.UNSET else wire.key(message.id)
        if params is wire.UNSET:
            params = wire.NOTHING
        elif not wire.is_array(params):
            self._refuse(peer, key, wire.INVALID_PARAMS, "params is to be an array")
            return
        if method.startswith("$/"):
            self._take_own(peer, method, params, key)
            return
        meta = message.meta or _NO_META
        timeout_ms = meta.timeout_ms
        if timeout_ms is None:
            due_s = None
        elif timeout_ms is wire.UNSET:
            due_s = now_s + self.limits.timeout_s
        else:
            due_s = now_s + timeout_ms / 1000
        number = None if message.id is wire.UNSET else message.id
        if key is not None and number in peer.asks:
            text = "there is an open request of this id already"
            self._refuse(peer, key, wire.INVALID_REQUEST, text)
            return
        trace = meta.traceparent or ""
        ask = Ask(peer, number, params, trace, due_s, now_s, key is not None)
        if key is not None:
            peer.asks[number] = ask
        try:
            if len(peer.asks) > self.limits.asks:
                raise Overloaded(f"more than {self.limits.asks} requests are open already")
            self._address(ask, method)
        except ClusterError as error:
            self._fail(ask, error)
            return
        if due_s is not None and key is not None and not ask.over:
            self._watch(peer, due_s)

    def _address(self, ask: Ask, address: str) -> None:
        route = self._routes.get(address)
        if route is None:
            route = self._find(ask, address)
            if route is None:
                return
            if len(self._routes) >= MOST_ROUTES:
                self._routes.clear()
            self._routes[address] = route
        ask.group, ask.member, ask.method = route
        self._dispatch(ask)

    def _find(self, ask: Ask, address: str) -> tuple[Group, Member | None, bytes] | None:
        first, rest = split(address)
        if first == SUPERVISOR:
            ask.path = rest
            if ask.wanted:
                self._out.append(AskSupervisor(ask))
            return None
        found = self._targets.get(first)
        if found is not None:
            return *found, wire.encode(guarded(rest))
        if self.default is not None:
            return self.default, None, wire.encode(guarded(address.lstrip("/")))
        known = ", ".join(sorted(name for name in self._targets if "." not in name)[:20])
        text = f"there is no connection {first!r}" + (f"; there are {known}" if known else "")
        raise ConnectionNotFound(text, connection=first)

    def _dispatch(self, ask: Ask) -> None:
        """Send an ask to who takes it, or have it wait."""
        group, member = ask.group, ask.member
        assert group is not None
        limits = self.limits
        if member is not None:
            peer = member.peer
            choices = [peer] if peer is not None and peer.ready else []
        else:
            choices = group.ready
        for offset in range(len(choices)):
            server = choices[(group.turn + offset) % len(choices)]
            if self._has_room(server, ask):
                group.turn += offset + 1
                self._serve(ask, server)
                return
        who = _of(group, member)
        if choices:
            text = f"{who} has as many requests open as it may have"
            raise Overloaded(text, connection=who)
        if not self._may_come(group, member):
            reason = member.gone if member else next(iter(group.members.values())).gone
            raise PeerDied(f"{who} {reason}", connection=who)
        size = len(memoryview(ask.params))
        if len(group.waiting) >= limits.queue or group.waiting_bytes + size > limits.held_bytes:
            raise Overloaded(f"too much waits for {who}, which is not ready", connection=who)
        group.waiting[ask] = None
        group.waiting_bytes += size

    def _has_room(self, server: Peer, ask: Ask) -> bool:
        limits = self.limits
        if len(server.serves) >= limits.queue:
            return False
        if not server.blocked:
            return True
        size = len(memoryview(ask.params))
        return len(server.held) < limits.asks and server.held_bytes + size <= limits.held_bytes

    def _serve(self, ask: Ask, server: Peer) -> None:
        left_ms = None if ask.due_s is None else round((ask.due_s - self._now_s) * 1000, 3)
        meta = wire.meta_member(left_ms, ask.traceparent, ask.asker.sender)
        if not ask.wanted:
            line = wire.raw_notification(ask.method, ask.params, meta)
            ask.over = True
        else:
            ask.server = server
            ask.number = server.next_id = server.next_id + 1
            server.serves[ask.number] = ask
            line = wire.raw_request(ask.number, ask.method, ask.params, meta)
        if server.blocked or server.held:
            ask.unsent = not ask.over
            server.held.append(Held(line, None if ask.over else ask, is_answer=False))
            server.held_bytes += len(line)
        else:
            ask.params = wire.NOTHING
            self._emit(server, line)

    def _take_answer(self, peer: Peer, message: wire.Message) -> None:
        number = message.id
        if not isinstance(number, int):
            if number is wire.UNSET or (message.error is wire.UNSET and number is not None):
                text = "a message has a method, or an id and a result"
                self._refuse(peer, b"null", wire.INVALID_REQUEST, text)
            return
        ask = peer.serves.pop(number, None)
        if ask is None:
            # It comes too late, for one who has gone, given up or taken it back.
            return
        if message.result is not wire.UNSET and wire.is_array(message.result):
            self._answer(ask, message.result)
        elif message.error is not wire.UNSET and wire.is_object(message.error):
            line = wire.raw_failure(ask.key, message.error)
            self._end(ask, line, "Error")
        else:
            text = f"{peer.name} has answered neither an array of values nor an error"
            self._fail(ask, ClusterError(text, connection=peer.name, status=502, type="BadAnswer"))

    # The hub's own methods.

    def _take_own(
        self, peer: Peer, method: str, params: "wire.Raw | bytes", key: bytes | None
    ) -> None:
        match method:
            case "$/hello":
                self._take_hello(peer, params, key)
            case "$/ready":
                self._take_ready(peer)
                if key is not None:
                    self._send(peer, wire.answer(key, wire.NOTHING), is_answer=True)
            case "$/cancel":
                for number in _listed(params):
                    if not isinstance(number, (int, str, NoneType)):
                        continue
                    if (ask := peer.asks.get(number)) is not None:
                        self._abandon(ask)
                        self._fail(ask, Cancelled("the asker has taken the request back"))
            case _:
                if key is not None:
                    text = f"the hub has no method {method!r}"
                    self._refuse(peer, key, wire.METHOD_NOT_FOUND, text)

    def _take_hello(self, peer: Peer, params: "wire.Raw | bytes", key: bytes | None) -> None:
        wishes = next(iter(_listed(params)), None)
        if key is None or not isinstance(wishes, dict):
            self._refuse(peer, key, wire.INVALID_PARAMS, "$/hello takes one object, and has an id")
            return
        told = cast("dict[str, object]", wishes)
        name, token, protocol = told.get("name"), told.get("token"), told.get("protocol")
        if protocol is not None and protocol != PROTOCOL:
            text = f"this hub speaks protocol {PROTOCOL}"
            self._refuse(peer, key, wire.INVALID_PARAMS, text)
            return
        if peer.said_hello:
            self._refuse(peer, key, wire.INVALID_REQUEST, "there was a $/hello already")
            return
        if name is not None:
            if not isinstance(name, str) or not _is_name(name):
                text = "a name is text without a slash, and does not begin with $"
                self._refuse(peer, key, wire.INVALID_PARAMS, text)
                return
            member = self._members.get(name)
            if member is None:
                if name in self._reserved or name in self._targets:
                    error = NameTaken(f"the name {name!r} is not free", connection=name)
                    self._send(peer, wire.failure(key, error), is_answer=True)
                    return
                group = Group(name)
                member = self._members[name] = group.members[name] = Member(name, group, kept=False)
                self._targets[name] = (group, None)
                self._routes.clear()
            elif member.peer is not None or not self._is_own(member, token):
                why = "is joined already" if member.peer is not None else "needs its own token"
                error = NameTaken(f"the name {name!r} {why}", connection=name)
                self._send(peer, wire.failure(key, error), is_answer=True)
                return
            member.peer = peer
            peer.member = member
            peer.sender = wire.sender_member(name)
        peer.said_hello = True
        result = {
            "protocol": PROTOCOL,
            "max_message": self.limits.message_bytes,
            "options": self.options,
        }
        self._send(peer, wire.answer(key, wire.encode([result])), is_answer=True)

    def _is_own(self, member: Member, token: object) -> bool:
        known = self._token_of(member.name)
        return bool(known) and isinstance(token, str) and compare_digest(known, token)

    def _take_ready(self, peer: Peer) -> None:
        member = peer.member
        if member is None or peer.ready:
            return
        peer.ready = True
        group = member.group
        group.ready.append(peer)
        for ask in [a for a in group.waiting if a.member is None or a.member is member]:
            self._unwait(ask)
            self._redispatch(ask)

    # Ends.

    def _answer(self, ask: Ask, result: "wire.Raw | bytes") -> None:
        self._end(ask, wire.answer(ask.key, result), "")

    def _fail(self, ask: Ask, error: ClusterError) -> None:
        self._end(ask, wire.failure(ask.key, error), error.type)

    def _end(self, ask: Ask, line: bytes, failure: str) -> None:
        """Tell the asker, if it waits; an ask ends once."""
        if ask.over:
            return
        ask.over = True
        asker = ask.asker
        if ask.wanted:
            asker.asks.pop(ask.id, None)
            if asker in self.peers:
                if asker.held_bytes + len(line) > self.limits.held_bytes and asker.held:
                    error = Overloaded("the answer found no room: the asker does not read")
                    line = wire.failure(ask.key, error)
                self._send(asker, line, is_answer=True)
                self._close_when_done(asker)
        if self._traced:
            self._out.append(Ended(ask, failure))

    def _abandon(self, ask: Ask) -> None:
        """The answer is not wanted any more: tell who works on it."""
        if ask.over:
            return
        if ask in (ask.group.waiting if ask.group is not None else ()):
            self._unwait(ask)
        elif ask.server is not None:
            if ask.server.serves.pop(ask.number, None) is not None and not ask.unsent:
                line = wire.notification("$/cancel", b"[%d]" % ask.number)
                self._send(ask.server, line, is_answer=False)
        elif ask.group is None:
            self._out.append(CancelSupervisor(ask))

    def _forget(self, ask: Ask) -> None:
        """The asker has gone."""
        self._abandon(ask)
        ask.wanted = False
        self._end(ask, b"", "AskerGone")

    def _leave(self, peer: Peer) -> None:
        """A peer takes no more calls: what it had is failed, or given to others."""
        member = peer.member
        peer.held = deque(held for held in peer.held if held.is_answer)
        peer.held_bytes = peer.owed_bytes
        if member is not None:
            if peer in member.group.ready:
                member.group.ready.remove(peer)
            member.peer = None
            peer.member = None
            if not member.kept:
                member.gone = "has gone"
                del self._members[member.name]
                self._targets.pop(member.name, None)
                self._routes.clear()
                self._fail_waiting(member.group, member.gone)
        peer.ready = False
        serves, peer.serves = peer.serves, {}
        for ask in serves.values():
            if ask.unsent:
                ask.server = None
                ask.unsent = False
                self._redispatch(ask)
            else:
                name = member.name if member is not None else None
                text = f"{name} died with the request open"
                self._fail(ask, PeerDied(text, connection=name))

    def _redispatch(self, ask: Ask) -> None:
        try:
            self._dispatch(ask)
        except ClusterError as error:
            self._fail(ask, error)

    def _unwait(self, ask: Ask) -> None:
        group = ask.group
        assert group is not None
        del group.waiting[ask]
        group.waiting_bytes -= len(memoryview(ask.params))

    def _may_come(self, group: Group, member: Member | None) -> bool:
        members = group.members.values() if member is None else (member,)
        return any(not one.gone for one in members)

    def _close_when_done(self, peer: Peer) -> None:
        if peer.ended and not peer.asks:
            self._out.append(Close(peer))

    def _refuse(self, peer: Peer, key: bytes | None, code: int, text: str) -> None:
        if key is not None:
            self._send(peer, wire.bad_line(code, text, key), is_answer=True)

    def _emit(self, peer: Peer, line: bytes) -> None:
        if peer is not self._receiver:
            self._turn_to(peer)
        self._lines.append(line)

    def _turn_to(self, peer: Peer | None) -> None:
        if (before := self._receiver) is not None:
            lines, self._lines = self._lines, []
            self._out.append((before, b"".join(lines)))
        self._receiver = peer

    def _send(self, peer: Peer, line: bytes, *, is_answer: bool) -> None:
        if not peer.blocked and not peer.held:
            self._emit(peer, line)
            return
        peer.held.append(Held(line, None, is_answer=is_answer))
        peer.held_bytes += len(line)
        if is_answer:
            peer.owed_bytes += len(line)


_NO_META = wire.Meta()


def _of(group: Group | None, member: Member | None) -> str:
    if member is not None:
        return member.name
    return SUPERVISOR if group is None else group.name


def _listed(params: "wire.Raw | bytes") -> list[object]:
    try:
        return wire.values(params)
    except ClusterError:
        return []


def _is_name(name: str) -> bool:
    return bool(name) and "/" not in name and not name.startswith("$") and name.isprintable()
