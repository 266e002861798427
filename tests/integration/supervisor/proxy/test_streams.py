"""HTTP/2: requests and answers on a shared connection."""

import re
import threading
from collections.abc import Callable

import pytest
from h2.errors import ErrorCodes

from tests.support.https_proxies import (
    Secure,
    echo,
)
from tests.support.proxies import (
    Caller,
    Service,
    raw,
)


def test_requests_share_a_connection(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    a, b = service(), service()
    between = tls_proxy(a=a.port, b=b.port)
    with between.streams() as caller:
        numbers = [caller.ask(f"/{n}", ("cookie", "x=1"), ("cookie", "y=2")) for n in range(30)]
        for n, number in enumerate(numbers):
            found = caller.answer(number)
            assert found.status == 200
            assert found.fields["x-portweave"] == "1"
            assert f"GET /{n} HTTP/1.1\r\nHost: a.localhost\r\n".encode() in found.body
            assert b"\r\ncookie: x=1; y=2\r\n" in found.body
            assert b"X-Forwarded-Proto: https\r\n" in found.body


def test_error_pages_go_by_http_2(tls_proxy: Callable[..., Secure]) -> None:
    with tls_proxy(b=9).streams() as caller:
        found = caller.answer(caller.ask("/", ("accept", "text/html")))
        assert found.status == 404
        assert b"https://b.localhost:" in found.body
        head = caller.answer(caller.ask("/", method="HEAD"))
        assert (head.status, head.body) == (404, b"")


def test_a_body_of_unknown_length_is_chunked(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    def serve(caller: Caller, service: Service) -> None:
        service.seen.append(caller.head())
        service.seen.append(caller.until(b"\r\n0\r\nx-sum: 7\r\n\r\n"))
        caller.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        caller.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: X-Mine\r\n")
        caller.send(b"X-Mine: 1\r\nKeep-Alive: 5\r\n\r\n2\r\nok\r\n0\r\nX-Last: 8\r\n\r\n")

    behind = service(serve)
    with tls_proxy(a=behind.port).streams() as caller:
        number = caller.ask("/", method="POST", body=b"hello", trailers={"x-sum": "7"})
        found = caller.answer(number)
    assert b"Transfer-Encoding: chunked\r\n" in behind.seen[0]
    assert behind.seen[1] == b"5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n"
    assert (found.interim, found.status, found.body) == ([100], 200, b"ok")
    assert found.trailers == {"x-last": "8"}
    assert not found.fields.keys() & {"x-mine", "keep-alive", "connection", "transfer-encoding"}


def test_an_empty_frame_is_not_the_end_of_a_body(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    """Otherwise the service would take the following bytes for the next request."""
    behind = service()
    with tls_proxy(a=behind.port).streams() as caller:
        number = caller.ask(method="POST", end=False)
        for data in (b"", b"hello", b"", b" you"):
            caller.h2.send_data(number, data)
            caller.flush()
        # Browsers do so, too.
        caller.h2.send_data(number, b"", end_stream=True)
        caller.flush()
        body = caller.answer(number).body.partition(b"\r\n\r\n")[2]
        assert body.count(b"\r\n0\r\n\r\n") == 1
        assert re.sub(rb"\w+\r\n(.*?)\r\n", rb"\1", body) == b"hello you"
        assert caller.answer(caller.ask("/next")).body.startswith(b"GET /next ")
    assert len(behind.seen) == 2
    assert behind.connections == 1


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body_are_complete(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure], status: int
) -> None:
    with tls_proxy(a=service(raw(b"HTTP/1.1 %d X\r\n\r\n" % status)).port).streams() as caller:
        found = caller.answer(caller.ask())
        assert (found.status, found.body, found.is_ended) == (status, b"", True)


def test_megabytes_pass_in_both_directions_by_http_2(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    body = bytes(range(256)) * 10_000
    behind = service(echo)
    with tls_proxy(a=behind.port).streams() as caller:
        length = ("content-length", str(len(body)))
        found = caller.answer(caller.ask("/", length, method="POST", body=body))
        assert found.body == body
    assert b"chunked" not in behind.seen[0]


def test_an_event_stream_is_passed_on_at_once(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    go_on = threading.Event()

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        assert go_on.wait(10)
        caller.send(b"data: 1\n\n")
        caller.rest()

    with tls_proxy(a=service(serve).port).streams() as caller:
        number = caller.ask()
        assert caller.head(number).fields["content-type"] == "text/event-stream"
        go_on.set()
        assert caller.body(number, 9) == b"data: 1\n\n"


def test_a_client_that_cancels_ends_the_request(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    has_ended = threading.Event()

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.send(b"HTTP/1.1 200 OK\r\n\r\nx")
        caller.rest()
        has_ended.set()

    with tls_proxy(a=service(serve).port, b=service().port).streams() as caller:
        number = caller.ask()
        caller.body(number, 1)
        caller.h2.reset_stream(number, ErrorCodes.CANCEL)
        caller.flush()
        assert has_ended.wait(10)


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"", 502), (b"nonsense\r\n\r\n", 502), (b"HTTP/1.1 101 X\r\nUpgrade: y\r\n\r\n", 502)],
)
def test_an_invalid_answer_gives_an_error_page(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure], answer: bytes, status: int
) -> None:
    with tls_proxy(a=service(raw(answer)).port).streams() as caller:
        assert caller.answer(caller.ask("/", method="POST", body=b"")).status == status


def test_a_truncated_answer_resets_the_stream(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    half = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    with tls_proxy(a=service(half).port).streams() as caller:
        found = caller.answer(caller.ask())
        assert (found.status, found.code) == (200, ErrorCodes.INTERNAL_ERROR)
        assert caller.answer(caller.ask()).code == ErrorCodes.INTERNAL_ERROR


def test_an_early_answer_stops_the_rest_of_the_request(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    early = raw(b"HTTP/1.1 413 X\r\nContent-Length: 4\r\n\r\nlate")
    with tls_proxy(a=service(early).port).streams() as caller:
        number = caller.ask("/", method="POST", end=False)
        found = caller.answer(number)
        while found.code is None:
            caller.read()
        assert (found.status, found.body, found.code) == (413, b"late", 0)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/a b", ()),
        ("/a\u007f", ()),
        ("x", ()),
        ("/", (("x(y", "z"),)),
        ("/#x", ()),
    ],
)
def test_a_request_that_is_invalid_in_http_1_is_refused(
    service: Callable[..., Service],
    tls_proxy: Callable[..., Secure],
    path: str,
    fields: tuple[tuple[str, str], ...],
) -> None:
    behind = service()
    with tls_proxy(a=behind.port).streams() as caller:
        caller.h2.config.validate_outbound_headers = False
        caller.h2.config.normalize_outbound_headers = False
        assert caller.answer(caller.ask(path, *fields)).status == 400
    assert behind.connections == 0
