"""An HTTP/2 client for tests of the proxy; it sends only what a test asks for."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from tests.support.proxies import PATIENCE_S


def trusting(authority: str, *protocols: str) -> ssl.SSLContext:
    """Return a client's TLS context that trusts only this authority."""
    context = ssl.create_default_context(cafile=authority)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


class Answer:
    """The received part of an answer.

    Attributes:
        status: The status code; 0 before the head.
        fields: The fields of the head.
        interim: The status codes of interim answers.
        body: The received part of the body.
        trailers: The trailers.
        is_ended: Whether the answer is complete.
        code: The error code of a reset; None without a reset.
    """

    def __init__(self) -> None:
        self.status = 0
        self.fields: dict[str, str] = {}
        self.interim: list[int] = []
        self.body = b""
        self.trailers: dict[str, str] = {}
        self.is_ended = False
        self.code: int | None = None


class StreamCaller:
    """An HTTP/2 connection to the proxy.

    Args:
        port: The proxy's port.
        context: A context of `trusting`; None for HTTP/2 without TLS.
        host: The host of the requests.
        reads: Whether it opens its windows again for received bytes.
        taken: An open connection to use.

    Attributes:
        answers: The answers by stream number.
        end: The error code at the end of the connection; None before.
    """

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext | None,
        host: str = "a.localhost",
        *,
        reads: bool = True,
        taken: socket.socket | None = None,
    ) -> None:
        self.socket = taken or socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._scheme = "http"
        if context is not None:
            secure = context.wrap_socket(self.socket, server_hostname=host)
            assert secure.selected_alpn_protocol() == "h2"
            self.socket, self._scheme = secure, "https"
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.answers: dict[int, Answer] = {}
        self.end: int | None = None
        self._host = host
        self._reads = reads
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def flush(self) -> None:
        """Send the bytes that h2 has queued."""
        self.socket.sendall(self.h2.data_to_send())

    def ask(
        self,
        path: str = "/",
        *fields: tuple[str, str],
        method: str = "GET",
        body: bytes | None = None,
        trailers: dict[str, str] | None = None,
        end: bool = True,
    ) -> int:
        """Send a request; return its stream number.

        Args:
            path: The path.
            fields: Names and values of more fields.
            method: The method.
            body: The body; None for none.
            trailers: Fields after the body.
            end: Whether the request ends here.
        """
        number = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":scheme", self._scheme), (":authority", self._host)]
        is_last = body is None and end and not trailers
        self.h2.send_headers(number, [*head, (":path", path), *fields], end_stream=is_last)
        self.answers[number] = Answer()
        self.flush()
        if body is not None:
            self.send(number, body, end=end and not trailers)
        if trailers:
            self.h2.send_headers(number, list(trailers.items()), end_stream=True)
            self.flush()
        return number

    def send(self, number: int, data: bytes, *, end: bool = False) -> None:
        """Send a body within the flow-control windows.

        Args:
            number: The stream number.
            data: The body.
            end: Whether the request ends here.
        """
        rest = memoryview(data)
        while rest:
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size)
            if room == 0:
                self.read()
                continue
            self.h2.send_data(number, bytes(rest[:room]))
            self.flush()
            rest = rest[room:]
        if end:
            self.h2.end_stream(number)
            self.flush()

    def read(self) -> list[Event]:
        """Read once; return the events, none at the end of the connection."""
        data = self.socket.recv(65_536)
        if not data:
            self.end = 0 if self.end is None else self.end
            return []
        return self.take(data)

    def take(self, data: bytes) -> list[Event]:
        """Process received bytes; return the events."""
        events = self.h2.receive_data(data)
        for event in events:
            self._take(event)
        self.flush()
        return events

    def _take(self, event: Event) -> None:
        if isinstance(event, ConnectionTerminated):
            self.end = int(event.error_code or 0)
            return
        number = getattr(event, "stream_id", None)
        answer = self.answers.get(number or 0)
        if answer is None or number is None:
            return
        match event:
            case InformationalResponseReceived():
                answer.interim.append(int(_texts(event.headers)[":status"]))
            case ResponseReceived():
                answer.fields = _texts(event.headers)
                answer.status = int(answer.fields[":status"])
            case DataReceived():
                answer.body += event.data or b""
                if self._reads and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, number)
            case TrailersReceived():
                answer.trailers = _texts(event.headers)
            case StreamEnded():
                answer.is_ended = True
            case StreamReset():
                answer.code = int(event.error_code or 0)
            case _:
                pass

    def answer(self, number: int) -> Answer:
        """Read until the stream's answer is complete or the stream is reset."""
        found = self.answers[number]
        while not found.is_ended and found.code is None:
            assert self.read() or self.end is None, f"the connection has ended ({self.end})"
        return found

    def head(self, number: int) -> Answer:
        """Read until the head of the stream's answer."""
        found = self.answers[number]
        while not found.status and found.code is None:
            assert self.read() or self.end is None, f"the connection has ended ({self.end})"
        return found

    def body(self, number: int, size: int) -> bytes:
        """Read until `size` bytes of the stream's body."""
        found = self.answers[number]
        while len(found.body) < size:
            assert self.read() or self.end is None, f"the connection has ended ({self.end})"
        return found.body

    def overdo(self, act: Callable[[], object], times: int) -> int:
        """Repeat an action that the proxy limits; return the code that ends the connection.

        The proxy may end the connection at any time, so any send may fail.
        """
        with contextlib.suppress(OSError):
            for _ in range(times):
                act()
        return self.until_end()

    def until_end(self) -> int:
        """Read until the connection ends; return its error code, -1 for a TCP reset."""
        try:
            while self.end is None:
                data = self.socket.recv(65_536)
                assert data, "it has ended without a word"
                for event in self.h2.receive_data(data):
                    self._take(event)
        except ConnectionError:
            return -1
        return self.end


def _texts(headers: object) -> dict[str, str]:
    return {str(name): str(text) for name, text in headers}  # type: ignore[attr-defined]  # pyright: ignore
