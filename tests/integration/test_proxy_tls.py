"""The proxy with HTTPS: certificates by name, both versions of HTTP, and plain ones sent there."""

import asyncio
import base64
import hashlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portweave.routes import AuthorityError, RouteInfo, TlsMissingError, create_proxy_server
from portweave.supervisor.proxy import authority as authority_module
from portweave.supervisor.proxy import door as door_module
from portweave.supervisor.proxy import secure as secure_module
from portweave.supervisor.proxy import server as server_module
from portweave.supervisor.proxy.secure import Identities
from portweave.supervisor.proxy.stream import HIGH_BYTES
from tests.proxies import PATIENCE_S, Caller, Held, Proxy, Service, plain, raw
from tests.streams import Answer, StreamCaller, trusting

Serve = Callable[[Caller, Service], object]
Start = Callable[..., Service]
REFUSED, CANCEL, CALM, INTERNAL = 7, 8, 11, 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("authority")


@pytest.fixture
def service() -> Iterator[Start]:
    """Start services: `service(plain)`."""
    made: list[Service] = []

    def start(serve: Serve = plain) -> Service:
        made.append(Service(serve, "127.0.0.1"))
        return made[-1]

    yield start
    for one in made:
        one.close()


class Secure(Proxy):
    """A proxy that speaks HTTPS.

    Attributes:
        identities: Its certificates.
    """

    def __init__(self, folder: Path, routes: list[RouteInfo]) -> None:
        self.identities = Identities(str(folder))
        self._authority = str(folder / "ca.pem")
        super().__init__(routes, identities=self.identities)

    def secure(self, host: str = "a.localhost") -> Caller:
        """A connection that speaks HTTP/1.1 over TLS."""
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        taken = trusting(self._authority, "http/1.1").wrap_socket(plain, server_hostname=host)
        return Caller(taken=taken)

    def streams(self, host: str = "a.localhost", *, reads: bool = True) -> StreamCaller:
        """A connection that speaks HTTP/2."""
        return StreamCaller(self.port, trusting(self._authority, "h2"), host, reads=reads)


@pytest.fixture
def proxy(folder: Path) -> Iterator[Callable[..., Secure]]:
    """Start proxies: `proxy(a=service.port)` has the route a.localhost."""
    made: list[Secure] = []

    def start(**ports: int) -> Secure:
        routes = [RouteInfo(f"{name}.localhost", port) for name, port in ports.items()]
        made.append(Secure(folder, routes))
        return made[-1]

    yield start
    for one in made:
        one.close()


def websocket(caller: Caller, service: Service) -> None:
    """Agrees to a WebSocket, and says everything twice."""
    head = caller.head()
    service.seen.append(head)
    key = re.search(rb"(?i)sec-websocket-key: (.*)\r\n", head)
    assert key
    digest = hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()  # noqa: S324
    caller.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket")
    caller.send(b"\r\nSec-WebSocket-Accept: %b\r\n\r\n" % base64.b64encode(digest))
    while data := caller.socket.recv(65_536):
        caller.send(data + data)
    caller.send(b"bye")


# The door


@pytest.mark.parametrize("name", ["a.localhost", "x.y.z.localhost", "localhost"])
def test_each_name_has_a_certificate(proxy: Callable[..., Secure], name: str) -> None:
    with proxy().secure(name) as caller:
        assert isinstance(caller.socket, ssl.SSLSocket)
        found = caller.socket.getpeercert()
        assert found
        names = [pair[1] for pair in found["subjectAltName"]]
        assert names[0] == name
        if name == "localhost":
            assert names[1:3] == ["*.localhost", "127.0.0.1"]


def test_addresses_have_one_too(proxy: Callable[..., Secure]) -> None:
    proxy().secure("127.0.0.1").close()


def test_what_is_not_ours_gets_no_certificate(proxy: Callable[..., Secure]) -> None:
    for name in ("bank.example", "x_y.localhost"):
        with pytest.raises(ssl.SSLCertVerificationError):
            proxy().secure(name)


def test_names_do_not_pile_up(
    proxy: Callable[..., Secure], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secure_module, "MOST_NAMES", 5)
    between = proxy()
    for n in range(9):
        between.secure(f"n{n}.localhost").close()
    assert len(between.identities) == 5


def test_another_authority_is_followed(tmp_path: Path) -> None:
    between = Secure(tmp_path, [])
    try:
        first = between.secure()
        (tmp_path / "ca.pem").unlink()
        (tmp_path / "ca-key.pem").unlink()
        Identities(str(tmp_path))
        second = between.secure()
        first.close()
        second.close()
    finally:
        between.close()


def hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    client = context.wrap_bio(incoming, outgoing, server_hostname="a.localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("size", [1, 2, 5, 6, 100, 10_000])
def test_tls_is_told_however_its_bytes_come(proxy: Callable[..., Secure], size: int) -> None:
    between, data = proxy(), hello()
    with between.connect() as caller:
        caller.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), size):
            caller.send(data[start : start + size])
        # A handshake record, version 1.2 as all have it, with a ServerHello.
        assert caller.exactly(6)[:3] == b"\x16\x03\x03"


@pytest.mark.parametrize("first", [b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\x16" * 400, b"\x80"])
def test_what_only_looks_like_tls_is_let_go(proxy: Callable[..., Secure], first: bytes) -> None:
    between = proxy()
    with between.connect() as caller:
        caller.send(first)
        caller.socket.shutdown(socket.SHUT_WR)
        caller.rest()
    between.secure().close()


@pytest.mark.parametrize("said", [b"", hello()[:100]], ids=["nothing", "half a greeting"])
def test_who_says_nothing_is_let_go(
    proxy: Callable[..., Secure], monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(server_module, "SWEEP_S", 0.02)
    monkeypatch.setattr(door_module, "SILENT_S", 0.0)
    monkeypatch.setattr(door_module, "HANDSHAKE_S", 0.05)
    with proxy().connect() as caller:
        caller.send(said)
        assert caller.rest() in (b"", b"<reset>")


def test_of_too_many_the_one_that_has_been_idle_for_longest_goes(
    service: Start, proxy: Callable[..., Secure], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "MOST_SECURE", 2)
    held = Held()
    between = proxy(a=service(held).port)
    with between.secure() as busy, between.secure() as idle:
        busy.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        assert held.has_come.wait(10)
        with between.secure() as third:
            assert idle.rest() in (b"", b"<reset>")
            third.send("GET / HTTP/1.1\r\nHost: b.localhost\r\n\r\n")
            assert b" 404 " in third.answer()
        held.go_on.set()
        assert busy.answer().endswith(b"ok")


# Plain HTTP


@pytest.mark.parametrize(
    ("request_line", "host", "location"),
    [
        ("GET /x?y", "a.localhost:{port}", "https://a.localhost:{port}/x?y"),
        ("POST /x", "a.localhost", "https://a.localhost:{port}/x"),
        ("GET /", "unknown.localhost:80", "https://unknown.localhost:80/"),
        ("OPTIONS *", "[::1]", "https://[::1]:{port}/"),
        ("GET /", "elsewhere.example", "https://elsewhere.example:{port}/"),
    ],
)
def test_plain_requests_are_sent_to_https(
    proxy: Callable[..., Secure], request_line: str, host: str, location: str
) -> None:
    between = proxy(a=1)
    between.routes.append(RouteInfo("elsewhere.example", 1))
    host, location = (text.format(port=between.port) for text in (host, location))
    answer = between.ask(f"{request_line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 307 Temporary Redirect\r\n")
    assert f"\r\nLocation: {location}\r\n".encode() in answer
    assert b"\r\nCache-Control: no-store\r\n" in answer


def test_nobody_is_sent_to_a_stranger(proxy: Callable[..., Secure]) -> None:
    answer = proxy(a=1).get("bank.example")
    assert b" 404 " in answer
    assert b"Location" not in answer
    assert b"a.localhost" not in answer


def test_an_outer_proxy_may_speak_https_for_us(
    service: Start, proxy: Callable[..., Secure]
) -> None:
    answer = proxy(a=service().port).get("a.localhost", "/", "X-Forwarded-Proto: https")
    assert b" 200 " in answer


def test_plain_websockets_are_passed_on(service: Start, proxy: Callable[..., Secure]) -> None:
    with proxy(a=service(websocket).port).connect() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\nConnection: Upgrade\r\n")
        caller.send("Upgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n")
        assert b" 101 " in caller.head()
        caller.send("ab")
        assert caller.exactly(4) == b"abab"


# HTTP/1.1


def test_a_service_is_told_of_https(service: Start, proxy: Callable[..., Secure]) -> None:
    with proxy(a=service().port).secure() as caller:
        for _ in range(2):
            caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
            answer = caller.answer()
            assert b"X-Forwarded-Proto: https\r\n" in answer
            assert b"X-Forwarded-Port: 443\r\n" in answer


def test_ten_megabytes_go_both_ways(service: Start, proxy: Callable[..., Secure]) -> None:
    body = bytes(range(256)) * 40_000
    with proxy(a=service(echo).port).secure() as caller:
        caller.send(f"POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: {len(body)}\r\n\r\n")
        caller.send(body)
        caller.head()
        assert caller.exactly(len(body)) == body


def echo(caller: Caller, service: Service) -> None:
    """Answers with the body that it was sent."""
    head = caller.head()
    service.seen.append(head)
    size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    found = caller.exactly(size)
    caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    caller.send(found)


def test_websockets_over_tls(
    service: Start, proxy: Callable[..., Secure], caplog: pytest.LogCaptureFixture
) -> None:
    with proxy(a=service(websocket).port).secure() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\nConnection: Upgrade\r\n")
        caller.send("Upgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n")
        assert b" 101 " in caller.head()
        caller.send("ab")
        assert caller.exactly(4) == b"abab"
        assert isinstance(caller.socket, ssl.SSLSocket)
        # TLS has no half-open connections: the other side ends as well.
        caller.socket.unwrap().close()
    assert caplog.messages == []


def test_who_is_refused_may_read_why(proxy: Callable[..., Secure]) -> None:
    with proxy().secure() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a b\r\n\r\n" + "x" * 1000)
        assert b" 400 " in caller.answer()
        caller.send("more")
        caller.socket.close()


# HTTP/2


def test_requests_share_a_connection(service: Start, proxy: Callable[..., Secure]) -> None:
    a, b = service(), service()
    between = proxy(a=a.port, b=b.port)
    with between.streams() as caller:
        numbers = [caller.ask(f"/{n}", ("cookie", "x=1"), ("cookie", "y=2")) for n in range(30)]
        for n, number in enumerate(numbers):
            found = caller.answer(number)
            assert found.status == 200
            assert found.fields["x-portweave"] == "1"
            assert f"GET /{n} HTTP/1.1\r\nHost: a.localhost\r\n".encode() in found.body
            assert b"\r\ncookie: x=1; y=2\r\n" in found.body
            assert b"X-Forwarded-Proto: https\r\n" in found.body


def test_pages_of_our_own_go_by_http_2(proxy: Callable[..., Secure]) -> None:
    with proxy(b=9).streams() as caller:
        found = caller.answer(caller.ask("/", ("accept", "text/html")))
        assert found.status == 404
        assert b"https://b.localhost:" in found.body
        head = caller.answer(caller.ask("/", method="HEAD"))
        assert (head.status, head.body) == (404, b"")


def test_a_body_of_unknown_length_is_chunked(service: Start, proxy: Callable[..., Secure]) -> None:
    def serve(caller: Caller, service: Service) -> None:
        service.seen.append(caller.head())
        service.seen.append(caller.until(b"\r\n0\r\nx-sum: 7\r\n\r\n"))
        caller.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        caller.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: X-Mine\r\n")
        caller.send(b"X-Mine: 1\r\nKeep-Alive: 5\r\n\r\n2\r\nok\r\n0\r\nX-Last: 8\r\n\r\n")

    behind = service(serve)
    with proxy(a=behind.port).streams() as caller:
        number = caller.ask("/", method="POST", body=b"hello", trailers={"x-sum": "7"})
        found = caller.answer(number)
    assert b"Transfer-Encoding: chunked\r\n" in behind.seen[0]
    assert behind.seen[1] == b"5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n"
    assert (found.interim, found.status, found.body) == ([100], 200, b"ok")
    assert found.trailers == {"x-last": "8"}
    assert not found.fields.keys() & {"x-mine", "keep-alive", "connection", "transfer-encoding"}


def test_an_empty_frame_is_not_the_end_of_a_body(
    service: Start, proxy: Callable[..., Secure]
) -> None:
    """What came behind it would be taken for the next request."""
    behind = service()
    with proxy(a=behind.port).streams() as caller:
        number = caller.ask(method="POST", end=False)
        for data in (b"", b"hello", b"", b" you"):
            caller.h2.send_data(number, data)
            caller.flush()
        # So do browsers.
        caller.h2.send_data(number, b"", end_stream=True)
        caller.flush()
        body = caller.answer(number).body.partition(b"\r\n\r\n")[2]
        assert body.count(b"\r\n0\r\n\r\n") == 1
        assert re.sub(rb"\w+\r\n(.*?)\r\n", rb"\1", body) == b"hello you"
        assert caller.answer(caller.ask("/next")).body.startswith(b"GET /next ")
    assert len(behind.seen) == 2
    assert behind.connections == 1


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body(service: Start, proxy: Callable[..., Secure], status: int) -> None:
    with proxy(a=service(raw(b"HTTP/1.1 %d X\r\n\r\n" % status)).port).streams() as caller:
        found = caller.answer(caller.ask())
        assert (found.status, found.body, found.is_ended) == (status, b"", True)


def test_megabytes_go_both_ways_by_http_2(service: Start, proxy: Callable[..., Secure]) -> None:
    body = bytes(range(256)) * 10_000
    behind = service(echo)
    with proxy(a=behind.port).streams() as caller:
        length = ("content-length", str(len(body)))
        found = caller.answer(caller.ask("/", length, method="POST", body=body))
        assert found.body == body
    assert b"chunked" not in behind.seen[0]


def test_an_event_stream_is_seen_at_once(service: Start, proxy: Callable[..., Secure]) -> None:
    go_on = threading.Event()

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        assert go_on.wait(10)
        caller.send(b"data: 1\n\n")
        caller.rest()

    with proxy(a=service(serve).port).streams() as caller:
        number = caller.ask()
        assert caller.head(number).fields["content-type"] == "text/event-stream"
        go_on.set()
        assert caller.body(number, 9) == b"data: 1\n\n"


def test_who_reads_slowly_has_the_service_wait(
    service: Start, proxy: Callable[..., Secure]
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

    between = proxy(a=service(serve).port, b=service().port)
    with between.streams(reads=False) as slow, between.streams("b.localhost") as other:
        number = slow.ask()
        slow.body(number, 65_535)
        assert is_blocked.wait(10)
        # Nobody else waits for it.
        assert other.answer(other.ask()).status == 200


def test_who_reads_slowly_leaves_a_connection_that_can_be_used(
    service: Start, proxy: Callable[..., Secure]
) -> None:
    # The first window, what may wait for the next, and a little more: at its end it has to wait.
    body = b"x" * (65_535 + HIGH_BYTES + 1)

    def serve(caller: Caller, _: Service) -> None:
        while caller.head():
            caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
            caller.send(body)

    behind = service(serve)
    between = proxy(a=behind.port)
    with between.streams(reads=False) as slow, between.streams() as other:
        slow.body(slow.ask(), 65_535)
        for _ in range(3):
            assert other.answer(other.ask()).body == body
    assert behind.connections <= 2


def test_a_service_that_takes_nothing_has_the_client_wait(
    service: Start, proxy: Callable[..., Secure]
) -> None:
    go_on = threading.Event()

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        assert go_on.wait(10)
        while caller.socket.recv(65_536):
            pass

    between = proxy(a=service(serve).port, b=service().port)
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


def test_a_client_that_cancels_ends_the_request(
    service: Start, proxy: Callable[..., Secure]
) -> None:
    has_ended = threading.Event()

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.send(b"HTTP/1.1 200 OK\r\n\r\nx")
        caller.rest()
        has_ended.set()

    with proxy(a=service(serve).port, b=service().port).streams() as caller:
        number = caller.ask()
        caller.body(number, 1)
        caller.h2.reset_stream(number, CANCEL)
        caller.flush()
        assert has_ended.wait(10)


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"", 502), (b"nonsense\r\n\r\n", 502), (b"HTTP/1.1 101 X\r\nUpgrade: y\r\n\r\n", 502)],
)
def test_a_service_that_answers_nothing(
    service: Start, proxy: Callable[..., Secure], answer: bytes, status: int
) -> None:
    with proxy(a=service(raw(answer)).port).streams() as caller:
        assert caller.answer(caller.ask("/", method="POST", body=b"")).status == status


def test_half_an_answer_resets_the_stream(service: Start, proxy: Callable[..., Secure]) -> None:
    half = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    with proxy(a=service(half).port).streams() as caller:
        found = caller.answer(caller.ask())
        assert (found.status, found.code) == (200, INTERNAL)
        assert caller.answer(caller.ask()).code == INTERNAL


def test_who_is_answered_early_need_not_send_the_rest(
    service: Start, proxy: Callable[..., Secure]
) -> None:
    early = raw(b"HTTP/1.1 413 X\r\nContent-Length: 4\r\n\r\nlate")
    with proxy(a=service(early).port).streams() as caller:
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
def test_what_is_no_request_of_http_1_is_refused(
    service: Start, proxy: Callable[..., Secure], path: str, fields: tuple[tuple[str, str], ...]
) -> None:
    behind = service()
    with proxy(a=behind.port).streams() as caller:
        caller.h2.config.validate_outbound_headers = False
        caller.h2.config.normalize_outbound_headers = False
        assert caller.answer(caller.ask(path, *fields)).status == 400
    assert behind.connections == 0


def test_websockets_over_http_2(service: Start, proxy: Callable[..., Secure]) -> None:
    behind = service(websocket)
    with proxy(a=behind.port).streams() as caller:
        number = connect_websocket(caller, "/chat")
        # Before the service has agreed.
        caller.send(number, b"ab")
        assert caller.head(number).status == 200
        assert "sec-websocket-accept" not in caller.answers[number].fields
        assert caller.body(number, 4) == b"abab"
        caller.send(number, b"c" * 100_000)
        caller.body(number, 200_004)
        caller.send(number, b"", end=True)
        assert caller.answer(number).body.endswith(b"bye")
    assert behind.seen[0].startswith(b"GET /chat HTTP/1.1\r\nHost: a.localhost\r\n")
    assert b"Connection: Upgrade\r\nUpgrade: websocket\r\n" in behind.seen[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
    ],
    ids=["no tunnel", "wrong key"],
)
def test_a_websocket_that_is_not_agreed_to_is_none(
    service: Start, proxy: Callable[..., Secure], answer: bytes
) -> None:
    with proxy(a=service(raw(answer)).port).streams() as caller:
        number = connect_websocket(caller)
        assert caller.answer(number).status == 502


def connect_websocket(caller: StreamCaller, path: str = "/") -> int:
    number = caller.h2.get_next_available_stream_id()
    caller.answers[number] = Answer()
    head = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https")]
    head += [(":path", path), (":authority", "a.localhost")]
    caller.h2.send_headers(number, head)
    caller.flush()
    return number


def test_streams_under_way_are_finished_at_the_end(
    service: Start, proxy: Callable[..., Secure]
) -> None:
    held = Held()
    between = proxy(a=service(held).port)
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


def test_who_only_resets_has_to_go(service: Start, proxy: Callable[..., Secure]) -> None:
    between = proxy(a=service().port)
    with between.streams() as caller:
        try:
            for _ in range(3000):
                number = caller.ask()
                caller.h2.reset_stream(number, CANCEL)
                caller.flush()
        except OSError:
            pass
        assert caller.until_end() in (CALM, -1)
    with between.streams() as caller:
        assert caller.answer(caller.ask()).status == 200


def test_who_only_pings_has_to_go(proxy: Callable[..., Secure]) -> None:
    with proxy().streams() as caller:
        try:
            for _ in range(3000):
                caller.h2.ping(b"12345678")
                caller.flush()
        except OSError:
            pass
        assert caller.until_end() in (CALM, -1)


def test_a_client_may_not_have_too_many_streams(
    service: Start, proxy: Callable[..., Secure]
) -> None:
    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.rest()

    with proxy(a=service(serve).port).streams() as caller:
        caller.h2.remote_settings.max_concurrent_streams = 1000
        for _ in range(200):
            caller.ask()
        assert caller.until_end() != 0


@pytest.mark.parametrize("named", [False, True])
def test_a_program_has_one_by_its_own_ca_or_by_another(
    service: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "other" if named else tmp_path / "state/portweave/proxy"
    routes = [RouteInfo("a.localhost", service().port)]

    async def ask(port: int, host: str, context: ssl.SSLContext | None) -> bytes:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=host if context else None
        )
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer

    async def use() -> None:
        tls = folder if named else True
        async with create_proxy_server(lambda: routes, tls=tls) as server:
            port = await server.listen(0)
            context = trusting(str(folder / "ca.pem"))
            assert b" 200 " in await ask(port, "a.localhost", context)
            assert b" 307 " in await ask(port, "a.localhost", None)

    asyncio.run(use())
    assert (tmp_path / "state").exists() != named
    assert folder.stat().st_mode & 0o777 == (0o755 if named else 0o700)
    assert (folder / "ca-key.pem").stat().st_mode & 0o777 == 0o600


def test_a_program_is_told_what_https_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AuthorityError, match="file/ca"):
        create_proxy_server(list, tls=tmp_path / "file/ca")

    def find(_name: str) -> None:
        return None

    monkeypatch.setattr(authority_module, "find_spec", find)
    with pytest.raises(TlsMissingError, match="no module cryptography"):
        create_proxy_server(list, tls=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    # Who wants none of it needs none of it.
    create_proxy_server(list)
