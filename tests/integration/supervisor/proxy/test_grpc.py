"""gRPC through the proxy: all four kinds of calls, with and without TLS."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.proxies import (
    Proxy,
    Service,
    raw,
    routes_to,
)

# The package has no type hints.
grpc: Any = pytest.importorskip("grpc")

MEGABYTE = b"x" * (1 << 20)
PATIENCE_S = 20


class Greeter:
    """A gRPC server whose messages are bytes.

    Attributes:
        server: The gRPC server.
        port: The port that it listens on.
        cancelled: Set when a caller has cancelled a call.
        metadata: The metadata of the last call.
    """

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self.go_on = threading.Event()
        self.metadata: dict[str, str | bytes] = {}
        self.server = grpc.server(ThreadPoolExecutor(8))
        handlers = {
            "Once": grpc.unary_unary_rpc_method_handler(self.once),
            "Many": grpc.unary_stream_rpc_method_handler(self.many),
            "Sum": grpc.stream_unary_rpc_method_handler(self.sum),
            "Echo": grpc.stream_stream_rpc_method_handler(self.echo),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "Hang": grpc.unary_stream_rpc_method_handler(self.hang),
        }
        generic = grpc.method_handlers_generic_handler("test.Greeter", handlers)
        self.server.add_generic_rpc_handlers((generic,))
        self.port: int = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def close(self, grace_s: float | None = None) -> Any:
        self.go_on.set()
        return self.server.stop(grace_s)

    def once(self, request: bytes, context: Any) -> bytes:
        self.metadata = dict(context.invocation_metadata())
        context.set_trailing_metadata((("x-last", "7"), ("x-raw-bin", b"\0\xff")))
        return request * 2

    def many(self, request: bytes, context: Any) -> Iterator[bytes]:
        for _ in range(int(request)):
            yield MEGABYTE

    def sum(self, requests: Iterator[bytes], context: Any) -> bytes:
        return str(sum(map(len, requests))).encode()

    def echo(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        yield from requests

    def fail(self, request: bytes, context: Any) -> bytes:
        context.abort(grpc.StatusCode.NOT_FOUND, "there is none: ü")
        raise AssertionError

    def hang(self, request: bytes, context: Any) -> Iterator[bytes]:
        context.add_callback(self.cancelled.set)
        yield b"begun"
        self.go_on.wait(PATIENCE_S)


@pytest.fixture
def sniffer() -> Iterator[Greeter]:
    made = Greeter()
    yield made
    made.close().wait()


def options(port: int) -> list[tuple[str, str | int]]:
    return [
        ("grpc.default_authority", f"a.localhost:{port}"),
        ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 0),
    ]


def plain_channel(port: int) -> Any:
    return grpc.insecure_channel(f"127.0.0.1:{port}", options(port))


@pytest.fixture(params=["plain", "tls"])
def channel(request: pytest.FixtureRequest, sniffer: Greeter, authority: Path) -> Iterator[Any]:
    """A channel through a proxy to the greeter."""
    if request.param == "plain":
        between = request.getfixturevalue("proxy_alone")(a=sniffer.port)
        made = plain_channel(between.port)
    else:
        between = request.getfixturevalue("tls_proxy")(a=sniffer.port)
        trusted = grpc.ssl_channel_credentials((authority / "ca.pem").read_bytes())
        more = [("grpc.ssl_target_name_override", "a.localhost")]
        made = grpc.secure_channel(
            f"127.0.0.1:{between.port}", trusted, [*options(between.port), *more]
        )
    with made:
        yield made


@pytest.fixture
def proxy_alone() -> Iterator[Callable[..., Proxy]]:
    made: list[Proxy] = []

    def start(**ports: int) -> Proxy:
        made.append(Proxy(routes_to(ports)))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_a_call_with_one_answer(channel: Any, sniffer: Greeter) -> None:
    once = channel.unary_unary("/test.Greeter/Once")
    for n in range(3):
        answer, call = once.with_call(b"%d" % n, metadata=[("x-mine", "1")], timeout=PATIENCE_S)
        assert answer == b"%d" % n * 2
        trailers = dict(call.trailing_metadata())
        assert (trailers["x-last"], trailers["x-raw-bin"]) == ("7", b"\0\xff")
    assert sniffer.metadata["x-mine"] == "1"
    assert str(sniffer.metadata["x-forwarded-host"]).startswith("a.localhost:")


def test_a_call_with_many_answers(channel: Any) -> None:
    found = list(channel.unary_stream("/test.Greeter/Many")(b"12", timeout=PATIENCE_S))
    assert found == [MEGABYTE] * 12


def test_a_call_with_many_requests(channel: Any) -> None:
    total = channel.stream_unary("/test.Greeter/Sum")
    assert total(iter([MEGABYTE] * 12), timeout=PATIENCE_S) == str(12 << 20).encode()
    assert total(iter([]), timeout=PATIENCE_S) == b"0"


def test_a_call_with_streams_in_both_directions(channel: Any) -> None:
    said: list[bytes] = []
    go_on = threading.Semaphore(0)

    def say() -> Iterator[bytes]:
        for n in range(20):
            said.append(b"%d" % n)
            yield said[-1]
            # The client sends the next message after the answer to this one.
            assert go_on.acquire(timeout=PATIENCE_S)

    for answer in channel.stream_stream("/test.Greeter/Echo")(say(), timeout=PATIENCE_S):
        assert answer == said[-1]
        go_on.release()
    assert len(said) == 20


def test_errors_pass_unchanged(channel: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/test.Greeter/Fail")(b"", timeout=PATIENCE_S)
    error: Any = caught.value
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "there is none: ü")
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/test.Greeter/None")(b"", timeout=PATIENCE_S)
    error = caught.value
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_cancelled_call_ends_at_the_server(channel: Any, sniffer: Greeter) -> None:
    call = channel.unary_stream("/test.Greeter/Hang")(b"", timeout=PATIENCE_S)
    assert next(call) == b"begun"
    call.cancel()
    assert sniffer.cancelled.wait(PATIENCE_S)


def test_a_deadline_ends_the_call(channel: Any, sniffer: Greeter) -> None:
    # The first call opens the connections.
    channel.unary_unary("/test.Greeter/Once")(b"", timeout=PATIENCE_S)
    call = channel.unary_stream("/test.Greeter/Hang")(b"", timeout=0.5)
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    error: Any = caught.value
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert sniffer.cancelled.wait(PATIENCE_S)


def test_calls_share_a_connection(channel: Any) -> None:
    echo = channel.stream_stream("/test.Greeter/Echo")

    def talk(n: int) -> list[bytes]:
        return list(echo(iter([b"%d" % n] * 50), timeout=PATIENCE_S))

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(talk, range(6))) == [[b"%d" % n] * 50 for n in range(6)]


def test_a_server_that_sent_goaway_still_answers(
    proxy_alone: Callable[..., Proxy], sniffer: Greeter
) -> None:
    with plain_channel(proxy_alone(a=sniffer.port).port) as channel:
        call = channel.unary_stream("/test.Greeter/Hang")(b"", timeout=PATIENCE_S)
        assert next(call) == b"begun"
        stopping = sniffer.server.stop(PATIENCE_S)
        sniffer.go_on.set()
        assert list(call) == []
        assert call.code() == grpc.StatusCode.OK
        stopping.wait(PATIENCE_S)


@pytest.mark.slow
def test_a_slow_reader_pauses_the_server(channel: Any) -> None:
    call = channel.unary_stream("/test.Greeter/Many")(b"64", timeout=PATIENCE_S)
    assert next(call) == MEGABYTE
    time.sleep(0.2)
    assert sum(1 for _ in call) == 63


def test_a_missing_server_is_unavailable(
    proxy_alone: Callable[..., Proxy], service: Callable[..., Service]
) -> None:
    gone = service()
    gone.close()
    for port, code in (
        (gone.port, grpc.StatusCode.UNAVAILABLE),
        # A server with HTTP/1.1 only answers for itself.
        (
            service(raw(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n")).port,
            grpc.StatusCode.UNIMPLEMENTED,
        ),
    ):
        with plain_channel(proxy_alone(a=port).port) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary("/test.Greeter/Once")(b"", timeout=PATIENCE_S)
            error: Any = caught.value
            assert error.code() == code


def test_the_error_page_names_http_2(proxy_alone: Callable[..., Proxy], sniffer: Greeter) -> None:
    between = proxy_alone(a=sniffer.port)
    for _ in range(2):
        answer = between.get("a.localhost")
        assert answer.startswith(b"HTTP/1.1 502 ")
        assert b"it was asked by HTTP/2, and has reset the request" in answer
