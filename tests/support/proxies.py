"""Helpers for tests of the proxy: a proxy in a thread, a client, and scripted services."""

import asyncio
import contextlib
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from portweave.routes import RouteInfo, RouteStore
from portweave.supervisor.proxy.http.proxy_server import ProxyServer
from portweave.supervisor.proxy.http.upstream_status import StackStatus
from portweave.supervisor.proxy.tls.contexts import Identities
from portweave.system.fast_loop import FastLoop
from tests.support.ports import reserve_ports

if TYPE_CHECKING:
    from tests.support.commands import Cli

PATIENCE_S = 10.0


class UsersProxy:
    """The proxy that a user's stacks share; the first stack starts it.

    Args:
        home: The user's home folder.
        env: Extra environment variables of stacks.

    Attributes:
        port: The port that it will listen on.
        env: The environment variables of stacks.
        folder: The proxy's state folder.
        store: Its routes.
    """

    def __init__(self, home: Path, **env: str) -> None:
        self.port = reserve_ports(1).start
        self.env = {
            "PORTWEAVE_PROXY": None,
            "PORTWEAVE_PROXY_PORT": str(self.port),
            "PORTWEAVE_PROXY_LINGER": "400ms",
            **env,
        }
        self.folder = home / "state/portweave/proxy"
        self.store = RouteStore(self.folder, private=True)


@contextlib.contextmanager
def proxy_run(cli: "Cli", *flags: str) -> Generator[tuple["subprocess.Popen[str]", int]]:
    """Run `portweave proxy run` on a free port; yield the process and the port."""
    argv = [*cli.argv, "proxy", "run", "--port", "0", *flags]
    with subprocess.Popen(argv, env=cli.env(), stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.search(r"listens on https?://127\.0\.0\.1:(\d+)", line)
            assert found, line
            yield process, int(found[1])
        finally:
            process.terminate()
    assert process.returncode == 0


class Loop:
    """An event loop in a thread; by default the loop class of the proxy's process."""

    def __init__(self, make: Callable[[], asyncio.AbstractEventLoop] = FastLoop) -> None:
        self.loop = make()
        self.errors: list[str] = []
        self.loop.set_exception_handler(
            lambda _loop, context: self.errors.append(
                f"{context['message']}: {context.get('exception')!r}"
            )
        )
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)
        self.loop.close()


class Proxy:
    """A proxy in a thread.

    Attributes:
        routes: The routes; a test may change them at any time.
        port: The port that it listens on.
    """

    def __init__(
        self,
        routes: list[RouteInfo],
        *,
        wildcard: bool = False,
        advice: StackStatus | None = None,
        identities: Identities | None = None,
        any_user: bool = False,
        make_loop: Callable[[], asyncio.AbstractEventLoop] = FastLoop,
    ) -> None:
        self.routes = routes
        self._loop = Loop(make_loop)
        self.server = ProxyServer(
            lambda: self.routes,
            wildcard=wildcard,
            advice=advice,
            identities=identities,
            any_user=any_user,
        )
        self.port = asyncio.run_coroutine_threadsafe(self.server.listen(0), self._loop.loop).result(
            PATIENCE_S
        )
        self._is_closed = False

    def begin_close(self, drain_s: float = 5.0) -> Callable[[], object]:
        """Begin to close the proxy; return a function that waits for the end."""
        self._is_closed = True
        future = asyncio.run_coroutine_threadsafe(self.server.close(drain_s), self._loop.loop)
        return lambda: future.result(PATIENCE_S)

    def close(self) -> None:
        if not self._is_closed:
            self.begin_close(0)()
        self._loop.close()
        assert self._loop.errors == [], self._loop.errors

    def take_errors(self) -> list[str]:
        """Return the loop's errors so far, and forget them."""
        told = list(self._loop.errors)
        self._loop.errors.clear()
        return told

    @contextmanager
    def stopped(self) -> Generator[None]:
        """Block the proxy's loop, so that it sees all events of the block at once."""
        is_stopped, go_on = threading.Event(), threading.Event()

        def wait() -> None:
            is_stopped.set()
            go_on.wait(PATIENCE_S)

        self._loop.loop.call_soon_threadsafe(wait)
        assert is_stopped.wait(PATIENCE_S)
        try:
            yield
        finally:
            go_on.set()

    def connect(self) -> "Caller":
        return Caller(self.port)

    def ask(self, data: bytes | str) -> bytes:
        """Send, and read until the proxy closes the connection."""
        with self.connect() as caller:
            caller.send(data)
            return caller.rest()

    def get(self, host: str, path: str = "/", *lines: str) -> bytes:
        """Return the answer to one request.

        Args:
            host: The Host field.
            path: The path.
            lines: More lines of the head.
        """
        more = "".join(f"{line}\r\n" for line in lines)
        return self.ask(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")


class Caller:
    """A client's or a service's end of a connection."""

    def __init__(self, port: int = 0, *, taken: socket.socket | None = None) -> None:
        self.socket = taken or socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.socket.settimeout(PATIENCE_S)
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes | str) -> None:
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def fill(self, data: bytes, most_bytes: int) -> int:
        """Send data repeatedly until the peer reads no more; return the number of sent bytes."""
        self.socket.settimeout(0.3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < most_bytes:
                sent += self.socket.send(data[sent % len(data) :])
        self.socket.settimeout(PATIENCE_S)
        return sent

    def until(self, end: bytes) -> bytes:
        """Read up to and with `end`."""
        while end not in self._read:
            data = self.socket.recv(65_536)
            assert data, f"it ended before {end!r}: {self._read!r}"
            self._read += data
        found, _, self._read = self._read.partition(end)
        return found + end

    def exactly(self, count: int) -> bytes:
        pieces, size = [self._read], len(self._read)
        while size < count:
            data = self.socket.recv(1 << 20)
            assert data, f"it ended after {size} of {count} bytes"
            pieces.append(data)
            size += len(data)
        whole = b"".join(pieces)
        self._read = whole[count:]
        return whole[:count]

    def head(self) -> bytes:
        return self.until(b"\r\n\r\n")

    def answer(self) -> bytes:
        """Read an answer with a Content-Length."""
        head = self.head()
        return head + self.exactly(length_of(head))

    def rest(self) -> bytes:
        """Read until the peer closes the connection."""
        pieces = [self._read]
        self._read = b""
        try:
            while data := self.socket.recv(65_536):
                pieces.append(data)
        except ConnectionResetError:
            pieces.append(b"<reset>")
        return b"".join(pieces)


def length_of(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, text = line.partition(b":")
        if name == b"content-length":
            return int(text)
    return 0


class Held:
    """A service that answers when the test says so.

    Attributes:
        has_come: Set when a request has arrived.
        go_on: The test sets it to release the answer.
    """

    def __init__(self) -> None:
        self.has_come = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, caller: "Caller", _: "Service") -> None:
        """Read a request, and answer it when `go_on` is set."""
        caller.head()
        self.has_come.set()
        assert self.go_on.wait(PATIENCE_S)
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class Silent:
    """A service that reads a request and never answers.

    Attributes:
        has_come: Set when a head has arrived.
        is_over: Set at the end of the connection.
    """

    def __init__(self) -> None:
        self.has_come, self.is_over = threading.Event(), threading.Event()

    def __call__(self, caller: "Caller", _: "Service") -> None:
        """Read a request and everything after it."""
        caller.head()
        self.has_come.set()
        caller.rest()
        self.is_over.set()


class Service:
    """A service that runs `serve` in a thread for each connection.

    Attributes:
        port: The port that it listens on.
        connections: The number of connections so far.
        seen: What `serve` has recorded.
    """

    def __init__(self, serve: Callable[["Caller", "Service"], object], address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        # Keep its port on the other loopback address free of other programs.
        self._kept = socket.socket()
        while True:
            self._listener = socket.socket(family)
            self._listener.bind((address, 0))
            try:
                if family == socket.AF_INET6:
                    self._kept.bind(("127.0.0.1", self._listener.getsockname()[1]))
                break
            except OSError:
                self._listener.close()
        self._listener.listen(64)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.seen: list[bytes] = []
        self.failures: list[BaseException] = []
        self._serve = serve
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._work, args=(connection,), daemon=True).start()

    def _work(self, connection: socket.socket) -> None:
        try:
            with Caller(taken=connection) as caller:
                self._serve(caller, self)
        except (OSError, AssertionError):
            # The proxy or the test has closed the connection.
            return

    def close(self) -> None:
        self._listener.close()
        self._kept.close()
        for connection in self._open:
            connection.close()


def plain(caller: Caller, service: Service) -> None:
    """Answer any number of requests with a copy of each."""
    while True:
        head = caller.head()
        service.seen.append(head)
        body = caller.exactly(length_of(head))
        if b"transfer-encoding: chunked" in head.lower():
            body += caller.until(b"0\r\n\r\n")
        text = head + body
        caller.send(b"HTTP/1.1 200 Fine\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))


def raw(answer: bytes, *, close: bool = True) -> Callable[[Caller, Service], None]:
    """Return a `serve` that answers one request with these bytes and closes the connection."""

    def serve(caller: Caller, service: Service) -> None:
        service.seen.append(caller.head())
        caller.send(answer)
        if not close:
            caller.rest()

    return serve


def services() -> Iterator[Callable[..., Service]]:
    """Start services on demand and close them at the end; for a fixture."""
    made: list[Service] = []

    def start(
        serve: Callable[[Caller, Service], object] = plain, address: str = "127.0.0.1"
    ) -> Service:
        made.append(Service(serve, address))
        return made[-1]

    yield start
    for one in made:
        one.close()


def routes_to(ports: dict[str, int]) -> list[RouteInfo]:
    return [RouteInfo(f"{name}.localhost", port) for name, port in ports.items()]
