"""The fast path of the hub does what its general path would do."""

import json
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from portweave.encoding import jsonrpc
from portweave.supervisor.calls.router import CallRouter
from portweave.supervisor.calls.state import (
    Action,
    Limits,
    Peer,
)

NAMES = ("api", "api.2", "web")


class Thorough(CallRouter):
    """Uses the general path only."""

    def pass_request(self, peer: Peer, message: jsonrpc.Message) -> bool:
        return False

    def pass_answer(self, peer: Peer, message: jsonrpc.Message) -> bool:
        return False


class Counting(CallRouter):
    """Counts uses of the fast path."""

    passed = 0

    def pass_request(self, peer: Peer, message: jsonrpc.Message) -> bool:
        done = super().pass_request(peer, message)
        self.passed += done
        return done

    def pass_answer(self, peer: Peer, message: jsonrpc.Message) -> bool:
        done = super().pass_answer(peer, message)
        self.passed += done
        return done


class Star:
    """A hub, and the lines that each of its peers got."""

    def __init__(self, kind: type[CallRouter]) -> None:
        self.calls = kind(
            lambda name: "t", Limits(concurrency=2, queue=3, requests=3, held_bytes=3000)
        )
        for name in NAMES:
            self.calls.reserve(name, name.partition(".")[0], number=2 if "." in name else 1)
        self.peers = [self.calls.connected() for _ in range(4)]
        self.sent: list[list[bytes]] = [[] for _ in self.peers]
        self.others: list[str] = []
        for peer, name in zip(self.peers, NAMES, strict=False):
            hello = jsonrpc.request(
                0, "$/hello", jsonrpc.array([{"name": name, "token": "t"}]), b""
            )
            ready = jsonrpc.notification("$/ready", jsonrpc.NOTHING)
            self.do(self.calls.feed(peer, [hello, ready], 0.0))

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, tuple):
                self.sent[self.peers.index(action[0])] += action[1].split(b"\n")[:-1]
            else:
                self.others.append(type(action).__name__)

    def step(self, what: str, index: int, lines: list[bytes], now_s: float) -> None:
        peer = self.peers[index]
        match what:
            case "feed":
                self.do(self.calls.feed(peer, lines, now_s))
            case "block":
                self.calls.blocked(peer)
            case "unblock" | "release":
                self.calls.unblocked(peer)
                most_bytes = 1 if what == "unblock" else 100_000
                released = b"".join(self.calls.release(peer, most_bytes))
                self.sent[index] += released.split(b"\n")[:-1]
            case _:
                self.do(self.calls.tick(now_s))


def _either(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Mostly usual values, so that most of a line is valid."""
    return st.sampled_from([usual] * 9 + list(others))


_IDS = st.integers(1, 12) | _either(1, "a", None, -1, 2**63, 2**70, 1.0, True, [])
_METAS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "timeout_ms": _either(30_000, 0, 1, 1.5, 0.2, -3, None, "1", 10**9),
        "traceparent": _either("00-" + "a" * 32 + "-" + "b" * 16 + "-01", "", '"\\\u2028', 1),
        "from": _either("forged", 1),
        "to": _either("api", "web", "nobody", "supervisor", "", 1),
        "more": st.just({"deep": [1]}),
    },
)
_REQUESTS = st.fixed_dictionaries(
    {"method": _either("api/x", "/web/y", "api", "nobody/x", "api.2/z", "$/cancel", "api/%zz", 1)},
    optional={
        "id": _IDS,
        "params": _either(["x"], [1], [], {}, None, "x", ["x" * 2000]),
        "meta": _METAS,
        "more": st.just([1]),
    },
)
_ANSWERS = st.fixed_dictionaries(
    {"id": _IDS},
    optional={"result": _either(["y"], [], {}, None), "error": _either({"code": 1}, [], None)},
)


_USUAL = st.builds(
    jsonrpc.passed_on,
    st.integers(1, 12),
    st.sampled_from([b'"api/x"', b'"/web/y"']),
    st.sampled_from([b"[]", b'["x"]', b'["%s"]' % (b"x" * 2000)]),
    st.sampled_from([30_000, 400, 1]),
    st.sampled_from(["", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"]),
    st.just(b""),
) | st.builds(jsonrpc.int_answer, st.integers(1, 6), st.sampled_from([b"[]", b'["y"]']))


@st.composite
def _lines(draw: st.DrawFn) -> bytes:
    message: dict[str, Any] = {"jsonrpc": "2.0", **draw(_REQUESTS | _ANSWERS)}
    names = draw(st.permutations(list(message)) | st.just(list(message)))
    separators = draw(_either((",", ":"), (" , ", " :\t")))
    text = json.dumps({name: message[name] for name in names}, separators=separators)
    line = text.encode()
    return draw(st.just(line) | st.just(line) | st.binary(max_size=3).map(line.__add__))


_STEPS = st.tuples(
    st.sampled_from(["feed"] * 10 + ["block", "unblock", "release", "tick"]),
    st.integers(0, 3),
    st.lists(_USUAL | _USUAL | _USUAL | _lines(), max_size=6),
    st.sampled_from([0.0, 0.0004, 0.5, 31.0]),
)


@given(st.lists(_STEPS, max_size=20))
def test_the_fast_path_and_the_general_path_agree(
    steps: list[tuple[str, int, list[bytes], float]],
) -> None:
    short, long = Star(Counting), Star(Thorough)
    now_s = 1000.0
    for what, index, lines, pause_s in steps:
        now_s += pause_s
        for star in (short, long):
            star.step(what, index, [line.replace(b"\n", b"") for line in lines], now_s)
        assert short.sent == long.sent
        assert short.others == long.others
    for one, other in zip(short.peers, long.peers, strict=True):
        assert (one.held_bytes, one.owed_bytes) == (other.held_bytes, other.owed_bytes)
        assert (list(one.requests), list(one.serves)) == (list(other.requests), list(other.serves))
    assert short.calls.next_due_s == long.calls.next_due_s
    assert isinstance(short.calls, Counting)
    event(f"{min(short.calls.passed, 5)} passed on in few steps")
