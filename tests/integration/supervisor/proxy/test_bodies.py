"""The framing and the flow control of bodies."""

import threading
from collections.abc import Callable

import pytest

from tests.support.proxies import (
    Caller,
    Proxy,
    Service,
    raw,
)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Content-Length: 5", b"hello"),
        (b"Content-Length: 0", b""),
        (b"Transfer-Encoding: chunked", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
        (b"X: y", b"hello"),
    ],
    ids=["length", "empty", "chunked", "until the end"],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_bodies_pass_unchanged(
    service: Callable[..., Service],
    proxy: Callable[..., Proxy],
    head: bytes,
    body: bytes,
    version: str,
) -> None:
    behind = service(raw(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (head, body)))
    answer = proxy(a=behind.port).ask(
        f"GET / HTTP/{version}\r\nHost: a.localhost\r\nConnection: close\r\n\r\n"
    )
    head, _, found = answer.partition(b"\r\n\r\n")
    if b"chunked" in head:
        assert version == "1.1"
        found = unchunked(found)
    assert found == (b"hello" if body else b"")


def unchunked(body: bytes) -> bytes:
    whole = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        if not int(size, 16):
            return whole
        whole += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_answers_without_a_body_leave_the_connection_usable(
    service: Callable[..., Service], proxy: Callable[..., Proxy], answer: bytes
) -> None:
    def serve(caller: Caller, _: Service) -> None:
        while True:
            caller.head()
            caller.send(answer)

    behind = service(serve)
    with proxy(a=behind.port).connect() as caller:
        for _ in range(3):
            caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
            assert caller.head().startswith(answer[:12])
    assert behind.connections == 1


def test_an_answer_to_head_has_a_length_and_no_body(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    def serve(caller: Caller, _: Service) -> None:
        while caller.head():
            caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")

    behind = service(serve)
    with proxy(a=behind.port).connect() as caller:
        for _ in range(3):
            caller.send("HEAD / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
            assert b"Content-Length: 99" in caller.head()
    assert behind.connections == 1


def test_an_event_stream_is_passed_on_at_once(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    go_on = threading.Event()

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        caller.send(b"Transfer-Encoding: chunked\r\n\r\n")
        assert go_on.wait(10)
        caller.send(b"6\r\ndata: \r\n")
        caller.rest()

    with proxy(a=service(serve).port).connect() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        assert b"text/event-stream" in caller.head()
        go_on.set()
        assert caller.until(b"data: \r\n")


def test_a_request_body_is_passed_on_as_it_arrives(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    has_begun = threading.Event()

    def serve(caller: Caller, service: Service) -> None:
        caller.head()
        service.seen.append(caller.until(b"3\r\none\r\n"))
        has_begun.set()
        service.seen.append(caller.until(b"0\r\nX-Last: 1\r\n\r\n"))
        caller.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
        caller.send(b"2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n")

    with proxy(a=service(serve).port).connect() as caller:
        caller.send("POST / HTTP/1.1\r\nHost: a.localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        caller.send("3\r\none\r\n")
        assert has_begun.wait(10)
        caller.send("3;x=y\r\ntwo\r\n0\r\nX-Last: 1\r\nHost: x\r\n\r\n")
        assert caller.until(b"2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n")


def test_ten_megabytes_pass_in_both_directions(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    body = bytes(range(256)) * 40_000

    def serve(caller: Caller, _: Service) -> None:
        head = caller.head()
        size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        found = caller.exactly(size)
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        caller.send(found)

    with proxy(a=service(serve).port).connect() as caller:
        caller.send(f"POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: {len(body)}\r\n\r\n")
        caller.send(body)
        caller.head()
        assert caller.exactly(len(body)) == body


def test_a_slow_client_pauses_the_service(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    is_blocked = threading.Event()
    sent = 0

    def serve(caller: Caller, _: Service) -> None:
        nonlocal sent
        caller.head()
        caller.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        sent = caller.fill(bytes(1 << 16), 200 << 20)
        is_blocked.set()
        caller.send(b"end")

    with proxy(a=service(serve).port).connect() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        caller.head()
        assert is_blocked.wait(10)
        assert 0 < sent < 32 << 20
        assert caller.until(b"end\r\n0\r\n\r\n")


def test_a_slow_service_pauses_the_client(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    go_on = threading.Event()

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        assert go_on.wait(10)
        caller.until(b"end")
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with proxy(a=service(serve).port).connect() as caller:
        caller.send("POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 100000000\r\n\r\n")
        assert caller.fill(bytes(1 << 16), 100 << 20) < 32 << 20
        go_on.set()
        caller.send("end")
        assert caller.head().startswith(b"HTTP/1.1 200")


def test_a_client_that_expects_100_continue_gets_it(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    def serve(caller: Caller, _: Service) -> None:
        assert b"Expect: 100-continue" in caller.head()
        caller.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        assert caller.exactly(5) == b"hello"
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with proxy(a=service(serve).port).connect() as caller:
        head = "POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 5\r\nExpect: 100-continue"
        caller.send(f"{head}\r\n\r\n")
        assert caller.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert caller.head() == b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        caller.send("hello")
        assert caller.head().startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head", [b"Content-Length: 9", b"Transfer-Encoding: chunked"], ids=["length", "chunked"]
)
def test_a_truncated_answer_stays_truncated(
    service: Callable[..., Service], proxy: Callable[..., Proxy], head: bytes
) -> None:
    answer = b"HTTP/1.1 200 OK\r\n%b\r\n\r\n2\r\nhe" % head
    found = proxy(a=service(raw(answer)).port).get("a.localhost")
    assert found.startswith(b"HTTP/1.1 200 OK")
    assert not found.endswith(b"0\r\n\r\n")
