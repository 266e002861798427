"""Bytes that arrive too early, in excess, or unexpectedly."""

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from portweave.routes import RouteInfo
from portweave.supervisor.proxy.http import exchange as exchange_module
from portweave.supervisor.proxy.http.upstream_status import (
    StackStatus,
    UpstreamStatus,
)
from tests.support.proxies import (
    Caller,
    Proxy,
    Service,
    plain,
    raw,
)

if TYPE_CHECKING:
    from portweave.supervisor.proxy.http.upstream_status import Target


ASK = "GET /{} HTTP/1.1\r\nHost: a.localhost\r\n\r\n"


UPGRADE = "GET / HTTP/1.1\r\nHost: a.localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"


POST = "POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: {}\r\n\r\n"


# More than the buffers of all sockets on the way.
MOST_BYTES = 24 << 20


@pytest.mark.slow
def test_a_client_that_reads_no_answers_gets_no_more(proxy: Callable[..., Proxy]) -> None:
    ask = ASK.format("x" * 500).replace("a.localhost", "nobody.localhost").encode()
    with proxy().connect() as caller:
        sent = caller.fill(ask, MOST_BYTES)
        assert sent < MOST_BYTES
        for _ in range(100):
            assert b" 404 " in caller.answer()


def test_a_client_that_reads_no_answers_delays_its_next_request(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    is_blocked = threading.Event()
    sent = 0

    def serve(caller: Caller, _: Service) -> None:
        nonlocal sent
        while b"/large" not in caller.head():
            caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + bytes(60_000))
        sent = 0
        caller.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        caller.socket.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            while sent < 2 * MOST_BYTES:
                sent += caller.socket.send(bytes(1 << 16))
        is_blocked.set()

    # Enough answers to fill all buffers on the way.
    with proxy(a=service(serve).port).connect() as caller:
        caller.send(ASK.format("") * 200 + ASK.format("large"))
        is_blocked.wait(0.5)
        assert sent < MOST_BYTES
        for _ in range(200):
            assert caller.answer().endswith(bytes(9))
        assert caller.head()
        assert is_blocked.wait(10)


def test_kept_bytes_go_before_newer_bytes(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    """One request follows a refused upgrade, and another arrives at the same moment."""
    may_refuse, has_refused = threading.Event(), threading.Event()

    def serve(caller: Caller, service: Service) -> None:
        if b"Upgrade" in caller.head():
            caller.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            assert may_refuse.wait(10)
            caller.send(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
            has_refused.set()
        else:
            caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        plain(caller, service)

    between = proxy(a=service(serve).port)
    with between.connect() as caller:
        caller.send(ASK.format("first"))
        caller.answer()
        caller.send(UPGRADE + ASK.format("second"))
        assert b" 103 " in caller.head()
        with between.stopped():
            may_refuse.set()
            assert has_refused.wait(10)
            caller.send(ASK.format("third"))
        assert b" 403 " in caller.answer()
        assert b"GET /second" in caller.answer()
        assert b"GET /third" in caller.answer()


def test_the_proxy_keeps_no_more_than_a_service_takes(
    service: Callable[..., Service],
    proxy: Callable[..., Proxy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The service starts when the proxy has kept more than a socket buffers."""
    monkeypatch.setattr(exchange_module, "HELD_BYTES", MOST_BYTES // 3)
    has_come, go_on = threading.Event(), threading.Event()

    class Soon(StackStatus):
        async def ask(self, target: "Target") -> UpstreamStatus:
            # Before that, the question may be about the replaced route.
            return UpstreamStatus(patience_s=0.0 if has_come.is_set() else 20.0)

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        has_come.set()
        go_on.wait(20)

    between = proxy(advice=Soon(), a=1)
    with between.connect() as caller:
        caller.send(POST.format(10 * MOST_BYTES))
        sent = caller.fill(bytes(1 << 16), MOST_BYTES)
        between.routes = [RouteInfo("a.localhost", service(serve).port)]
        assert has_come.wait(10)
        assert sent + caller.fill(bytes(1 << 16), MOST_BYTES) < MOST_BYTES
        go_on.set()
        assert b" 502 " in caller.head()


def test_an_early_answer_is_complete_despite_more_requests(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    may_end = threading.Event()

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.send(b"HTTP/1.1 200 OK\r\n\r\nan ")
        caller.exactly(5)
        assert may_end.wait(10)
        caller.send(b"answer")

    with proxy(a=service(serve).port).connect() as caller:
        caller.send(POST.format(5) + "he")
        assert b"Connection: close" in caller.head()
        caller.send("llo" + ASK.format("") * 3000)
        may_end.set()
        assert caller.rest() == b"3\r\nan \r\n6\r\nanswer\r\n0\r\n\r\n"


def test_an_early_answer_is_complete_despite_a_later_request(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    may_end = threading.Event()

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nan ")
        caller.exactly(5)
        assert may_end.wait(10)
        caller.send(b"answer")
        caller.rest()

    with proxy(a=service(serve).port).connect() as caller:
        caller.send(POST.format(5) + "he")
        assert b"Connection: close" in caller.head()
        caller.send("llo")
        may_end.set()
        assert caller.exactly(9) == b"an answer"
        # The connection has ended in order; these bytes would cause a reset.
        assert caller.socket.recv(1) == b""
        caller.send(ASK.format(""))
        caller.send(ASK.format(""))


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\nbody"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\nbody"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokbody"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * 2),
    ],
    ids=["head", "204", "304", "too much", "two"],
)
def test_bytes_after_an_answer_do_not_damage_it(
    service: Callable[..., Service], proxy: Callable[..., Proxy], method: str, answer: bytes
) -> None:
    behind = service(raw(answer, close=False))
    with proxy(a=behind.port).connect() as caller:
        for _ in range(3):
            caller.send(ASK.format("").replace("GET", method))
            head = caller.head()
            assert head.startswith(answer[:12])
            if b"200" in head and method == "GET":
                assert caller.exactly(2) == b"ok"
    # The proxy could take the extra bytes for the next answer.
    assert behind.connections == 3


def test_a_truncated_answer_ends_with_a_reset(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    """In HTTP/1.0 only the end of the connection ends this body."""
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe"
    found = proxy(a=service(raw(answer)).port).ask("GET / HTTP/1.0\r\nHost: a.localhost\r\n\r\n")
    assert found.endswith(b"<reset>")


def test_ignored_upgrades_are_answered_in_turn(proxy: Callable[..., Proxy]) -> None:
    ask = UPGRADE.replace("Upgrade: x", "Upgrade: h2c").replace("a.", "nobody.")
    with proxy().connect() as caller:
        caller.send(ask * 600)
        for _ in range(600):
            assert b" 404 " in caller.answer()
