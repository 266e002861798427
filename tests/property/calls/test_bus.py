"""What holds on a bus whatever arrives there, and whatever is lost."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from portweave.calls.bus_address import Place, Target, encode_part, find_target
from portweave.calls.bus_messages import read_head, request_headers
from portweave.errors import BadPath
from tests.support.buses import BusSide, FakeBus

HOME = Place("realm", "shop", "main")
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
SUBJECTS = st.sampled_from(
    [
        HOME.subject("users"),
        f"{HOME.subject('users')}.cancel",
        "_INBOX.m1.1",
        "_INBOX.m1.live",
        "_INBOX.m1.live-m0",
        "_INBOX.m1.live-",
        "_INBOX.m1.99999999999999999999",
        "_INBOX.m1.²",
        "_INBOX.m0.1",
        "x",
        "",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
BODIES = st.binary(max_size=30) | JSON.map(lambda value: json.dumps(value, indent=1).encode())
HEADERS = st.none() | st.dictionaries(
    st.sampled_from(
        [
            "Portweave-Path",
            "Portweave-Id",
            "Portweave-Timeout",
            "Portweave-From",
            "traceparent",
            "Status",
        ]
    ),
    st.text(max_size=12) | st.sampled_from(["m0.1", "none", "1000", "503", "$/cancel", "a.1"]),
)


@given(NAMES, NAMES)
def test_no_two_names_share_a_part_of_a_subject(one: str, other: str) -> None:
    try:
        parts = encode_part(one), encode_part(other)
    except BadPath:
        return
    assert (parts[0] == parts[1]) == (one == other)
    assert all(part.isascii() and not set(part) & set(". *>\t\r\n") for part in parts)


@given(NAMES, NAMES, NAMES, NAMES)
def test_an_address_reads_back(realm: str, project: str, namespace: str, service: str) -> None:
    place = Place(realm, project, namespace)
    address = place.address(service)
    assert find_target(f"{address}/a/b", None, HOME) == Target(place, service, "a/b")
    assert find_target("a/b", address, HOME) == Target(place, service, "a/b")


@given(st.text(max_size=30), st.text(max_size=10), st.floats(1, 1e9), st.text(max_size=10))
def test_headers_never_break_a_line(path: str, sender: str, left_ms: float, trace: str) -> None:
    headers = request_headers(path, "m.1", left_ms, sender, trace)
    assert all(text.isascii() and text.isprintable() for text in headers.values())
    head = read_head(headers)
    assert (head.asker, head.number, head.timeout_ms) == ("m", "1", int(left_ms))


@given(st.lists(st.tuples(SUBJECTS, st.sampled_from(["", "x", "_INBOX.m0.1"]), HEADERS, BODIES)))
def test_garbage_harms_nobody(
    messages: list[tuple[str, str, dict[str, str] | None, bytes]],
) -> None:
    bus = FakeBus()
    web, users = BusSide(bus, "web"), BusSide(bus, "users")
    for subject, reply, headers, body in messages:
        # Each line that reaches the local side is one whole message: `collect` reads it.
        bus.give(users, subject, reply, headers, body)
        assert not any(
            str(line.get("method", "")).startswith("$/") and line["method"] != "$/cancel"
            for line in users.taken()
        )
    bus.wait(4)
    users.taken()
    web.taken()
    web.call(77, "users/x", 5)
    bus.deliver()
    number = users.taken()[-1]["id"]
    users.send(id=number, result=[6])
    bus.deliver()
    assert {"jsonrpc": "2.0", "id": 77, "result": [6]} in web.taken()


EVENTS = st.sampled_from(["call", "answer", "cancel", "deliver", "lose", "drop", "back", "wait"])


@given(st.lists(EVENTS, max_size=40))
def test_each_call_ends_exactly_once(events: list[str]) -> None:
    bus = FakeBus()
    web, users = BusSide(bus, "web"), BusSide(bus, "users")
    called, cancelled, got = 0, set[int](), list[dict[str, Any]]()
    served: list[int] = []
    for event in events:
        match event:
            case "call":
                called += 1
                web.call(called, "users/x", timeout_ms=20_000)
            case "answer" if served:
                users.send(id=served.pop(), result=[])
            case "cancel" if called:
                cancelled.add(called)
                web.send(method="$/cancel", params=[called])
            case "deliver":
                bus.deliver()
            case "lose":
                bus.sent.clear()
            case "drop":
                web.member.lost()
                web.collect()
            case "back":
                web.member.connected(bus.max_payload, bus.now_s)
                web.collect()
            case "wait":
                bus.wait(1)
            case _:
                pass
        served += [line["id"] for line in users.taken() if "id" in line]
        got += web.taken()
    bus.wait(30)
    got += web.taken()
    ended = [line["id"] for line in got]
    assert len(ended) == len(set(ended))
    assert set(ended) | cancelled == set(range(1, called + 1))
    # Nothing is left that would tick for ever.
    assert web.member.next_s == users.member.next_s == float("inf")
