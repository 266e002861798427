"""Requests to services that speak HTTP/2 only."""

import sys
import threading
from collections.abc import Callable

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from tests.support.http2_client import StreamCaller
from tests.support.proxies import (
    Caller,
    Proxy,
    Service,
    plain,
    raw,
)

GRPC = ("content-type", "application/grpc+proto")


class Streaming:
    """A service that echoes each request by HTTP/2.

    Attributes:
        heads: The heads of requests.
        resets: Counts reset streams.
    """

    def __init__(self) -> None:
        self.heads: list[dict[bytes, bytes]] = []
        self.resets = threading.Semaphore(0)

    def __call__(self, caller: Caller, _: Service) -> None:
        h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        h2.initiate_connection()
        bodies: dict[int, bytes] = {}
        paths: dict[int, bytes] = {}
        while True:
            caller.socket.sendall(h2.data_to_send())
            data = caller.socket.recv(65_536)
            if not data:
                return
            try:
                events = h2.receive_data(data)
            except ProtocolError:
                # The bytes are HTTP/1.1.
                return
            for event in events:
                number = getattr(event, "stream_id", 0)
                match event:
                    case RequestReceived():
                        head = {bytes(name): bytes(text) for name, text in event.headers}
                        self.heads.append(head)
                        bodies[number], paths[number] = b"", head[b":path"]
                    case DataReceived():
                        bodies[number] += event.data or b""
                        h2.acknowledge_received_data(event.flow_controlled_length or 0, number)
                    case TrailersReceived():
                        bodies[number] += repr(event.headers).encode()
                    case StreamReset():
                        self.resets.release()
                    case StreamEnded():
                        is_head = self.heads[-1][b":method"] == b"HEAD"
                        path = b"/head-alone" if is_head else paths[number]
                        self.answer(h2, number, path, bodies[number])
                    case _:
                        pass

    def answer(self, h2: H2Connection, number: int, path: bytes, body: bytes) -> None:
        """Answer by the path.

        Args:
            h2: The library's state of the connection.
            number: The stream number.
            path: The path of the request.
            body: The body of the request.
        """
        head = [(b":status", b"200"), (b"x-path", path)]
        match path:
            case b"/head-alone":
                h2.send_headers(number, [*head, (b"grpc-status", b"0")], end_stream=True)
            case b"/damaged":
                h2.config.validate_outbound_headers = False
                h2.config.normalize_outbound_headers = False
                h2.send_headers(number, [*head, (b"x", b"a\r\ny: b")], end_stream=True)
            case b"/silent":
                h2.send_headers(number, head)
            case _:
                h2.send_headers(number, head)
                h2.send_data(number, (body or path)[:16_384])
                h2.send_headers(number, [(b"x-last", b"8")], end_stream=True)


def test_a_grpc_call_goes_by_http_2_with_trailers(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    streaming = Streaming()
    behind = service(streaming)
    between = proxy(a=behind.port)
    with StreamCaller(between.port, None) as caller:
        for n in range(3):
            fields = (GRPC, ("te", "trailers"), ("grpc-timeout", "1S"))
            number = caller.ask(f"/{n}", *fields, method="POST", body=b"hello")
            found = caller.answer(number)
            assert (found.status, found.body, found.trailers) == (200, b"hello", {"x-last": "8"})
            assert (found.fields["x-path"], found.fields["x-portweave"]) == (f"/{n}", "1")
    assert behind.connections == 1
    head = streaming.heads[-1]
    assert head[b":authority"] == head[b"x-forwarded-host"] == b"a.localhost"
    assert (head[b":scheme"], head[b"te"], head[b"grpc-timeout"]) == (b"http", b"trailers", b"1S")


def test_an_answer_without_a_body_ends_with_its_head(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    """A gRPC answer without a message has its status in the head."""
    between = proxy(a=service(Streaming()).port)
    with StreamCaller(between.port, None) as caller:
        number = caller.ask("/head-alone", GRPC, method="POST", body=b"")
        events: list[Event] = []
        while not caller.answers[number].is_ended:
            events = caller.read()
        names = [type(event).__name__ for event in events]
        assert "DataReceived" not in names
        assert names.index("StreamEnded") == names.index("ResponseReceived") + 1
        assert caller.answers[number].fields["grpc-status"] == "0"


def test_other_requests_also_go_by_http_2_if_the_service_speaks_nothing_else(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    behind = service(Streaming())
    between = proxy(a=behind.port)
    for n in range(2):
        answer = between.get("a.localhost", f"/{n}")
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(f"/{n}\r\n0\r\nx-last: 8\r\n\r\n".encode())
    # The proxy found it out once; all later requests share a connection.
    assert behind.connections == 2
    post = "POST /x HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 2\r\n\r\nok"
    with between.connect() as caller:
        for _ in range(2):
            caller.send(post)
            assert b"\r\nok\r\n" in caller.until(b"x-last: 8\r\n\r\n")
        caller.send("HEAD /x HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        assert caller.head().startswith(b"HTTP/1.1 200 ")
    with StreamCaller(between.port, None) as streams:
        assert streams.answer(streams.ask("/y")).body == b"/y"


@pytest.mark.parametrize(
    "body",
    [
        "Content-Length: 0\r\n\r\n",
        "Content-Length: 4\r\n\r\nbody",
        f"Content-Length: 200000\r\n\r\n{'x' * 200_000}",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-end: 7\r\n\r\n",
    ],
    ids=["empty", "short", "long", "chunked"],
)
def test_the_first_request_may_have_a_body(
    service: Callable[..., Service], proxy: Callable[..., Proxy], body: str
) -> None:
    streaming = Streaming()
    between = proxy(a=service(streaming).port)
    with between.connect() as caller:
        caller.send(f"POST /x HTTP/1.1\r\nHost: a.localhost\r\n{body}")
        assert caller.head().startswith(b"HTTP/1.1 200 ")
        answer = caller.until(b"x-last: 8\r\n\r\n")
    assert b"x" * 16_384 in answer or b"body" in answer or b"/x" in answer
    assert (b"x-end" in answer) == ("x-end" in body)
    assert len(streaming.heads) == 1


def test_a_request_that_the_service_did_not_process_is_sent_again(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    """RFC 9113, section 8.7: this holds for unsafe methods, too."""

    class Refusing(Streaming):
        def answer(self, h2: H2Connection, number: int, path: bytes, body: bytes) -> None:
            if len(self.heads) == 1:
                h2.reset_stream(number, ErrorCodes.REFUSED_STREAM)
            elif path == b"/again":
                h2.reset_stream(number, ErrorCodes.CANCEL)
            else:
                super().answer(h2, number, path, body)

    streaming = Refusing()
    between = proxy(a=service(streaming).port)
    with StreamCaller(between.port, None) as caller:
        assert caller.answer(caller.ask("/", GRPC, method="POST", body=b"hello")).body == b"hello"
        assert caller.answer(caller.ask("/again", GRPC, method="POST", body=b"x")).status == 502
    assert len(streaming.heads) == 3


def test_a_field_that_is_invalid_in_http_1_is_a_bad_answer(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    between = proxy(a=service(Streaming()).port)
    assert between.get("a.localhost").startswith(b"HTTP/1.1 200 ")
    assert between.get("a.localhost", "/damaged").startswith(b"HTTP/1.1 502 ")
    assert between.get("a.localhost").startswith(b"HTTP/1.1 200 ")


def test_a_client_that_disconnects_resets_the_stream(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    streaming = Streaming()
    between = proxy(a=service(streaming).port)
    with StreamCaller(between.port, None) as caller:
        caller.head(caller.ask("/silent", GRPC, method="POST", body=b""))
    assert streaming.resets.acquire(timeout=10)
    with StreamCaller(between.port, None) as caller:
        assert caller.answer(caller.ask("/x", GRPC, method="POST", body=b"")).status == 200


@pytest.mark.parametrize("body_bytes", [0, 300_000])
def test_a_service_with_http_1_gets_the_grpc_call_by_http_1(
    service: Callable[..., Service], proxy: Callable[..., Proxy], body_bytes: int
) -> None:
    def serve(caller: Caller, service: Service) -> None:
        if (head := caller.head()).startswith(b"PRI "):
            caller.send(b"HTTP/1.1 505 X\r\nConnection: close\r\n\r\n")
            return
        service.seen.append(head + caller.until(b"\r\n0\r\n\r\n"))
        caller.send(b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\n\r\nok")

    behind = service(serve)
    between = proxy(a=behind.port)
    with StreamCaller(between.port, None) as caller:
        found = caller.answer(caller.ask("/", GRPC, method="POST", body=b"x" * (1 + body_bytes)))
        assert (found.status, found.body) == (200, b"ok")
    assert behind.seen[0].count(b"x") > body_bytes


def test_grpc_web_goes_by_http_1(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    behind = service(plain)
    between = proxy(a=behind.port)
    with StreamCaller(between.port, None) as caller:
        kind = ("content-type", "application/grpc-web")
        assert caller.answer(caller.ask("/", kind, method="POST", body=b"x")).status == 200
    assert behind.connections == 1


def test_a_service_that_restarts_with_http_1_gets_http_1_again(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    between = proxy(a=service().port)
    between.server.pool.only_streams.add(between.routes[0].port)
    assert between.get("a.localhost").startswith(b"HTTP/1.1 200 ")
    assert between.server.pool.only_streams == set()


def test_the_error_page_names_the_missing_library(
    service: Callable[..., Service], proxy: Callable[..., Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "portweave.supervisor.proxy.http.http2_backend", None)
    behind = service(raw(b"\0\0\0\x04\0\0\0\0\0"))
    answer = proxy(a=behind.port).get("a.localhost")
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"portweave[tls]" in answer
