"""The service's side: a connection to it, and those that wait for the next request."""

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Protocol

import httptools

from portweave.supervisor.core.headcache import HEAD_END, MOST_BYTES, HeadCache, Whole
from portweave.supervisor.core.headlimits import MOST_FIELDS
from portweave.supervisor.proxy.wire import ANSWER_HEAD_BYTES, TooManyFieldsError
from portweave.supervisor.quickloop import Express

if TYPE_CHECKING:
    from portweave.supervisor.core.heads import Fields

CONNECT_S = 10.0
# Shorter than servers keep theirs (Node and uvicorn: 5 s).
IDLE_S = 4.0
MOST_IDLE_PER_PORT = 256
ADDRESSES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class Asker(Protocol):
    """Who has sent a request and takes the answer."""

    @property
    def is_plain(self) -> bool:
        """Whether the answer is to have the form that most have."""
        ...

    @property
    def whole(self) -> Whole | None:
        """The answer, where all of it came at once, and no other before it."""
        ...

    def take_whole(self, answer: bytes) -> None:
        """The whole answer, as it is to be sent on."""

    def take_head(self, status: int, reason: bytes, fields: "Fields") -> bool:
        """The head of a final answer; returns whether no body follows whatever it says.

        It may raise a ValueError: then the answer is given up.
        """
        ...

    def take_interim(self, status: int, reason: bytes, fields: "Fields") -> None:
        """The head of a 1xx answer."""

    def take_body(self, data: bytes) -> None:
        """A piece of the body."""

    def take_end(self, trailers: "Fields") -> None:
        """The answer is complete."""

    def take_news(self) -> None:
        """All that came at once has been taken."""

    def take_failure(self, why: str, *, clean: bool) -> None:
        """The connection has ended; `clean` if by a proper end of what it sent."""

    def take_tunnel(self, data: bytes) -> None:
        """Bytes of the protocol that was changed to."""

    def take_tunnel_end(self) -> None:
        """The service has no more to say."""

    def hold(self) -> None:
        """The service takes no more for now."""

    def go_on(self) -> None:
        """The service takes more again."""


class Backend(Express):
    """One connection to a service.

    Attributes:
        port: The service's.
        asker: Whose request it works on; None while it waits.
        used: Whether it has answered a request before.
        idle_since_s: When it began to wait.
    """

    __slots__ = (
        "_answered",
        "_bodiless",
        "_ended",
        "_fields",
        "_is_fresh",
        "_keep_alive",
        "_parser",
        "_reason",
        "_tunnel",
        "_unparsed",
        "asker",
        "idle_since_s",
        "pool",
        "port",
        "used",
    )

    def __init__(self, port: int, pool: "Pool") -> None:
        super().__init__()
        self.port = port
        self.pool = pool
        self.asker: Asker | None = None
        self.used = False
        self.idle_since_s = 0.0
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._fields: Fields = []
        self._reason = b""
        self._unparsed = 0
        self._answered = self._bodiless = self._ended = self._tunnel = False
        self._keep_alive = False
        # Whether the next byte is the first one of an answer.
        self._is_fresh = True

    @property
    def is_open(self) -> bool:
        """Whether it can take a request."""
        return self.transport is not None and not self.transport.is_closing()

    def abort(self) -> None:
        """End it at once."""
        self.asker = None
        super().abort()

    def close(self) -> None:
        """End it when all is sent."""
        self.asker = None
        super().close()

    # What the event loop calls.

    def take(self, data: bytes) -> None:
        """Take what has come."""
        asker = self.asker
        if asker is None:
            # Nobody has asked for anything.
            self.abort()
            return
        if self._tunnel:
            asker.take_tunnel(data)
            return
        is_first, self._is_fresh = self._is_fresh and asker.is_plain, False
        if is_first:
            end = data.find(HEAD_END) + len(HEAD_END)
            known = self.pool.answers.find(data[:end])
            if known is not None and len(data) - end == known.body_bytes:
                # Only those whose connection stays are known.
                self._keep_alive = True
                asker.take_whole(known.head + data[end:])
                self._finish()
                return
        self._unparsed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._change_protocol(asker, data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            if not self._ended:
                self._give_up(_why(error))
                return
            # It stands behind a whole answer, which counts; the connection does not any more.
            self._keep_alive = False
        if self._unparsed > ANSWER_HEAD_BYTES:
            self._give_up("the head of its answer is too long")
            return
        if self.asker is None:
            return
        if is_first and self._ended and self._keep_alive:
            self._keep(data, asker.whole)
        asker.take_news()
        if self._ended:
            self._finish()

    def _keep(self, data: bytes, whole: Whole | None) -> None:
        """Know this answer's head from now on."""
        if whole is not None:
            end = len(data) - whole.body_bytes
            if end <= MOST_BYTES and data.find(HEAD_END) == end - len(HEAD_END):
                self.pool.answers.keep(data[:end], whole)

    def take_end(self) -> bool:
        """The other side sends no more; whether the connection stays for our part."""
        if self._tunnel and self.asker is not None:
            self.asker.take_tunnel_end()
            return True
        return False

    def lost(self, error: Exception | None) -> None:
        """The connection has ended."""
        self.pool.forget(self)
        asker, self.asker = self.asker, None
        if asker is not None:
            asker.take_failure(
                "it has closed the connection"
                if error is None
                else f"the connection broke ({error})",
                clean=error is None,
            )

    def pause_writing(self) -> None:
        """Too much waits to be sent."""
        if self.asker is not None:
            self.asker.hold()

    def resume_writing(self) -> None:
        """What waited has been sent."""
        if self.asker is not None:
            self.asker.go_on()

    # What the parser calls.

    def on_status(self, status: bytes) -> None:
        """Words of the status line."""
        self._reason += status

    def on_header(self, name: bytes, text: bytes) -> None:
        """A field of a head, or behind a body."""
        fields = self._fields
        if len(fields) >= MOST_FIELDS:
            raise TooManyFieldsError
        fields.append((name, text))

    def on_headers_complete(self) -> None:
        """The head is complete."""
        if self._ended:
            raise ValueError("it has sent more than one answer")
        assert self.asker is not None
        status = self._parser.get_status_code()
        fields, self._fields = self._fields, []
        reason, self._reason = self._reason, b""
        self._unparsed = 0
        if status < 200:
            self.asker.take_interim(status, reason, fields)
            return
        self._answered = True
        self._keep_alive = self._parser.should_keep_alive()
        self._bodiless = self.asker.take_head(status, reason, fields)
        if self._bodiless:
            self._ended = True
            self.asker.take_end([])

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._unparsed = 0
        if self._bodiless:
            raise ValueError("it has sent a body where there is none")
        assert self.asker is not None
        self.asker.take_body(data)

    def on_message_complete(self) -> None:
        """The message is complete."""
        self._unparsed = 0
        if not self._answered or self._bodiless:
            return
        assert self.asker is not None
        self._ended = True
        fields, self._fields = self._fields, []
        self.asker.take_end(fields)

    def _change_protocol(self, asker: Asker, rest: bytes) -> None:
        if self._answered or not self._tunnel:
            self._give_up("it has changed the protocol, and nobody asked for that")
            return
        asker.take_news()
        if rest:
            asker.take_tunnel(rest)

    def expect_tunnel(self) -> None:
        """From the next byte behind this head on it is another protocol."""
        self._tunnel = True

    def _give_up(self, why: str) -> None:
        asker, self.asker = self.asker, None
        self.abort()
        if asker is not None:
            asker.take_failure(why, clean=False)

    def _finish(self) -> None:
        """The exchange is over on this side: keep the connection, or end it."""
        self.asker = None
        if not self._keep_alive or not self.is_open:
            self.close()
            return
        bodiless = self._bodiless
        if bodiless:
            # The parser would wait for the body that the head speaks of.
            self._parser = httptools.HttpResponseParser(self)
        self._answered = self._bodiless = self._ended = False
        self._is_fresh = self.used = True
        # The client may take the end of it slowly: that is between him and us.
        self.resume()
        self.pool.put(self)


def _why(error: httptools.HttpParserError) -> str:
    if isinstance(error, httptools.HttpParserCallbackError):
        return str(error.__context__ or error)
    return f"its answer is not HTTP/1.1 ({error})"


class Pool:
    """Connections to services that wait for the next request.

    Attributes:
        answers: Heads that came lately, of answers to plain requests.
    """

    def __init__(self) -> None:
        self.answers: HeadCache[bytes, Whole] = HeadCache()
        self._idle: dict[int, list[Backend]] = {}
        # Which of the loopback addresses a service was last found on.
        self._family: dict[int, int] = {}
        self._is_closed = False

    def __len__(self) -> int:
        return sum(map(len, self._idle.values()))

    def take(self, port: int) -> Backend | None:
        """A connection that waits, None where there is none."""
        idle = self._idle.get(port)
        while idle:
            backend = idle.pop()
            if backend.is_open:
                return backend
        return None

    def put(self, backend: Backend) -> None:
        """Keep a connection for the next request."""
        idle = self._idle.setdefault(backend.port, [])
        if self._is_closed or len(idle) >= MOST_IDLE_PER_PORT:
            backend.close()
            return
        backend.idle_since_s = time.monotonic()
        idle.append(backend)

    def forget(self, backend: Backend) -> None:
        """A connection has ended."""
        idle = self._idle.get(backend.port)
        if idle and backend in idle:
            idle.remove(backend)

    def sweep(self, now_s: float) -> None:
        """End what has waited for too long."""
        for port, idle in list(self._idle.items()):
            old = [backend for backend in idle if now_s - backend.idle_since_s > IDLE_S]
            for backend in old:
                idle.remove(backend)
                backend.close()
            if not idle:
                del self._idle[port]

    def close(self) -> None:
        """End all that wait."""
        self._is_closed = True
        for idle in self._idle.values():
            for backend in list(idle):
                backend.close()
        self._idle.clear()

    async def connect(self, port: int) -> Backend:
        """A new connection to what listens on a port of either loopback address.

        Raises:
            OSError: Nobody does, or he does not take connections for ten seconds.
        """
        loop = asyncio.get_running_loop()
        first = self._family.get(port, 0)
        error: OSError | None = None
        for index in (first, 1 - first):
            family, address = ADDRESSES[index]
            try:
                connection = socket.socket(family, socket.SOCK_STREAM)
            except OSError as refusal:
                error = error or refusal
                continue
            connection.setblocking(False)
            try:
                async with asyncio.timeout(CONNECT_S):
                    await loop.sock_connect(connection, (address, port))
                    _, backend = await loop.create_connection(
                        lambda: Backend(port, self), sock=connection
                    )
            except OSError as refusal:
                connection.close()
                error = error or refusal
                continue
            except BaseException:
                connection.close()
                raise
            self._family[port] = index
            return backend
        raise error or OSError("no address")
