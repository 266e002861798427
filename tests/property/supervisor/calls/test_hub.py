"""Laws of the hub and of its lines, whatever happens."""

import json
from math import inf
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from portweave.calls.address import normal
from portweave.calls.pattern import Pattern
from portweave.encoding import jsonrpc
from portweave.errors import BadPath
from portweave.supervisor.calls.router import CallRouter
from portweave.supervisor.calls.state import (
    Action,
    Limits,
    Peer,
)

SAFE = st.text(st.characters(codec="utf-8"))


@given(st.lists(st.binary(max_size=20)), st.data())
def test_pieces_do_not_matter(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
    reader = jsonrpc.LineReader(100)
    found: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += reader.feed(whole[start:end])
    assert found == [line.replace(b"\n", b"") for line in lines]


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False,
    allow_infinity=False) | SAFE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SAFE, inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(st.lists(JSON), SAFE)
def test_what_is_written_reads_back(load: list[Any], method: str) -> None:
    line = jsonrpc.request(1, method, jsonrpc.array(load), jsonrpc.meta_member(5, ""))
    assert line.count(b"\n") == 1
    message = jsonrpc.decode(line)
    assert not isinstance(message.params, jsonrpc.UnsetType)
    assert (message.method, jsonrpc.values(message.params)) == (method, load)


@given(st.text())
def test_a_path_is_normalised_or_refused(path: str) -> None:
    try:
        found = normal(path)
    except (BadPath, UnicodeEncodeError):
        return
    assert found.count("/") == path.count("/")
    Pattern(":a/:b*").match(found)


NAMES = ("api", "web", "web.2")


class Machine(RuleBasedStateMachine):
    """Each request is answered once, and nothing is kept of requests that have ended."""

    @initialize()
    def begin(self) -> None:
        self.now_s = 0.0
        self.calls = CallRouter(
            lambda name: "t", Limits(concurrency=1, queue=3, requests=6, held_bytes=2000)
        )
        for name in NAMES:
            self.calls.reserve(name, name.partition(".")[0], number=2 if "." in name else 1)
        self.peers: list[Peer] = []
        self.asked: dict[tuple[Peer, int], int] = {}
        self.serving: list[tuple[Peer, int]] = []
        self.last = 0

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, tuple):
                assert action[0] in self.calls.peers
                for line in action[1].split(b"\n")[:-1]:
                    self.take_line(action[0], line + b"\n")

    def take_line(self, peer: Peer, line: bytes) -> None:
        assert line.endswith(b"\n")
        message = json.loads(line)
        if "method" in message:
            if "id" in message:
                self.serving.append((peer, message["id"]))
        elif message["id"] is not None and message["id"] > 0:
            self.asked[peer, message["id"]] += 1

    def send(self, peer: Peer, **message: object) -> None:
        self.do(self.calls.feed(peer, [json.dumps(message).encode()], self.now_s))

    @rule()
    def open(self) -> None:
        if len(self.peers) < 6:
            self.peers.append(self.calls.connected())

    @rule(name=st.sampled_from([*NAMES, "guest"]), index=st.integers(0, 5), ready=st.booleans())
    def join(self, name: str, index: int, ready: bool) -> None:
        if index < len(self.peers):
            peer = self.peers[index]
            self.send(peer, id=-1, method="$/hello", params=[{"name": name, "token": "t"}])
            if ready:
                self.send(peer, method="$/ready")

    @rule(
        index=st.integers(0, 5),
        name=st.sampled_from([*NAMES, "guest", "nobody"]),
        timeout_ms=st.sampled_from([10, 1000]),
        size=st.sampled_from([1, 800, 3000]),
        apart=st.booleans(),
    )
    def ask(self, index: int, name: str, timeout_ms: int, size: int, apart: bool) -> None:
        if index < len(self.peers) and not self.peers[index].ended:
            self.last += 1
            peer = self.peers[index]
            self.asked[peer, self.last] = 0
            self.send(
                peer, id=self.last, method="x" if apart else f"{name}/x", params=["x" * size],
                meta={"timeout_ms": timeout_ms, **({"to": name} if apart else {})},
            )  # fmt: skip

    @rule(index=st.integers(0, 5), name=st.sampled_from(NAMES))
    def notify(self, index: int, name: str) -> None:
        if index < len(self.peers) and not self.peers[index].ended:
            self.send(self.peers[index], method=f"{name}/x", params=[])

    @rule(at=st.integers(0, 20), good=st.booleans())
    def answer(self, at: int, good: bool) -> None:
        if at < len(self.serving):
            peer, number = self.serving.pop(at)
            if peer in self.calls.peers and not peer.ended:
                self.send(peer, id=number, **({"result": ["a" * 900]} if good else {"result": 1}))

    @rule(at=st.integers(0, 20))
    def cancel(self, at: int) -> None:
        if at < len(self.asked):
            peer, number = list(self.asked)[at]
            if peer in self.calls.peers and not peer.ended:
                self.send(peer, method="$/cancel", params=[number])

    @rule(index=st.integers(0, 5), half=st.booleans())
    def leave(self, index: int, half: bool) -> None:
        if index >= len(self.peers):
            return
        if half:
            self.do(self.calls.half_closed(self.peers[index], self.now_s))
            return
        peer = self.peers.pop(index)
        self.asked = {key: count for key, count in self.asked.items() if key[0] is not peer}
        self.do(self.calls.disconnected(peer, self.now_s))

    @rule(index=st.integers(0, 5))
    def block(self, index: int) -> None:
        if index < len(self.peers):
            self.calls.blocked(self.peers[index])

    @rule(index=st.integers(0, 5), most=st.sampled_from([1, 100_000]))
    def unblock(self, index: int, most: int) -> None:
        if index < len(self.peers):
            self.release(self.peers[index], most)

    def release(self, peer: Peer, most: int) -> None:
        self.calls.unblocked(peer)
        for line in self.calls.release(peer, most):
            self.take_line(peer, line)

    @rule(name=st.sampled_from(NAMES), what=st.sampled_from(["ended", "gone", "coming"]))
    def live(self, name: str, what: str) -> None:
        match what:
            case "ended":
                self.do(self.calls.ended(name, self.now_s))
            case "gone":
                self.do(self.calls.unavailable(name, "has failed", self.now_s))
            case _:
                self.calls.starting(name)

    @rule(seconds=st.sampled_from([0.005, 0.5]))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.do(self.calls.tick(self.now_s))

    @rule(index=st.integers(0, 5), data=st.binary())
    def say_anything(self, index: int, data: bytes) -> None:
        if index < len(self.peers):
            for action in self.calls.feed(self.peers[index], data.split(b"\n"), self.now_s):
                if isinstance(action, tuple):
                    for line in action[1].split(b"\n")[:-1]:
                        json.loads(line)

    @invariant()
    def nobody_is_told_twice(self) -> None:
        if hasattr(self, "asked"):
            assert all(count <= 1 for count in self.asked.values())
            for peer in self.peers:
                assert peer.held_bytes == sum(len(held.line) for held in peer.held)

    def teardown(self) -> None:
        if not hasattr(self, "asked"):
            return
        self.now_s += 1000
        self.do(self.calls.tick(self.now_s))
        for peer in self.peers:
            self.release(peer, 10**9)
            assert (peer.held_bytes, peer.owed_bytes, peer.serves) == (0, 0, {})
        assert set(self.asked.values()) <= {1}
        for peer in list(self.peers):
            self.do(self.calls.disconnected(peer, self.now_s))
        assert self.calls.peers == {}
        self.do(self.calls.tick(self.now_s))
        assert self.calls.next_due_s == inf


TestHub = Machine.TestCase
TestHub.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
