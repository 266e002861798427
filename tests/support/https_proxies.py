"""Helpers for tests of HTTPS: a proxy, and services that send bytes back."""

import base64
import hashlib
import re
import socket
from pathlib import Path

from portweave.routes import RouteInfo
from portweave.supervisor.proxy.tls.contexts import Identities
from tests.support.http2_client import (
    StreamCaller,
    trusting,
)
from tests.support.proxies import (
    PATIENCE_S,
    Caller,
    Proxy,
    Service,
)


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
        """Open a connection with HTTP/1.1 over TLS."""
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        taken = trusting(self._authority, "http/1.1").wrap_socket(plain, server_hostname=host)
        return Caller(taken=taken)

    def streams(self, host: str = "a.localhost", *, reads: bool = True) -> StreamCaller:
        """Open a connection with HTTP/2 over TLS."""
        return StreamCaller(self.port, trusting(self._authority, "h2"), host, reads=reads)


def websocket(caller: Caller, service: Service) -> None:
    """Accept a WebSocket, and send all received bytes back twice."""
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


def echo(caller: Caller, service: Service) -> None:
    """Answer with the request's body."""
    head = caller.head()
    service.seen.append(head)
    size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    found = caller.exactly(size)
    caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    caller.send(found)
