"""The hub's decisions: lines and times in, lines out."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from portweave.supervisor.calls.router import CallRouter
from portweave.supervisor.calls.state import (
    Action,
    CallSupervisor,
    Close,
    Limits,
    Peer,
)

Message = dict[str, Any]


class Star:
    """A hub whose peers have names for the test."""

    def __init__(self, *expected: str, limits: Limits | None = None) -> None:
        self.tokens: dict[str, str] = {}
        self.calls = CallRouter(lambda name: self.tokens.get(name, ""), limits, {"greeting": "hi"})
        self.peers: dict[str, Peer] = {}
        self.inbox: dict[str, list[Message]] = {}
        self.closed: list[str] = []
        self.others: list[Action] = []
        self.now_s = 100.0
        for name in expected:
            group, _, number = name.partition(".")
            self.calls.reserve(name, group, number=int(number or 1))

    def open(self, *names: str) -> None:
        for name in names:
            self.peers[name] = self.calls.connected()
            self.inbox[name] = []

    def join(self, *names: str) -> None:
        """Connect, say hello with the name, and be ready."""
        for name in names:
            self.open(name)
            self.tokens[name] = f"token of {name}"
            hello = {"name": name, "token": self.tokens[name]}
            self.send(name, {"id": 0, "method": "$/hello", "params": [hello]})
            answer = self.inbox[name].pop()
            assert "result" in answer, answer
            self.send(name, {"method": "$/ready"})

    def send(self, name: str, *messages: Message) -> None:
        lines = [json.dumps({"jsonrpc": "2.0", **message}).encode() for message in messages]
        self.do(self.calls.feed(self.peers[name], lines, self.now_s))

    def send_raw(self, name: str, *lines: bytes) -> None:
        self.do(self.calls.feed(self.peers[name], lines, self.now_s))

    def do(self, actions: Sequence[Action]) -> None:
        names = {peer: name for name, peer in self.peers.items()}
        for action in actions:
            if isinstance(action, tuple):
                self.inbox[names[action[0]]] += map(json.loads, action[1].split(b"\n")[:-1])
            elif isinstance(action, Close):
                self.closed.append(names[action.peer])
            else:
                self.others.append(action)

    def leave(self, name: str) -> None:
        self.do(self.calls.disconnected(self.peers[name], self.now_s))

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.do(self.calls.tick(self.now_s))

    def take(self, name: str) -> list[Message]:
        found, self.inbox[name] = self.inbox[name], []
        return found

    def request(self, name: str, number: int, address: str, *load: object, **meta: object) -> None:
        self.send(name, {"id": number, "method": address, "params": list(load), "meta": meta})

    def failure(self, name: str) -> tuple[int | None, str, int]:
        """Of the only message that a peer has got: id, kind and status of the error."""
        (message,) = self.take(name)
        data = message["error"]["data"]
        return message["id"], data["type"], data["status"]


def test_a_call_goes_to_its_connection_and_its_answer_comes_back() -> None:
    star = Star("api", "web")
    star.join("api", "web")
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    star.request("web", 7, "/api/users/1", "x", {"y": [1]}, timeout_ms=2000, traceparent=trace)
    (asked,) = star.take("api")
    assert (asked["method"], asked["params"]) == ("users/1", ["x", {"y": [1]}])
    assert asked["meta"] == {"timeout_ms": 2000, "traceparent": trace, "from": "web"}
    star.send("api", {"id": asked["id"], "result": ["Ann", None]})
    assert star.take("web") == [{"jsonrpc": "2.0", "id": 7, "result": ["Ann", None]}]


@pytest.mark.parametrize("meta", [{"timeout_ms": 2000}, {}])
def test_the_last_call_is_known(meta: dict[str, object]) -> None:
    star = Star("api", "web")
    star.join("api", "web")
    assert star.calls.called is None
    star.request("web", 7, "/supervisor/ps")
    assert star.calls.called is None
    star.wait(5)
    star.request("web", 8, "/api/users/1", **meta)
    assert star.calls.called is not None
    assert (star.calls.called.name, star.calls.called_s) == ("api", star.now_s)


def test_an_answer_has_the_callers_id() -> None:
    star = Star("api")
    star.join("api")
    star.open("x")
    star.send("x", {"id": 'a"b', "method": "api/1"}, {"id": None, "method": "api/2"})
    for asked in star.take("api"):
        star.send("api", {"id": asked["id"], "result": []})
    assert [message["id"] for message in star.take("x")] == ['a"b', None]


def test_an_error_comes_back_as_it_is() -> None:
    star = Star("api")
    star.join("api")
    star.open("x")
    star.request("x", 1, "api/a")
    error = {"code": -32000, "message": "boom", "data": {"type": "ValueError", "more": [1]}}
    star.send("api", {"id": star.take("api")[0]["id"], "error": error})
    assert star.take("x") == [{"jsonrpc": "2.0", "id": 1, "error": error}]


@pytest.mark.parametrize(
    ("address", "peer", "path"),
    [
        ("api/path", "api", "path"),
        ("/api/path", "api", "path"),
        ("api", "api", ""),
        ("api/", "api", ""),
        ("ping", "route", "ping"),
        ("foo/x", "route", "foo/x"),
        ("API/x", "route", "API/x"),
        ("Api/x", "Api", "x"),
        ("sp%20ace/x", "sp ace", "x"),
        ("api/%252E", "api", "%252E"),
        ("api/$/cancel", "api", "/$/cancel"),
        ("worker/x", "route", "worker/x"),
        ("route/x", "route", "route/x"),
        ("index/x", "route", "index/x"),
        ("web.2/x", "web.2", "x"),
        ("web.1/x", "web", "x"),
    ],
)
def test_an_address_names(address: str, peer: str, path: str) -> None:
    star = Star("api", "Api", "sp ace", "web", "web.2")
    star.calls.reserve("route", "route", default=True)
    star.calls.reserve("worker", "worker", askable=False)
    star.join("api", "Api", "sp ace", "web", "web.2", "route", "worker")
    star.request("worker", 1, address)
    got = {name: messages[0]["method"] for name, messages in star.inbox.items() if messages}
    assert got == {peer: path}


@pytest.mark.parametrize(
    ("address", "kind", "status"),
    [
        ("foo/x", "ConnectionNotFound", 404),
        ("foo", "ConnectionNotFound", 404),
        ("x/%zz", "BadPath", 400),
        ("api/%ff", "BadPath", 400),
    ],
)
def test_an_address_without_a_connection_is_an_error(address: str, kind: str, status: int) -> None:
    star = Star("api")
    star.join("api")
    star.open("x")
    star.request("x", 1, address)
    assert star.failure("x") == (1, kind, status)
    # And once more, from the remembered route.
    star.request("x", 2, address)
    assert star.failure("x") == (2, kind, status)


def test_instances_take_turns_and_one_can_be_named() -> None:
    star = Star("web", "web.2", "web.3")
    star.join("web", "web.2", "web.3")
    star.open("x")
    for number in range(6):
        star.request("x", number, "web/x")
    star.request("x", 6, "web.2/y")
    counts = {name: len(star.take(name)) for name in ("web", "web.2", "web.3")}
    assert counts == {"web": 2, "web.2": 3, "web.3": 2}


def test_requests_wait_until_the_connection_is_ready_in_their_order() -> None:
    star = Star("api")
    star.open("x", "api")
    star.tokens["api"] = "t"
    for number in range(3):
        star.request("x", number, "api/x", number, timeout_ms=1000)
    star.send("api", {"id": 0, "method": "$/hello", "params": [{"name": "api", "token": "t"}]})
    assert len(star.take("api")) == 1
    star.now_s += 0.4
    star.send("api", {"method": "$/ready"})
    asked = star.take("api")
    assert [message["params"] for message in asked] == [[0], [1], [2]]
    assert asked[0]["meta"]["timeout_ms"] in (599, 600)


def test_a_request_that_waits_too_long_fails() -> None:
    star = Star("api")
    star.open("x")
    star.request("x", 1, "api/x", timeout_ms=500)
    star.wait(0.4)
    assert star.take("x") == []
    star.wait(0.2)
    (message,) = star.take("x")
    assert (message["id"], message["error"]["data"]["type"]) == (1, "RequestTimeout")
    assert "not ready" in message["error"]["message"]


def test_the_default_time_is_limited_and_null_means_no_limit() -> None:
    star = Star("api")
    star.join("api")
    star.open("x")
    star.request("x", 1, "api/x")
    star.request("x", 2, "api/x", timeout_ms=None)
    star.wait(31)
    assert star.failure("x") == (1, "RequestTimeout", 504)
    assert [message["method"] for message in star.take("api")] == ["x", "x", "$/cancel"]
    star.wait(1e6)
    assert star.take("x") == []


def test_a_late_answer_is_dropped() -> None:
    star = Star("api")
    star.join("api")
    star.open("x")
    star.request("x", 1, "api/x", timeout_ms=100)
    (asked,) = star.take("api")
    star.wait(0.2)
    star.take("x")
    star.send("api", {"id": asked["id"], "result": [1]})
    assert star.take("x") == []


def test_a_cancelled_request_ends_for_caller_and_server() -> None:
    star = Star("api", "slow")
    star.join("api")
    star.open("x")
    star.request("x", 1, "api/x")
    star.request("x", 2, "slow/x")
    (asked,) = star.take("api")
    star.send("x", {"method": "$/cancel", "params": [1]}, {"method": "$/cancel", "params": [2, 9]})
    assert star.take("api") == [{"jsonrpc": "2.0", "method": "$/cancel", "params": [asked["id"]]}]
    kinds = [message["error"]["data"]["type"] for message in star.take("x")]
    assert kinds == ["Cancelled", "Cancelled"]


def test_requests_open_at_a_dead_peer_fail_at_once() -> None:
    star = Star("api")
    star.join("api")
    star.open("x")
    star.request("x", 1, "api/x")
    star.leave("api")
    assert star.failure("x") == (1, "PeerDied", 503)
    # It is started again, so new requests wait for it.
    star.request("x", 2, "api/x")
    assert star.take("x") == []
    star.join("api")
    assert [message["method"] for message in star.take("api")] == ["x"]


def test_requests_to_an_unavailable_peer_fail_at_once() -> None:
    star = Star("api", "api.2")
    star.open("x")
    star.request("x", 1, "api.2/x")
    star.request("x", 2, "api/x")
    star.do(star.calls.unavailable("api.2", "has failed", star.now_s))
    assert star.failure("x") == (1, "PeerDied", 503)
    star.do(star.calls.unavailable("api", "has failed", star.now_s))
    assert star.failure("x") == (2, "PeerDied", 503)
    star.request("x", 3, "api/x")
    assert star.failure("x") == (3, "PeerDied", 503)
    star.calls.starting("api")
    star.request("x", 4, "api/x")
    assert star.take("x") == []


def test_the_requests_of_a_dead_caller_are_cancelled() -> None:
    star = Star("api")
    star.join("api")
    star.open("x")
    star.request("x", 1, "api/x")
    star.take("api")
    star.leave("x")
    assert [message["method"] for message in star.take("api")] == ["$/cancel"]


def test_a_notification_is_passed_on_and_never_answered() -> None:
    star = Star("api")
    star.join("api")
    star.open("x")
    star.send("x", {"method": "api/log", "params": ["text"]}, {"method": "nobody/x"})
    (told,) = star.take("api")
    assert ("id" in told, told["method"], told["params"]) == (False, "log", ["text"])
    assert star.take("x") == []


def test_names_are_proved_by_their_token() -> None:
    star = Star("api", "other")
    star.join("api")
    star.open("x")
    hello = {"id": 1, "method": "$/hello"}
    star.send("x", hello | {"params": [{"name": "other", "token": ""}]})
    assert star.failure("x") == (1, "NameTaken", 409)
    star.tokens["other"] = "t"
    star.send("x", hello | {"params": [{"name": "other", "token": "T"}]})
    assert star.failure("x") == (1, "NameTaken", 409)
    star.send("x", hello | {"params": [{"name": "supervisor"}]})
    assert star.failure("x") == (1, "NameTaken", 409)
    # All processes of the service have the same token.
    star.send("x", hello | {"params": [{"name": "api", "token": star.tokens["api"]}]})
    (answer,) = star.take("x")
    assert answer["result"] == [
        {"protocol": 1, "max_message": 16777216, "options": {"greeting": "hi"}}
    ]


def test_processes_of_one_service_are_asked_in_turn() -> None:
    star = Star("api", "api.2")
    star.join("api", "api.2")
    for name in ("api b", "api c"):
        star.open(name)
        hello = {"name": "api", "token": star.tokens["api"]}
        star.send(name, {"id": 1, "method": "$/hello", "params": [hello]})
    # A process that is not ready gets no calls, but may call.
    star.send("api b", {"method": "$/ready"})
    assert [len(star.take(name)) for name in ("api b", "api c")] == [1, 1]
    star.open("x")
    for number in range(6):
        star.request("x", number, "api/x")
    assert [len(star.take(name)) for name in ("api", "api.2", "api b")] == [2, 2, 2]
    for number in range(10, 14):
        star.request("x", number, "api.1/x")
    assert [len(star.take(name)) for name in ("api", "api.2", "api b")] == [2, 0, 2]
    star.request("api c", 1, "api.2/x")
    assert star.take("api.2")[0]["meta"]["from"] == "api"
    # Its open requests fail with it; the other processes go on.
    star.leave("api b")
    assert {message["error"]["data"]["type"] for message in star.take("x")} == {"PeerDied"}
    star.request("x", 20, "api.1/x")
    assert len(star.take("api")) == 1
    # The end of the run ends all processes.
    star.do(star.calls.ended("api", star.now_s))
    assert star.closed == ["api", "api c"]


def test_a_connection_named_apart_is_called_or_none_is() -> None:
    star = Star("api")
    star.calls.reserve("route", "route", default=True)
    star.join("api", "route")
    star.open("x")
    for _ in range(2):
        star.request("x", 1, "/$/x", to="api", timeout_ms=2000)
        (asked,) = star.take("api")
        assert (asked["method"], asked["meta"]) == ("/$/x", {"timeout_ms": 2000})
        star.send("api", {"id": asked["id"], "result": []})
        assert star.take("x")[0]["result"] == []
    star.request("x", 1, "api/x", to="route")
    assert star.take("route")[0]["method"] == "api/x"
    star.request("x", 2, "x", to="nobody")
    assert star.failure("x") == (2, "ConnectionNotFound", 404)
    star.request("x", 3, "/ps", to="supervisor")
    (asked_us,) = star.others
    assert isinstance(asked_us, CallSupervisor)
    assert asked_us.request.path == "ps"


@pytest.mark.parametrize(
    ("own", "most"),
    [
        ({}, 3),
        ({"max_queue": 0}, 2),
        ({"max_concurrency": 5}, 6),
        ({"max_concurrency": 1, "max_queue": 0}, 1),
    ],
)
def test_a_connection_sets_its_limit_of_requests_when_it_joins(own: Message, most: int) -> None:
    star = Star(limits=Limits(concurrency=2, queue=1))
    star.open("b", "x")
    star.send("b", {"id": 1, "method": "$/hello", "params": [{"name": "b", **own}]})
    star.send("b", {"method": "$/ready"})
    star.take("b")
    for number in range(9):
        star.request("x", number, "b/x", timeout_ms=1000)
    assert len(star.take("b")) == most
    assert len(star.take("x")) == 9 - most


@pytest.mark.parametrize(
    "own",
    [{"max_queue": -1}, {"max_concurrency": 0}, {"max_queue": "1"}, {"max_concurrency": True}],
)
def test_an_invalid_limit_of_requests_is_refused(own: Message) -> None:
    star = Star()
    star.open("b")
    star.send("b", {"id": 1, "method": "$/hello", "params": [{"name": "b", **own}]})
    assert star.failure("b") == (1, "BadLine", 400)


def test_an_outside_program_may_have_a_free_name() -> None:
    star = Star("api")
    star.join("guest")
    star.open("x")
    star.request("x", 1, "guest/x")
    assert len(star.take("guest")) == 1
    star.leave("guest")
    assert star.failure("x") == (1, "PeerDied", 503)
    star.request("x", 2, "guest/x")
    assert star.failure("x") == (2, "ConnectionNotFound", 404)


def test_requests_that_wait_for_an_outside_program_fail_when_it_leaves() -> None:
    star = Star()
    star.open("guest", "x")
    star.send("guest", {"id": 1, "method": "$/hello", "params": [{"name": "guest"}]})
    star.request("x", 1, "guest/x", timeout_ms=None)
    star.leave("guest")
    assert star.failure("x") == (1, "PeerDied", 503)


@pytest.mark.parametrize(
    "params",
    [
        [{"name": "a/b"}], [{"name": ""}], [{"name": "$x"}], [{"name": 7}], [{"name": "a\n"}],
        [{"protocol": 2}], [7], [],
    ],
)  # fmt: skip
def test_an_invalid_hello_is_refused(params: list[object]) -> None:
    star = Star()
    star.open("x")
    star.send("x", {"id": 1, "method": "$/hello", "params": params})
    assert star.take("x")[0]["error"]["code"] == -32602


def test_a_second_hello_is_refused() -> None:
    star = Star()
    star.join("x")
    star.send("x", {"id": 1, "method": "$/hello", "params": [{}]})
    assert star.take("x")[0]["error"]["code"] == -32600


@pytest.mark.parametrize(
    ("line", "key", "code"),
    [
        (b"x", None, -32700),
        (b"[]", None, -32600),
        (b"{}", None, -32600),
        (b'{"id":1,"method":"api","params":{}}', 1, -32602),
        (b'{"id":1,"method":"$/nothing"}', 1, -32601),
    ],
)
def test_a_bad_line_gets_one_error(line: bytes, key: int | None, code: int) -> None:
    star = Star("api")
    star.open("x")
    star.send_raw("x", line, b" ", b"")
    (answer,) = star.take("x")
    assert (answer["id"], answer["error"]["code"]) == (key, code)


@pytest.mark.parametrize(
    "line",
    [
        b'{"id":1,"result":[]}', b'{"id":null,"error":{"code":1}}', b'{"method":"$/nothing"}',
        b'{"method":"$/cancel","params":[1,"a",{},[]]}', b'{"method":"$/ready"}',
        b'{"method":"$/hello","params":[{"name":"x"}]}', b'{"method":"x","params":{}}',
    ],
)  # fmt: skip
def test_a_blank_line_gets_no_answer(line: bytes) -> None:
    star = Star("api")
    star.open("x")
    star.send_raw("x", line)
    assert star.take("x") == []


def test_an_invalid_answer_is_an_error_for_the_caller() -> None:
    star = Star("api")
    star.join("api")
    star.open("x")
    answers: list[Message] = [{"result": {}}, {"result": 1}, {"error": "no"}]
    for number, message in enumerate(answers):
        star.request("x", number, "api/x")
        star.send("api", {"id": star.take("api")[0]["id"], **message})
        assert star.failure("x") == (number, "BadAnswer", 502)


def test_an_id_that_is_in_use_is_refused() -> None:
    star = Star("api")
    star.join("api")
    star.open("x")
    star.request("x", 1, "api/x")
    star.request("x", 1, "api/x")
    assert star.take("x")[0]["error"]["code"] == -32600
    assert len(star.take("api")) == 1


def test_a_line_that_is_too_long_ends_that_connection() -> None:
    star = Star()
    star.open("x")
    star.do(star.calls.overflowed(star.peers["x"]))
    assert star.failure("x") == (None, "MessageTooLarge", 413)
    assert star.closed == ["x"]


def test_a_half_closed_peer_gets_its_open_answers() -> None:
    star = Star("api")
    star.join("api")
    star.open("x", "idle")
    star.request("x", 1, "api/x")
    for name in ("x", "idle"):
        star.do(star.calls.half_closed(star.peers[name], star.now_s))
    assert star.closed == ["idle"]
    star.send("api", {"id": star.take("api")[0]["id"], "result": [1]})
    assert (star.take("x")[0]["result"], star.closed) == ([1], ["idle", "x"])


# Peers that do not read, or send too much.


def test_lines_for_a_peer_that_does_not_read_are_held_in_order() -> None:
    star = Star("api")
    star.join("api")
    star.open("x")
    api = star.peers["api"]
    star.calls.blocked(api)
    for number in range(3):
        star.request("x", number, "api/x", number)
    assert star.take("api") == []
    star.calls.unblocked(api)
    lines = star.calls.release(api, 1)
    # Until all held lines are sent, later ones are held, too.
    star.request("x", 3, "api/x", 3)
    lines += star.calls.release(api, 10_000)
    assert [json.loads(line)["params"] for line in lines] == [[0], [1], [2], [3]]
    assert api.held_bytes == 0


def test_unsent_requests_of_a_dead_peer_go_to_another() -> None:
    star = Star("web", "web.2")
    star.join("web")
    star.open("x")
    star.request("x", 1, "web/x")
    star.calls.blocked(star.peers["web"])
    star.request("x", 2, "web/x")
    star.join("web.2")
    star.take("web.2")
    star.leave("web")
    assert star.failure("x") == (1, "PeerDied", 503)
    assert [message["method"] for message in star.take("web.2")] == ["x"]


def test_a_request_cancelled_before_it_is_sent_is_never_sent() -> None:
    star = Star("api")
    star.join("api")
    star.open("x")
    api = star.peers["api"]
    star.calls.blocked(api)
    star.request("x", 1, "api/x")
    star.send("x", {"method": "$/cancel", "params": [1]})
    star.calls.unblocked(api)
    assert star.calls.release(api, 10_000) == []


def test_a_stuck_peer_refuses_beyond_a_limit_and_others_go_on() -> None:
    star = Star("stuck", "api", limits=Limits(held_bytes=1000, concurrency=1, queue=2, requests=10))
    star.join("stuck", "api")
    star.open("x")
    star.calls.blocked(star.peers["stuck"])
    for number in range(5):
        star.request("x", number, "stuck/x")
    assert {message["error"]["data"]["type"] for message in star.take("x")} == {"Overloaded"}
    star.request("x", 10, "api/x", "a" * 2000)
    assert len(star.take("api")) == 1
    # Notifications are limited in bytes only.
    for _ in range(30):
        star.send("x", {"method": "stuck/x", "params": ["a" * 100]})
    assert star.peers["stuck"].held_bytes < 2000


def test_another_instance_takes_requests_that_a_full_one_cannot() -> None:
    star = Star("web", "web.2", limits=Limits(concurrency=1, queue=1))
    star.join("web", "web.2")
    star.open("x")
    for number in range(5):
        star.request("x", number, "web/x")
    assert star.failure("x") == (4, "Overloaded", 503)
    assert (len(star.take("web")), len(star.take("web.2"))) == (2, 2)


def test_too_many_waiting_requests_are_refused() -> None:
    star = Star("api", limits=Limits(concurrency=1, queue=1, held_bytes=100))
    star.open("x")
    for number in range(3):
        star.request("x", number, "api/x")
    assert star.failure("x") == (2, "Overloaded", 503)
    other = Star("api", limits=Limits(held_bytes=100))
    other.open("x")
    other.request("x", 1, "api/x", "a" * 200)
    assert other.failure("x") == (1, "Overloaded", 503)


def test_one_caller_has_a_limit_too() -> None:
    star = Star("api", limits=Limits(requests=2))
    star.join("api")
    star.open("x")
    for number in range(3):
        star.request("x", number, "api/x")
    assert star.failure("x") == (2, "Overloaded", 503)


def test_unread_answers_are_counted_and_replaced() -> None:
    star = Star("api", limits=Limits(held_bytes=500))
    star.join("api")
    star.open("x")
    x = star.peers["x"]
    for number in range(2):
        star.request("x", number, "api/x")
    star.calls.blocked(x)
    for asked in star.take("api"):
        star.send("api", {"id": asked["id"], "result": ["a" * 400]})
    assert x.owed_bytes == x.held_bytes > 400
    star.calls.unblocked(x)
    first, second = (json.loads(line) for line in star.calls.release(x, 10_000))
    assert "result" in first
    assert second["error"]["data"]["type"] == "Overloaded"
    assert x.owed_bytes == 0


# The supervisor.


def test_requests_to_the_supervisor_are_passed_to_it() -> None:
    star = Star("api")
    star.open("x")
    star.request("x", 1, "/supervisor/ps", "a")
    (action,) = star.others
    assert isinstance(action, CallSupervisor)
    assert (action.request.path, bytes(action.request.params)) == ("ps", b'["a"]')
    star.do(star.calls.stream(action.request, b"[1,2]"))
    star.do(star.calls.answer(action.request, b'["fine"]'))
    star.do(star.calls.stream(action.request, b"[1,3]"))
    told, answer = star.take("x")
    assert (told["method"], told["params"]) == ("$/stream", [1, 2])
    assert answer["result"] == ["fine"]


def test_a_removed_instance_is_unknown() -> None:
    star = Star("web", "web.2")
    star.join("web", "web.2")
    star.open("x")
    star.request("x", 1, "web.2/x")
    star.do(star.calls.remove("web.2", star.now_s))
    assert star.failure("x") == (1, "PeerDied", 503)
    star.request("x", 2, "web.2/x")
    assert star.failure("x") == (2, "ConnectionNotFound", 404)
    star.take("web")
    star.request("x", 3, "web/x")
    star.request("x", 4, "web/x")
    assert len(star.take("web")) == 2


def test_lines_that_follow_held_lines_stay_in_order() -> None:
    star = Star("api")
    star.join("api")
    star.open("x")
    meta = {"timeout_ms": 9000}
    star.request("x", 1, "api/a", **meta)
    for name, peer in star.peers.items():
        star.calls.blocked(peer)
        if name == "api":
            star.request("x", 2, "api/a", **meta)
            star.request("x", 3, "api/a", **meta)
        else:
            star.send("api", {"id": 1, "result": [1]}, {"id": 2, "result": [2]})
        star.calls.unblocked(peer)
        first = star.calls.release(peer, 1)
        if name == "api":
            star.request("x", 4, "api/a", **meta)
            assert [message["id"] for message in star.take("api")] == [1]
        else:
            star.send("api", {"id": 3, "result": [3]})
            assert star.take("x") == []
        numbers = [json.loads(line)["id"] for line in first + star.calls.release(peer, 9999)]
        assert numbers == ([2, 3, 4] if name == "api" else [1, 2, 3])
