"""Connections: which are used again, and how they end."""

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


def test_a_request_that_may_be_sent_twice_is(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    """Its service ends a connection in the very moment that it is used again."""

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


def test_one_that_may_not_gets_a_connection_of_its_own(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    behind = service()
    with proxy(a=behind.port).connect() as caller:
        for _ in range(3):
            caller.send("POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 1\r\n\r\nx")
            assert b" 200 " in caller.answer()
    assert behind.connections == 3


def test_what_nobody_asked_for_is_no_answer(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    """An answer that lies ready is not that of the next request."""

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


def test_a_client_that_leaves_takes_its_request_back(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    silent = Silent()
    with proxy(a=service(silent).port).connect() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        assert silent.has_come.wait(10)
    assert silent.is_over.wait(10)


def test_slow_and_silent_clients_are_not_waited_for(
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


def test_a_proxy_that_ends_finishes_what_it_has_begun(
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


def test_a_proxy_that_ends_answers_those_that_wait_to_come_in(
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
        # A clean end, not a reset.
        assert silent.rest() == b""
        wait()
    with pytest.raises(ConnectionRefusedError):
        between.connect()


def test_a_proxy_that_ends_does_not_wait_for_ever(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    between = proxy(a=service(raw(b"", close=False)).port)
    with between.connect() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        between.begin_close(0.05)()
        assert caller.rest() in (b"", b"<reset>")
