from typing import Any

import pytest

from portweave.calls.bus_address import Place
from portweave.encoding import jsonrpc
from tests.support.buses import BusSide, FakeBus

USERS = "@realm:shop:main/users"


def scene(**options: Any) -> tuple[FakeBus, BusSide, BusSide]:
    bus = FakeBus()
    return bus, BusSide(bus, "web"), BusSide(bus, "users", **options)


def failure(line: dict[str, Any]) -> tuple[int, str, str]:
    """The id, the kind and the message of an error."""
    error = line["error"]
    return line["id"], error["data"]["type"], error["message"]


def test_a_call_and_its_answer_cross_the_bus() -> None:
    bus, web, users = scene()
    trace = f"00-{'1' * 32}-{'2' * 16}-01"
    web.call(7, "@main/users/name/x", 1, "two", timeout_ms=2000, traceparent=trace)
    bus.deliver()
    meta = {"timeout_ms": 2000, "traceparent": trace, "from": "@realm:shop:main/web"}
    assert users.taken() == [
        {"jsonrpc": "2.0", "id": 1, "method": "name/x", "params": [1, "two"], "meta": meta}
    ]
    users.send(id=1, result=["Ann"])
    bus.deliver()
    assert web.taken() == [{"jsonrpc": "2.0", "id": 7, "result": ["Ann"]}]


def test_a_hub_is_told_which_service_is_called() -> None:
    bus, web, users = scene(name_calls=True)
    web.call(1, "users/$/hello", timeout_ms=None)
    bus.deliver()
    [line] = users.taken()
    assert line["meta"]["to"] == "users"
    assert line["meta"]["timeout_ms"] is None
    assert line["method"] == "/$/hello"


def test_a_notification_has_no_answer() -> None:
    bus, web, users = scene()
    web.send(method="users/log", params=["x"], meta={"timeout_ms": 5})
    bus.deliver()
    [line] = users.taken()
    assert "id" not in line
    bus.wait(5)
    assert web.taken() == []


@pytest.mark.parametrize(
    ("env", "told"), [("development", "text"), ("production", None), ("test", None)]
)
def test_an_error_keeps_all_but_its_traceback(env: str, told: str | None) -> None:
    bus, web, users = scene(env=env)
    web.call(1, "users/x")
    bus.deliver()
    data = {"type": "KeyError", "status": 418, "fields": {"a": 1}, "traceback": "text"}
    users.send(id=1, error={"code": -32000, "message": "boom", "data": data})
    bus.deliver()
    [line] = web.taken()
    assert failure(line) == (1, "KeyError", "boom")
    assert (line["error"]["data"]["status"], line["error"]["data"]["fields"]) == (418, {"a": 1})
    assert line["error"]["data"].get("traceback") == told


def test_a_service_that_is_not_there_is_not_found_at_once() -> None:
    bus, web, _ = scene()
    web.call(1, "nobody/x", timeout_ms=None)
    bus.deliver()
    assert failure(web.taken()[0])[:2] == (1, "ConnectionNotFound")


def test_an_address_that_is_none_fails_without_a_message() -> None:
    bus, web, _ = scene()
    web.call(1, "@/x")
    web.call(2, f"{'x' * 300}/y")
    assert [failure(line)[:2] for line in web.taken()] == [(1, "BadPath"), (2, "BadPath")]
    assert not bus.sent


def test_cancelling_reaches_the_handler_and_a_late_answer_is_dropped() -> None:
    bus, web, users = scene()
    web.call(4, "users/x")
    bus.deliver()
    web.send(method="$/cancel", params=[4])
    bus.deliver()
    assert users.taken()[1] == {"jsonrpc": "2.0", "method": "$/cancel", "params": [1]}
    users.send(id=1, result=[])
    bus.deliver()
    assert web.taken() == []


def test_a_lost_cancellation_is_made_up_for_by_presence() -> None:
    bus, web, users = scene()
    web.call(4, "users/x", timeout_ms=None)
    bus.deliver()
    web.send(method="$/cancel", params=[4])
    bus.sent.clear()
    bus.wait(1.5)
    assert [line.get("method") for line in users.taken()] == ["x", "$/cancel"]


def test_a_call_is_kept_alive_by_presence_and_ends_in_time() -> None:
    bus, web, users = scene()
    web.call(1, "users/x", timeout_ms=20_000)
    bus.deliver()
    bus.wait(19)
    assert web.taken() == []
    bus.wait(1.5)
    number, kind, text = failure(web.taken()[0])
    assert (number, kind) == (1, "RequestTimeout")
    assert text == f"no answer from {USERS} within 20 s"
    assert [line.get("method") for line in users.taken()] == ["x", "$/cancel"]


def test_a_member_that_is_silent_for_three_seconds_has_died() -> None:
    bus, web, users = scene()
    web.call(1, "users/x")
    bus.deliver()
    bus.leave(users)
    bus.wait(2.5)
    assert web.taken() == []
    bus.wait(1)
    assert failure(web.taken()[0])[:2] == (1, "PeerDied")


def test_a_call_that_was_lost_on_the_way_fails_like_that_too() -> None:
    bus, web, _ = scene()
    web.call(1, "users/x", timeout_ms=None)
    bus.sent.clear()
    bus.wait(3.5)
    assert failure(web.taken()[0])[:2] == (1, "PeerDied")


def test_the_calls_of_a_caller_that_left_are_cancelled() -> None:
    bus, web, users = scene()
    web.call(1, "users/x", timeout_ms=None)
    bus.deliver()
    bus.leave(web)
    bus.wait(1.5)
    assert [line.get("method") for line in users.taken()] == ["x", "$/cancel"]


def test_the_calls_of_a_caller_that_is_silent_are_cancelled() -> None:
    bus, web, users = scene()
    web.call(1, "users/x", timeout_ms=None)
    bus.deliver()
    for _ in range(8):
        bus.now_s += 0.5
        users.tick()
        bus.sent.clear()
    assert [line.get("method") for line in users.taken()] == ["x", "$/cancel"]
    assert users.member.next_s == float("inf")


def test_a_process_that_stood_still_does_not_take_others_for_dead() -> None:
    bus, web, users = scene()
    web.call(1, "users/x", timeout_ms=None)
    bus.deliver()
    bus.now_s += 30
    web.tick()
    users.tick()
    bus.deliver()
    bus.wait(2)
    assert web.taken() == []
    assert [line.get("method") for line in users.taken()] == ["x"]


def test_a_lost_connection_fails_what_is_open_and_keeps_what_is_new() -> None:
    bus, web, users = scene()
    web.call(1, "users/open", timeout_ms=None)
    bus.deliver()
    web.member.lost()
    web.collect()
    web.call(2, "users/kept", timeout_ms=5000)
    web.call(3, "users/late", timeout_ms=1000)
    web.send(method="users/log", params=[])
    assert not bus.sent
    assert failure(web.taken()[0])[:2] == (1, "PeerDied")
    bus.now_s += 2
    web.tick()
    number, kind, text = failure(web.taken()[0])
    assert (number, kind) == (3, "RequestTimeout")
    assert text.endswith("; the bus is not connected")
    web.member.connected(1_000_000, bus.now_s)
    web.collect()
    bus.deliver()
    lines = users.taken()
    assert [line.get("method") for line in lines] == ["open", "kept", "log"]
    assert lines[1]["meta"]["timeout_ms"] == 3000
    assert [line["method"] for line in users.taken()] == []


def test_a_call_that_waited_is_checked_against_the_new_server() -> None:
    bus, web, _ = scene()
    web.member.lost()
    web.call(1, "users/x", "y" * 5000)
    web.member.connected(1000, bus.now_s)
    web.collect()
    assert failure(web.taken()[0])[:2] == (1, "MessageTooLarge")


def test_calls_that_wait_for_the_bus_have_a_limit() -> None:
    bus, web, _ = scene()
    web.member.lost()
    for number in range(5):
        web.call(number, "users/x", "y" * (15 * 1024 * 1024))
    assert [failure(line)[:2] for line in web.taken()] == [(4, "Overloaded")]
    web.send(method="$/cancel", params=[0])
    web.call(5, "users/x", "y" * (15 * 1024 * 1024))
    assert web.taken() == []
    assert not bus.sent


def test_what_is_too_large_is_told_before_it_is_sent() -> None:
    bus = FakeBus(max_payload=2000)
    web, users = BusSide(bus, "web"), BusSide(bus, "users")
    web.call(1, "users/x", "y" * 3000)
    assert not bus.sent
    number, kind, text = failure(web.taken()[0])
    assert (number, kind) == (1, "MessageTooLarge")
    assert text.startswith("the message has 3004 bytes, the bus takes 1")
    web.call(2, "users/x")
    bus.deliver()
    users.send(id=1, result=["y" * 3000])
    bus.deliver()
    assert failure(web.taken()[0]) == (
        2, "MessageTooLarge", "the answer has 3004 bytes, the bus takes 2000"
    )  # fmt: skip
    web.call(3, "users/x")
    bus.deliver()
    users.send(id=2, error={"code": 1, "message": "y" * 3000})
    bus.deliver()
    assert failure(web.taken()[0])[:2] == (3, "MessageTooLarge")


def test_a_refused_subject_fails_its_calls() -> None:
    bus, web, _ = scene()
    web.call(1, "users/x", timeout_ms=None)
    web.call(2, "other/x", timeout_ms=None)
    web.member.refuse("portweave.1.realm.shop.main.users", "no permission")
    web.collect()
    assert failure(web.taken()[0])[:2] == (1, "BusRefused")
    assert bus.sent


def test_a_caller_without_an_id_takes_no_part_in_presence() -> None:
    bus, _, users = scene()
    subject = Place("realm", "shop", "main").subject("users")
    bus.give(users, subject, "_INBOX.x.y", {"Portweave-Timeout": "5000"}, b"")
    bus.wait(4.5)
    assert [line.get("method") for line in users.taken()] == [""]
    bus.wait(1)
    assert [line.get("method") for line in users.taken()] == ["$/cancel"]


def test_a_body_that_is_no_array_is_refused() -> None:
    bus, web, users = scene()
    bus.give(users, PLACE_OF_USERS, f"{web.member.inbox}.1", {}, b"{}")
    web.call(1, "users/x")
    bus.sent.pop()
    bus.deliver()
    assert failure(web.taken()[0])[:2] == (1, "BadMessage")
    assert users.taken() == []


def test_an_answer_that_is_none_is_an_error() -> None:
    bus, web, _ = scene()
    web.call(1, "users/x")
    bus.give(web, f"{web.member.inbox}.1", "", None, b"what?")
    assert failure(web.taken()[0])[:2] == (1, "BadAnswer")


def test_a_line_that_cannot_be_read_fails_its_call() -> None:
    bus, web, _ = scene()
    # Deeper than any interpreter reads: 3.13 reads more levels than 3.11.
    deep = b"[" * 100_000 + b"]" * 100_000
    web.member.take_line(jsonrpc.raw_request(3, b'"users/x"', b"[%b]" % deep, b""), bus.now_s)
    web.collect()
    assert failure(web.taken()[0])[:2] == (3, "NotSerializable")


PLACE_OF_USERS = Place("realm", "shop", "main").subject("users")
