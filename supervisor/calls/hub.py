"""The hub of calls: its connections, its clock, and its calls to the supervisor.

Anything may accept a connection: `Hub.connection` is a protocol for any stream transport of
asyncio. `portweave.supervisor.calls.router` makes the decisions.
"""

import asyncio
import contextlib
import logging
import os
import socket
import struct
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from json import dumps, loads
from typing import Protocol

from portweave.encoding import jsonrpc
from portweave.errors import ClusterError, RemoteError, RouteNotFound
from portweave.supervisor.calls.router import CallRouter
from portweave.supervisor.calls.state import (
    Action,
    CallSupervisor,
    CancelSupervisorCall,
    Close,
    Ended,
    Limits,
    Peer,
    PendingRequest,
)
from portweave.system.fast_loop import (
    ACCEPTED_AT_ONCE,
    FastLoop,
    InlineConnection,
    lengthen_queue,
)
from portweave.system.hangups import Hangups

log = logging.getLogger("portweave.calls")

# With more bytes in its transport, a peer counts as one that does not read.
HIGH_WATER_BYTES = 256 * 1024
# The hub sends at most so many lines together: the next process shall have work meanwhile. The
# first batch is small and wakes that process early; each further batch is twice as large.
FIRST_LINES = 2
MOST_LINES = 16
# How late a deadline may be noticed. Each check goes through all open requests.
LATE_S = 0.02
LINGER_S = 5.0
# unix(7): pid, uid and gid of the process at the other end.
_CREDENTIALS = struct.Struct("3i")


class Receiver(Protocol):
    """What a peer's lines are written to."""

    def write(self, data: bytes) -> None:
        """Send whole lines."""

    def close_when_written(self) -> None:
        """Send what is buffered, then close."""

    def abort(self) -> None:
        """Close at once."""


class SupervisorCall:
    """A request to the supervisor.

    Attributes:
        path: The part of the address after `supervisor/`.
        load: The values.
        asker: The caller's name; None if it has none.
        stream: Sends one more value before the answer.
    """

    def __init__(self, path: str, load: list[object], asker: str | None, stream: "Stream") -> None:
        self.path = path
        self.load = load
        self.asker = asker
        self.stream = stream


# Sends the caller one more value before the answer.
Stream = Callable[[object], None]
# Returns the values of an answer; raises a `ClusterError`.
OnSupervisorCall = Callable[[SupervisorCall], Awaitable[list[object]]]


class Hub:
    """Passes calls between the peers that are connected to it.

    Args:
        token_of: Returns the token of a reserved name's process; empty if none runs.
        on_supervisor_call: Answers requests to `supervisor`.
        limits: The hub's limits.
        options: Sent to each peer that joins.

    Attributes:
        calls: Decides what happens.
        hangups: Tells when a peer that sends nothing more has gone.
    """

    def __init__(
        self,
        token_of: Callable[[str], str] | None = None,
        on_supervisor_call: OnSupervisorCall | None = None,
        limits: Limits | None = None,
        options: dict[str, object] | None = None,
    ) -> None:
        traced = log.isEnabledFor(logging.DEBUG)
        self.calls = CallRouter(token_of or _no_token, limits, options, traced=traced)
        self._on_supervisor_call = on_supervisor_call or _no_supervisor
        self._connections: dict[Peer, Receiver] = {}
        self._tasks: dict[PendingRequest, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_s = float("inf")
        self.hangups = Hangups()

    def connection(self) -> "HubConnection":
        """A protocol for a new connection."""
        return HubConnection(self)

    # Changes that the supervisor reports.

    def reserve(
        self, name: str, group: str, *, number: int = 1, askable: bool = True, default: bool = False
    ) -> None:
        """Reserve a name for a service's process; arguments as in `CallRouter.reserve`."""
        self.calls.reserve(name, group, number=number, askable=askable, default=default)

    def starting(self, name: str) -> None:
        """A process of a name has been started, or will be."""
        self.calls.starting(name)

    def ended(self, name: str) -> None:
        """The process of a name has ended. Another may start."""
        self.carry_out(self.calls.ended(name, self._loop.time()))

    def unavailable(self, name: str, reason: str) -> None:
        """No process of a name will start; `reason` is a predicate such as `has ended`."""
        self.carry_out(self.calls.unavailable(name, reason, self._loop.time()))

    def remove(self, name: str) -> None:
        """The instance was removed."""
        self.carry_out(self.calls.remove(name, self._loop.time()))

    def join_bus(self, receiver: Receiver) -> None:
        """Pass calls to addresses of a bus to `receiver`; `feed_bus` takes its lines."""
        self._connections[self.calls.join_bus()] = receiver

    def feed_bus(self, lines: list[bytes]) -> None:
        """Lines have come from the bus."""
        self.carry_out(self.calls.feed_bus(lines, self._loop.time()))

    # Connections.

    def connected(self, connection: "HubConnection") -> Peer:
        """A transport has connected."""
        peer = self.calls.connected()
        self._connections[peer] = connection
        return peer

    def disconnected(self, peer: Peer) -> None:
        """A transport has disconnected."""
        actions = self.calls.disconnected(peer, self._loop.time())
        self._connections.pop(peer, None)
        self.carry_out(actions)

    def carry_out(self, actions: list[Action]) -> None:
        """Carry out the router's actions; the lines of one peer are written together."""
        if len(actions) == 1 and type(action := actions[0]) is tuple:
            if (connection := self._connections.get(action[0])) is not None:
                connection.write(action[1])
            if self.calls.next_due_s < self._alarm_s:
                self._set_alarm()
            return
        lines: dict[Peer, list[bytes]] = {}
        closing: list[Peer] = []
        for action in actions:
            if type(action) is tuple:
                peer, line = action
                if peer in lines:
                    lines[peer].append(line)
                else:
                    lines[peer] = [line]
                continue
            match action:
                case Close(peer):
                    closing.append(peer)
                case CallSupervisor(request):
                    self._tasks[request] = self._loop.create_task(self._call_supervisor(request))
                case CancelSupervisorCall(request):
                    if (task := self._tasks.get(request)) is not None:
                        task.cancel()
                case Ended(request, failure):
                    self._log_hop(request, failure)
                case _:
                    raise AssertionError(action)
        for peer, data in lines.items():
            if (connection := self._connections.get(peer)) is not None:
                connection.write(data[0] if len(data) == 1 else b"".join(data))
        for peer in closing:
            if (connection := self._connections.get(peer)) is not None:
                connection.close_when_written()
        if self.calls.next_due_s < self._alarm_s:
            self._set_alarm()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        # If that request has ended by then, the alarm finds nothing, and is set again.
        self._alarm_s = self.calls.next_due_s
        self._alarm = self._loop.call_at(self._alarm_s + LATE_S, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._alarm_s = float("inf")
        self.carry_out(self.calls.tick(self._loop.time()))

    async def _call_supervisor(self, request: PendingRequest) -> None:
        def stream(item: object) -> None:
            self.carry_out(self.calls.stream(request, jsonrpc.array([request.id, item])))

        result: bytes | ClusterError
        try:
            load = jsonrpc.values(request.params)
            call = SupervisorCall(request.path, load, request.asker.name, stream)
            result = jsonrpc.array(await self._on_supervisor_call(call))
        except ClusterError as error:
            result = error
        except Exception as error:
            log.exception("supervisor call failed")
            result = RemoteError(str(error), connection="supervisor", type=type(error).__name__)
        finally:
            self._tasks.pop(request, None)
        self.carry_out(self.calls.answer(request, result))

    def _log_hop(self, request: PendingRequest, failure: str) -> None:
        hop = {
            "event": "call",
            "from": request.asker.name,
            "to": request.server.name if request.server is not None else None,
            "path": request.path or loads(request.method),
            "ms": round((self._loop.time() - request.began_s) * 1000, 3),
            "failure": failure,
            "traceparent": request.traceparent,
        }
        log.debug("%s", dumps(hop))

    async def close(self) -> None:
        """Close all connections, and cancel calls to the supervisor."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm_s = float("-inf")
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._connections.values()):
            connection.abort()
        self._connections.clear()
        self.hangups.close()

    @contextlib.asynccontextmanager
    async def listen(self, path: str) -> AsyncGenerator[str]:
        """Accept connections on a Unix socket, for this user only, until the context ends.

        Args:
            path: Path of the socket, which gets mode 0600. Its folder should have mode 0700.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        before = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(before)
        server = await self._loop.create_unix_server(
            lambda: HubConnection(self, checked=True), sock=listener, backlog=ACCEPTED_AT_ONCE
        )
        lengthen_queue(server)
        try:
            yield path
        finally:
            server.close()
            await self.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


class HubConnection(InlineConnection):
    """One connection.

    Args:
        hub: The hub.
        checked: Whether to check that the process at the other end has the same user.
    """

    def __init__(self, hub: Hub, *, checked: bool = False) -> None:
        super().__init__()
        self._hub = hub
        self._calls = hub.calls
        self._checked = checked
        self._reader = jsonrpc.LineReader(hub.calls.limits.message_bytes)
        self._loop = asyncio.get_running_loop()
        # The same clock, with one call less.
        self._clock = time.monotonic if isinstance(self._loop, FastLoop) else self._loop.time
        self._owed_bytes = hub.calls.limits.owed_bytes
        self._closing = False
        self._on_lost: Callable[[], None] | None = None
        self._watched: int | None = None

    def take_over(
        self, transport: asyncio.Transport, data: bytes, on_lost: Callable[[], None]
    ) -> None:
        """Continue a connection that another protocol has begun.

        Args:
            transport: A connection to a process of the same user.
            data: Bytes that were received and not read yet.
            on_lost: Called when the connection is lost.
        """
        self._on_lost = on_lost
        transport.set_protocol(self)
        self.connection_made(transport)
        self.take(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has connected."""
        super().connection_made(transport)
        assert self.transport is not None
        self._peer = self._hub.connected(self)
        if self._checked and not _is_own(transport.get_extra_info("socket")):
            self.abort()
            return
        self.transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)

    def take(self, data: bytes) -> None:
        """Bytes have arrived."""
        lines = self._reader.feed(data)
        peer = self._peer
        if lines:
            now_s = self._clock()
            most = FIRST_LINES
            while lines:
                batch, lines = lines[:most], lines[most:]
                self._hub.carry_out(self._calls.feed(peer, batch, now_s))
                most = min(2 * most, MOST_LINES)
            if peer.owed_bytes > self._owed_bytes:
                self.pause()
        if self._reader.overflowed and not self._closing:
            self._hub.carry_out(self._calls.overflowed(peer))

    def take_end(self) -> bool:
        """The peer sends nothing more, but may wait for answers."""
        # The end of the stream ends the last line, too.
        self.take(b"\n")
        self._hub.carry_out(self._calls.half_closed(self._peer, self._clock()))
        if self._peer.requests and self.transport is not None:
            # The transport reads no more, so it does not notice the end of the peer.
            self._watched = descriptor = self.transport.get_extra_info("socket").fileno()
            self._hub.hangups.watch(descriptor, self.abort)
        return True

    def lost(self, error: Exception | None) -> None:
        """The connection is lost."""
        if self._watched is not None:
            self._hub.hangups.forget(self._watched)
        self._hub.disconnected(self._peer)
        if self._on_lost is not None:
            self._on_lost()

    def pause_writing(self) -> None:
        """The peer does not read."""
        self._calls.blocked(self._peer)

    def resume_writing(self) -> None:
        """The peer has read what was written."""
        peer = self._peer
        self._calls.unblocked(peer)
        while lines := self._calls.release(peer, HIGH_WATER_BYTES):
            self.write(b"".join(lines))
        if peer.owed_bytes <= self._owed_bytes and not peer.ended:
            self.resume()
        if self._closing and not peer.held:
            self.close()

    def close_when_written(self) -> None:
        """Send what is buffered, then close."""
        if self._closing:
            return
        self._closing = True
        self.pause()
        # A peer that does not read may delay this no longer.
        self._loop.call_later(LINGER_S, self.abort)
        if not self._peer.held:
            self.close()


def _no_token(name: str) -> str:
    return ""


async def _no_supervisor(call: SupervisorCall) -> list[object]:
    raise RouteNotFound(f"no route for {call.path!r}", connection="supervisor")


def _is_own(sock: socket.socket) -> bool:
    """Whether the process at the other end has the same user."""
    if sys.platform == "linux":
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return bool(_CREDENTIALS.unpack(raw)[1] == os.getuid())
    # macOS, unix(4): struct xucred begins with its version and the user id.
    raw = sock.getsockopt(0, 1, 76)
    return int.from_bytes(raw[4:8], sys.byteorder) == os.getuid()
