"""HTTP/2: slow readers, limits, and the end of connections."""

import threading
from collections.abc import Callable

import pytest
from h2.errors import ErrorCodes

from portweave.supervisor.proxy.http.head_limits import HEAD_BYTES
from portweave.supervisor.proxy.http.http2_outbox import HIGH_BYTES
from tests.support.http2_client import StreamCaller
from tests.support.https_proxies import Secure
from tests.support.proxies import (
    Caller,
    Held,
    Proxy,
    Service,
    Silent,
)


def test_a_slow_client_pauses_the_service(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    is_blocked = threading.Event()
    total = 64 << 20

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        caller.socket.settimeout(0.3)
        sent, piece = 0, b"x" * 65_536
        while sent < total:
            try:
                sent += caller.socket.send(piece)
            except TimeoutError:
                is_blocked.set()
                caller.socket.settimeout(10)

    between = tls_proxy(a=service(serve).port, b=service().port)
    with between.streams(reads=False) as slow, between.streams("b.localhost") as other:
        number = slow.ask()
        slow.body(number, 65_535)
        assert is_blocked.wait(10)
        # Other streams do not wait for it.
        assert other.answer(other.ask()).status == 200


def test_a_slow_client_leaves_a_usable_connection(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    # The first window, the queue, and a little more, so that the service has to wait at the end.
    body = b"x" * (65_535 + HIGH_BYTES + 1)

    def serve(caller: Caller, _: Service) -> None:
        while caller.head():
            caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
            caller.send(body)

    behind = service(serve)
    between = tls_proxy(a=behind.port)
    with between.streams(reads=False) as slow, between.streams() as other:
        slow.body(slow.ask(), 65_535)
        for _ in range(3):
            assert other.answer(other.ask()).body == body
    assert behind.connections <= 2


def test_a_service_that_reads_nothing_pauses_the_client(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    go_on = threading.Event()

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        assert go_on.wait(10)
        while caller.socket.recv(65_536):
            pass

    between = tls_proxy(a=service(serve).port, b=service().port)
    with between.streams() as caller:
        number = caller.ask("/", method="POST", end=False)
        caller.socket.settimeout(0.5)
        sent = 0
        try:
            while sent < 64 << 20:
                caller.send(number, b"x" * 65_536)
                sent += 65_536
        except TimeoutError:
            pass
        assert sent < 32 << 20
        caller.socket.settimeout(10)
        go_on.set()


def test_a_closing_proxy_finishes_open_streams(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    held = Held()
    between = tls_proxy(a=service(held).port)
    with between.streams() as caller, between.streams() as idle:
        number = caller.ask()
        assert held.has_come.wait(10)
        wait = between.begin_close()
        assert idle.until_end() == 0
        idle.socket.close()
        held.go_on.set()
        data = b""
        while not data.endswith(b"ok"):
            data += caller.socket.recv(65_536)
        # The test's library reads nothing after a GOAWAY.
        data, order, rest = data.partition(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0")
        assert order
        caller.take(data + rest)
        assert caller.answers[number].is_ended
        caller.socket.close()
        wait()


def test_a_client_that_only_resets_streams_is_disconnected(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    between = tls_proxy(a=service().port)
    with between.streams() as caller:

        def ask_and_cancel() -> None:
            caller.h2.reset_stream(caller.ask(), ErrorCodes.CANCEL)
            caller.flush()

        assert caller.overdo(ask_and_cancel, 3000) in (ErrorCodes.ENHANCE_YOUR_CALM, -1)
    with between.streams() as caller:
        assert caller.answer(caller.ask()).status == 200


def test_a_client_that_only_pings_is_disconnected(tls_proxy: Callable[..., Secure]) -> None:
    with tls_proxy().streams() as caller:

        def ping() -> None:
            caller.h2.ping(b"12345678")
            caller.flush()

        assert caller.overdo(ping, 3000) in (ErrorCodes.ENHANCE_YOUR_CALM, -1)


def test_the_number_of_streams_is_limited(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.rest()

    with tls_proxy(a=service(serve).port).streams() as caller:
        caller.h2.remote_settings.max_concurrent_streams = 1000
        assert caller.overdo(caller.ask, 200) != 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("count", [17, 220])
def test_a_long_head_is_refused_on_its_stream(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure], method: str, count: int
) -> None:
    behind = service()
    with tls_proxy(a=behind.port).streams() as caller:
        before = caller.ask("/1", ("x-known", "to the table"))
        body = b"hello" if method == "POST" else None
        fields = [("x-long", "a" * 4000)] * count
        long = caller.ask("/2", *fields, ("x-late", "1"), method=method, body=body)
        found = caller.answer(long)
        assert (found.status, bool(found.body)) == (431, method != "HEAD")
        assert caller.answer(before).status == 200
        # The compression tables agree: this head refers to entries of the long one.
        after = caller.answer(caller.ask("/3", ("x-known", "to the table"), ("x-late", "1")))
        assert b"\r\nx-known: to the table\r\nx-late: 1\r\n" in after.body
    assert len(behind.seen) == 2


def test_trailers_may_be_too_long(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    silent = Silent()
    with tls_proxy(a=service(silent).port, b=service().port).streams() as caller:
        trailers = {f"x-{n}": "7" * 4000 for n in range(17)}
        long = caller.ask(method="POST", body=b"hello", trailers=trailers)
        assert caller.answer(long).status == 431
        assert silent.is_over.wait(10)
        assert caller.end is None


def test_the_limits_of_heads_are_the_same_for_all_protocols(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure], proxy: Callable[..., Proxy]
) -> None:
    behind = service()
    secure, plain = tls_proxy(a=behind.port), proxy(a=behind.port)
    fields = [(f"x-{n}", "a" * 4000) for n in range(16)]
    head = "GET / HTTP/1.1\r\nhost: a.localhost\r\n"
    head += "".join(f"{name}: {text}\r\n" for name, text in fields)
    for size, status in ((HEAD_BYTES, 200), (HEAD_BYTES + 1, 431)):
        last = "a" * (size - len(head) - len("x: \r\n\r\n"))
        for caller in (plain.connect(), secure.secure()):
            with caller:
                caller.send(f"{head}x: {last}\r\n\r\n")
                assert caller.answer().startswith(f"HTTP/1.1 {status} ".encode())
        for streams in (secure.streams(), StreamCaller(plain.port, None)):
            with streams:
                number = streams.ask("/", *fields, ("x", last))
                assert streams.answer(number).status == status
