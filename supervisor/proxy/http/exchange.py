"""One request and its answer, between a client and the service that the Host field names."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Protocol

from portweave.allocator.names.hostnames import PANEL_HOST
from portweave.supervisor.proxy.http.backend import (
    AnswerReceiver,
    NoStreamsError,
)
from portweave.supervisor.proxy.http.http1_heads import (
    MOST_HOPS,
    SAFE,
    Answer,
    Fields,
    Framing,
    Refusal,
    Request,
    chunk,
    interim_head,
    read_answer,
    trailer_lines,
)
from portweave.supervisor.proxy.http.limits import HELD_BYTES
from portweave.supervisor.proxy.http.upstream_status import Target, UpstreamStatus

if TYPE_CHECKING:
    from portweave.supervisor.proxy.http.pages.page import Page
    from portweave.supervisor.proxy.http.pool import Pool

ONLY_HTTP_2 = "it speaks HTTP/2 alone, for which this proxy has no library"
# Seconds between attempts to reach a service that is being restarted.
RETRY_S = 0.03
# After so many crashes of the service, the request gets an error page.
MOST_RETRIES = 3
# How long an error page waits for the state of its service.
PAGE_S = 0.3


class Upstreams(Protocol):
    """The services that requests go to."""

    @property
    def pool(self) -> "Pool":
        """Connections to services."""
        ...

    def find(self, request: Request) -> "Target | None":
        """Return the route of a request's host; None if the request may take none."""
        ...

    async def unknown(self, request: Request, *, is_own: bool) -> "Page":
        """Return the page for a request without a route.

        Args:
            request: The request.
            is_own: Whether the client belongs to this user.
        """
        ...

    async def ask(self, target: Target, limit_s: float | None = None) -> UpstreamStatus:
        """Return the state of a service that does not answer.

        Args:
            target: The route.
            limit_s: How long the answer may take, in seconds; None for the usual limit.
        """
        ...

    async def explain(
        self, target: Target, status: UpstreamStatus, *, is_own: bool, why: str = ""
    ) -> "Page":
        """Report a service that does not answer properly, and return its error page.

        Args:
            target: The route.
            status: From `ask`.
            is_own: Whether the client belongs to this user.
            why: What is wrong with its answer; empty if nothing listens.
        """
        ...

    def report(self, target: Target, why: str) -> None:
        """Report a service that did not answer properly."""

    def spawn(self, work: Coroutine[None, None, None]) -> Callable[[], object]:
        """Start a task; return the function that cancels it."""
        ...


class Upstream(Protocol):
    """A connection to a service, or one stream of it, that carries a request."""

    asker: AnswerReceiver | None
    used: bool

    def send(
        self, request: Request, pieces: list[bytes], *, is_first: bool, trailers: Fields | None
    ) -> None:
        """Send a request or a part of it; `Backend.send` describes the arguments."""

    def write(self, data: bytes) -> None:
        """Send bytes of another protocol."""

    def write_end(self) -> None:
        """Close the sending side of the tunnel."""

    def expect_tunnel(self) -> None:
        """Treat all bytes after this head as another protocol."""

    def pause(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Read on."""

    def close(self) -> None:
        """Close the connection after sending what is buffered."""

    def abort(self) -> None:
        """Close the connection at once."""


class Downstream(Protocol):
    """The client as its exchanges see it."""

    @property
    def is_own(self) -> bool:
        """Whether the client belongs to this user."""
        ...

    @property
    def is_stranger(self) -> bool:
        """Whether the client belongs to a user that the proxy does not serve."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""

    def pause(self) -> None:
        """Stop reading from the client."""

    def resume(self) -> None:
        """Read on."""

    def abort(self) -> None:
        """Close the client's connection at once."""

    def reset(self) -> None:
        """Reset the connection: a plain close would mark the end of the answer."""

    def say(self, page: "Page", request: Request | Refusal, *, keep_alive: bool) -> None:
        """Send an answer that the proxy itself writes.

        Args:
            page: The content.
            request: The request, or its refusal.
            keep_alive: Whether the connection stays open.
        """

    def begin_tunnel(self) -> None:
        """Pass on all further bytes as another protocol."""

    def end_tunnel(self) -> None:
        """The service has closed its side of the tunnel."""

    def end_exchange(self, *, keep_alive: bool, read_all: bool) -> None:
        """The answer is complete."""


class Exchange:
    """A request under way.

    Attributes:
        request: The head, or the refusal.
        is_begun: Whether it has begun; pipelined requests wait for their turn.
        is_request_complete: Whether the whole request has arrived.
    """

    __slots__ = (
        "_answer",
        "_backend",
        "_cancel",
        "_client",
        "_held",
        "_held_bytes",
        "_is_end_sent",
        "_is_ended",
        "_is_over",
        "_is_tunnel",
        "_out",
        "_retries",
        "_sent",
        "_sent_bytes",
        "_sent_s",
        "_target",
        "_trailers",
        "_tunnel_ends",
        "_upstreams",
        "_was_idle",
        "is_begun",
        "is_request_complete",
        "request",
    )

    def __init__(
        self, client: Downstream, upstreams: Upstreams, request: Request | Refusal
    ) -> None:
        self.request = request
        self.is_request_complete = isinstance(request, Refusal)
        self._client = client
        self._upstreams = upstreams
        self._target: Target | None = None
        self._backend: Upstream | None = None
        self._cancel: Callable[[], object] | None = None
        # The part of the request's body that has not been passed on.
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._trailers: Fields = []
        # The passed-on part of a short body, until an answer begins: a retry sends it again.
        self._sent: list[bytes] = []
        self._sent_bytes = 0
        # Whether the end of the request has been passed on.
        self._is_end_sent = False
        # The pieces of the answer from one read.
        self._out: list[bytes] = []
        self._answer: Answer | None = None
        self.is_begun = self._is_ended = self._is_over = False
        self._was_idle = False
        self._retries = 0
        self._sent_s = 0.0
        self._is_tunnel = False
        self._tunnel_ends = 0

    # The request.

    def take_request_body(self, data: bytes) -> None:
        """Take a piece of the request's body."""
        # An empty chunk would end the body; an empty HTTP/2 frame does not.
        if self._is_over or not data or isinstance(self.request, Refusal):
            return
        self._held.append(data)
        self._held_bytes += len(data)

    def end_request(self, trailers: Fields) -> None:
        """The request is complete."""
        self.is_request_complete = True
        self._trailers = trailers

    def as_plain(self) -> bytes | None:
        """Return a head to parse the body by, if the request cannot be upgraded; else None."""
        request = self.request
        if isinstance(request, Refusal) or request.method == b"CONNECT":
            return None
        if request.framing is Framing.NONE and request.upgrade.lower() not in (b"", b"h2c"):
            return None
        request.upgrade = b""
        framing = b""
        if request.framing is Framing.LENGTH:
            framing = b"Content-Length: %b\r\n" % request.length
        elif request.framing is Framing.CHUNKED:
            framing = b"Transfer-Encoding: chunked\r\n"
        last = b"" if request.keep_alive else b"Connection: close\r\n"
        return b"POST / HTTP/1.1\r\n%b%b\r\n" % (framing, last)

    def refuse(self, refusal: Refusal) -> None:
        """Refuse a request whose body is malformed."""
        if self._is_over:
            return
        if not self.is_begun:
            self.request = refusal
            return
        self._drop_backend()
        if self._answer is not None:
            self._is_over = True
            self._client.abort()
        else:
            self._send_refusal(refusal)

    def advance(self) -> None:
        """Pass on what has arrived of the request."""
        if self._is_over:
            return
        if not self.is_begun:
            self.is_begun = True
            self._begin()
        elif self._backend is not None and not self._is_tunnel and self._has_more:
            self._pass_on(is_first=False)
        elif self._held_bytes > HELD_BYTES:
            self._client.pause()

    def _begin(self) -> None:
        request = self.request
        if isinstance(request, Refusal):
            self._send_refusal(request)
            return
        if self._client.is_stranger:
            from portweave.supervisor.proxy.http.pages import error_pages

            self._send_page(error_pages.other_user(), keep_alive=False)
            return
        if request.hops > MOST_HOPS:
            from portweave.supervisor.proxy.http.pages import error_pages

            self._send_page(error_pages.loop(request.name, request.hops - 1))
            return
        target = self._target = self._upstreams.find(request)
        if target is None:
            self._cancel = self._upstreams.spawn(self._send_unknown(request))
            return
        if target.hostname == PANEL_HOST and not self._client.is_own:
            from portweave.supervisor.proxy.http.pages import error_pages

            # The panel would take every request from the proxy for its own user's.
            self._send_page(error_pages.not_yours(request.name))
            return
        pool = self._upstreams.pool
        # The common case needs no lookup of the protocol.
        if (request.is_grpc or pool.only_streams) and self._needs_http_2(target):
            stream = pool.take_stream(target.port)
            if stream is not None:
                self._send(stream)
                return
        elif self._is_repeatable():
            # The service may be closing an idle connection right now.
            backend = pool.take(target.port)
            if backend is not None:
                self._was_idle = True
                self._send(backend)
                return
        self._cancel = self._upstreams.spawn(self._connect(target))

    def _needs_http_2(self, target: Target) -> bool:
        """Whether to send the request by HTTP/2: for gRPC, and for services with HTTP/2 only.

        All other requests go by HTTP/1.1, which most services support best.
        """
        request = self.request
        assert isinstance(request, Request)
        only = target.port in self._upstreams.pool.only_streams
        return (request.is_grpc or only) and not request.upgrade

    async def _open(self, target: Target) -> "Upstream":
        """Open a connection, or a stream of one.

        Raises:
            ModuleNotFoundError: The library for HTTP/2 is not installed.
            OSError: Nothing listens there.
        """
        if self._needs_http_2(target):
            try:
                return await self._upstreams.pool.open_stream(target.port)
            except NoStreamsError:
                # The service itself answers that it does not speak gRPC.
                pass
        return await self._upstreams.pool.connect(target.port)

    def _is_repeatable(self) -> bool:
        """Whether the request may be sent twice: RFC 9110, section 9.2.2."""
        request = self.request
        return (
            isinstance(request, Request)
            and request.framing is Framing.NONE
            and not request.upgrade
            and request.method in SAFE
        )

    @property
    def _is_whole(self) -> bool:
        """Whether the request is still in memory from its first byte on."""
        request = self.request
        is_kept = self._sent_bytes <= HELD_BYTES
        return is_kept and isinstance(request, Request) and not request.upgrade

    async def _connect(self, target: Target) -> None:
        """Connect to the service, and retry while its stack is starting it."""
        assert isinstance(self.request, Request)
        began_s = seen_s = time.monotonic()
        while True:
            try:
                backend = await self._open(target)
            except ModuleNotFoundError:
                await self._fail(target, f"{ONLY_HTTP_2}: pip install 'portweave[tls]'")
                return
            except (OSError, OverflowError):
                state = await self._ask(target)
                now_s = time.monotonic()
                if not state.is_ready:
                    seen_s = now_s
                # The wait for a ready service counts from the moment it became ready.
                if now_s - (seen_s if state.is_ready else began_s) < state.patience_s:
                    await asyncio.sleep(RETRY_S)
                    # Its port may change in the meantime.
                    target = self._target = self._upstreams.find(self.request) or target
                    continue
                is_own = self._client.is_own
                page = await self._upstreams.explain(target, state, is_own=is_own)
                self._cancel = None
                self._send_page(page)
                return
            break
        self._cancel = None
        if self._is_over:
            backend.abort()
            return
        self._send(backend)

    async def _retry(self, target: Target, why: str) -> None:
        """Send the request again if the service exited before it answered and is restarting."""
        # The supervisor sees the end of a process a moment after its clients do.
        await asyncio.sleep(RETRY_S)
        state = await self._ask(target)
        is_another = state.age_s < time.monotonic() - self._sent_s
        if state.patience_s and (is_another or not state.is_ready):
            await self._connect(target)
            return
        await self._fail(target, why, state)

    async def _ask(self, target: Target) -> UpstreamStatus:
        """Ask for the state of a service: a browser's page comes soon, and reloads by itself."""
        assert isinstance(self.request, Request)
        return await self._upstreams.ask(target, PAGE_S if self.request.wants_html else None)

    async def _fail(self, target: Target, why: str, state: UpstreamStatus | None = None) -> None:
        """Send the page for a service with an invalid answer; `state` as far as it is known."""
        state = state or await self._upstreams.ask(target, PAGE_S)
        page = await self._upstreams.explain(target, state, is_own=self._client.is_own, why=why)
        self._cancel = None
        self._send_page(page)

    async def _send_unknown(self, request: Request) -> None:
        """Send the page for a name without a route."""
        page = await self._upstreams.unknown(request, is_own=self._client.is_own)
        self._cancel = None
        self._send_page(page)

    def _send_refusal(self, refusal: Refusal) -> None:
        from portweave.supervisor.proxy.http.pages import error_pages

        self._send_page(error_pages.refused(refusal.status, refusal.why), keep_alive=False)

    def _send(self, backend: "Upstream") -> None:
        assert isinstance(self.request, Request)
        self._backend = backend
        self._sent_s = time.monotonic()
        backend.asker = self
        if not self.is_request_complete:
            self._client.resume()
        # This may fill the service's buffer, which pauses the client again.
        self._pass_on(is_first=True)

    @property
    def _has_more(self) -> bool:
        return bool(self._held) or (self.is_request_complete and not self._is_end_sent)

    def _pass_on(self, *, is_first: bool) -> None:
        assert self._backend is not None
        assert isinstance(self.request, Request)
        pieces, sent_bytes = self._held, self._held_bytes
        self._held, self._held_bytes = [], 0
        if pieces and self._answer is None:
            self._sent_bytes += sent_bytes
            if self._sent_bytes <= HELD_BYTES:
                self._sent += pieces
            else:
                self._sent.clear()
        self._is_end_sent = self.is_request_complete
        trailers = self._trailers if self._is_end_sent else None
        self._backend.send(self.request, pieces, is_first=is_first, trailers=trailers)

    def hold(self) -> None:
        """Pause reading from the client: the service's buffer is full."""
        self._client.pause()

    def go_on(self) -> None:
        """Resume reading from the client."""
        if self._is_tunnel or not self.is_request_complete:
            self._client.resume()

    # The answer.

    def take_interim(self, status: int, reason: bytes, fields: Fields) -> None:
        """Take the head of a 1xx answer; arguments as in `AnswerReceiver.take_head`."""
        request = self.request
        assert isinstance(request, Request)
        if status == 101:
            if not request.upgrade:
                raise ValueError("it has changed the protocol without being asked")
            self._is_tunnel = True
            assert self._backend is not None
            self._backend.expect_tunnel()
        elif request.is_old:
            return
        self._out.append(interim_head(status, reason, fields, request.upgrade))

    def take_head(self, status: int, reason: bytes, fields: Fields) -> bool:
        """Take the head of the answer, as in `AnswerReceiver.take_head`."""
        assert isinstance(self.request, Request)
        self._answer = read_answer(
            self.request, status, reason, fields, closing=not self.is_request_complete
        )
        self._sent = []
        self._out.append(self._answer.head)
        return self._answer.source is Framing.NONE

    def take_body(self, data: bytes) -> None:
        """Take a piece of the answer's body."""
        assert self._answer is not None
        self._out.append(chunk(data) if self._answer.sent is Framing.CHUNKED else data)

    def take_end(self, trailers: Fields) -> None:
        """The answer is complete."""
        assert self._answer is not None
        if self._answer.sent is Framing.CHUNKED:
            self._out.append(trailer_lines(trailers))
        self._is_ended = True

    def take_news(self) -> None:
        """The bytes of one read have been processed."""
        out = self._out
        if out:
            self._client.write(out[0] if len(out) == 1 else b"".join(out))
            out.clear()
        if self._is_ended:
            self._finish()
        elif self._is_tunnel and not self._is_over:
            self._client.begin_tunnel()

    def _finish(self) -> None:
        answer, request = self._answer, self.request
        assert answer is not None
        assert isinstance(request, Request)
        self._is_over = True
        read_all = self.is_request_complete
        if not read_all:
            self._drop_backend()
        elif request.keep_alive and not answer.keep_alive:
            # The client may send its next request before it sees the close, unless the close also
            # ends the body.
            read_all = answer.sent is Framing.UNTIL_CLOSE
        self._backend = None
        self._client.end_exchange(keep_alive=answer.keep_alive, read_all=read_all)

    def take_failure(self, why: str, *, clean: bool, is_unread: bool = False) -> None:
        """Handle the end of the connection; arguments as in `AnswerReceiver.take_failure`."""
        backend, self._backend = self._backend, None
        if self._is_over:
            return
        if self._is_tunnel:
            self._is_over = True
            self._client.end_exchange(keep_alive=False, read_all=True)
        elif self._answer is None:
            assert self._target is not None
            may_repeat = self._is_whole if is_unread else self._is_repeatable()
            if not may_repeat or self._out or self._retries == MOST_RETRIES:
                self._cancel = self._upstreams.spawn(self._fail(self._target, why))
                return
            self._retries += 1
            if is_unread:
                self._held, self._sent = [*self._sent, *self._held], []
                self._held_bytes += self._sent_bytes
                self._sent_bytes = 0
                self._cancel = self._upstreams.spawn(self._connect(self._target))
                return
            # The service may have closed an idle connection only because it was idle.
            was_idle = self._was_idle and backend is not None and backend.used
            self._was_idle = False
            again = self._connect(self._target) if was_idle else self._retry(self._target, why)
            self._cancel = self._upstreams.spawn(again)
        elif clean and self._answer.source is Framing.UNTIL_CLOSE:
            self.take_end([])
            self.take_news()
        else:
            assert self._target is not None
            self._upstreams.report(self._target, f"half an answer: {why}")
            self._is_over = True
            if self._answer.sent is Framing.UNTIL_CLOSE:
                self._client.reset()
            else:
                self._client.abort()

    # Another protocol.

    def take_tunnel(self, data: bytes) -> None:
        """Pass on the service's bytes of the other protocol."""
        self._client.write(data)

    def take_tunnel_end(self) -> None:
        """The service has closed its side of the tunnel."""
        self._client.end_tunnel()
        self._end_one_way()

    def take_tunnel_bytes(self, data: bytes) -> None:
        """Pass on the client's bytes of the other protocol."""
        if self._backend is not None:
            self._backend.write(data)

    def take_tunnel_eof(self) -> None:
        """The client has closed its side."""
        if self._backend is not None:
            self._backend.write_end()
        self._end_one_way()

    def _end_one_way(self) -> None:
        self._tunnel_ends += 1
        if self._tunnel_ends == 2 and not self._is_over:
            self._is_over = True
            if self._backend is not None:
                self._backend.close()
            self._client.end_exchange(keep_alive=False, read_all=True)

    # The end.

    def hold_service(self) -> None:
        """Pause reading from the service: the client's buffer is full."""
        if self._backend is not None:
            self._backend.pause()

    def let_service_go_on(self) -> None:
        """Resume reading from the service."""
        if self._backend is not None:
            self._backend.resume()

    def abandon(self) -> None:
        """Cancel the exchange: the client has disconnected."""
        if self._is_over:
            return
        self._is_over = True
        if self._cancel is not None:
            self._cancel()
        backend, self._backend = self._backend, None
        if backend is not None:
            if self._is_tunnel:
                backend.close()
            else:
                backend.abort()

    def _drop_backend(self) -> None:
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.abort()

    def _send_page(self, page: "Page", *, keep_alive: bool = True) -> None:
        if self._is_over:
            return
        self._is_over = True
        request = self.request
        is_whole = self.is_request_complete
        stays = keep_alive and is_whole and isinstance(request, Request) and request.keep_alive
        self._held.clear()
        self._client.say(page, request, keep_alive=stays)
        # The end of a refused request is unknown.
        self._client.end_exchange(
            keep_alive=stays, read_all=is_whole and isinstance(request, Request)
        )
