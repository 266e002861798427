"""HTTP/2: who reads slowly, who asks for too much, and the end."""

import threading
from collections.abc import Callable

from h2.errors import ErrorCodes

from portweave.supervisor.proxy.stream import HIGH_BYTES
from tests.proxies import Caller, Held, Service
from tests.secureproxies import Secure


def test_who_reads_slowly_has_the_service_wait(
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
        # Nobody else waits for it.
        assert other.answer(other.ask()).status == 200


def test_who_reads_slowly_leaves_a_connection_that_can_be_used(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    # The first window, what may wait for the next, and a little more: at its end it has to wait.
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


def test_a_service_that_takes_nothing_has_the_client_wait(
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


def test_streams_under_way_are_finished_at_the_end(
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
        # Our library takes nothing any more from one that has said farewell.
        data, farewell, rest = data.partition(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0")
        assert farewell
        caller.take(data + rest)
        assert caller.answers[number].is_ended
        caller.socket.close()
        wait()


def test_who_only_resets_has_to_go(
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


def test_who_only_pings_has_to_go(tls_proxy: Callable[..., Secure]) -> None:
    with tls_proxy().streams() as caller:

        def ping() -> None:
            caller.h2.ping(b"12345678")
            caller.flush()

        assert caller.overdo(ping, 3000) in (ErrorCodes.ENHANCE_YOUR_CALM, -1)


def test_a_client_may_not_have_too_many_streams(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.rest()

    with tls_proxy(a=service(serve).port).streams() as caller:
        caller.h2.remote_settings.max_concurrent_streams = 1000
        assert caller.overdo(caller.ask, 200) != 0
