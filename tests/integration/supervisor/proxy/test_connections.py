"""The reuse and the end of connections."""

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from portweave.supervisor.proxy.http import frontend as client_module
from portweave.supervisor.proxy.http import proxy_server as server_module
from tests.support.proxies import (
    Caller,
    Held,
    Proxy,
    Service,
    Silent,
    raw,
)


def test_a_safe_request_is_sent_again_on_a_closed_connection(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    """The service closes a connection at the moment of its reuse."""

    def serve(caller: Caller, service: Service) -> None:
        service.seen.append(caller.head())
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        caller.head()  # and no answer

    behind = service(serve)
    with proxy(a=behind.port).connect() as caller:
        for _ in range(3):
            caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
            assert b" 200 " in caller.answer()
    assert len(behind.seen) == behind.connections == 3


def test_an_unsafe_request_gets_a_new_connection(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    behind = service()
    with proxy(a=behind.port).connect() as caller:
        for _ in range(3):
            caller.send("POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 1\r\n\r\nx")
            assert b" 200 " in caller.answer()
    assert behind.connections == 3


def test_unsolicited_bytes_are_not_an_answer(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    """An answer that arrives early does not belong to the next request."""

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        )
        caller.rest()

    between = proxy(a=service(serve).port)
    for _ in range(3):
        assert b"evil" not in between.get("a.localhost")


def test_a_client_that_disconnects_cancels_its_request(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    silent = Silent()
    with proxy(a=service(silent).port).connect() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        assert silent.has_come.wait(10)
    assert silent.is_over.wait(10)


def test_slow_and_silent_clients_time_out(
    proxy: Callable[..., Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SWEEP_S", 0.02)
    monkeypatch.setattr(client_module, "HEAD_S", 0.1)
    monkeypatch.setattr(client_module, "IDLE_S", 0.2)
    between = proxy()
    with between.connect() as slow, between.connect() as silent:
        slow.send("GET / HTTP/1.1\r\n")
        assert b" 408 " in slow.rest()
        assert silent.rest() == b""


def test_a_closing_proxy_finishes_open_requests(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    held = Held()
    between = proxy(a=service(held).port)
    with between.connect() as busy, between.connect() as idle:
        busy.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        assert held.has_come.wait(10)
        wait = between.begin_close()
        assert idle.rest() == b""
        held.go_on.set()
        assert busy.rest().endswith(b"ok")
        wait()
    with pytest.raises(ConnectionRefusedError):
        between.connect()


def test_a_closing_proxy_answers_connections_in_its_queue(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    between = proxy(a=service().port)
    with ExitStack() as stack:
        with between.stopped():
            callers = [stack.enter_context(between.connect()) for _ in range(200)]
            silent = stack.enter_context(between.connect())
            for caller, name in zip(callers, "abbbb" * 40, strict=True):
                caller.send(f"GET / HTTP/1.1\r\nHost: {name}.localhost\r\n\r\n")
            wait = between.begin_close()
        statuses = [caller.rest()[9:12] for caller in callers]
        assert statuses == [b"200", b"404", b"404", b"404", b"404"] * 40
        # An orderly close, not a reset.
        assert silent.rest() == b""
        wait()
    with pytest.raises(ConnectionRefusedError):
        between.connect()


def test_a_closing_proxy_has_a_deadline(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    between = proxy(a=service(raw(b"", close=False)).port)
    with between.connect() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        between.begin_close(0.05)()
        assert caller.rest() in (b"", b"<reset>")
