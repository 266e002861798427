"""The hub of calls: its connections, its clock, and the calls that the supervisor answers itself.

Who accepts a connection does not matter: `Hub.connection` is a protocol for any stream transport of
asyncio's. Decisions are those of `core.calls`.
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

from portweave.encoding import jsonrpc
from portweave.errors import ClusterError, RemoteError, RouteNotFound
from portweave.supervisor.calls.router import CallRouter
from portweave.supervisor.calls.state import (
    Action,
    Ask,
    AskSupervisor,
    CancelSupervisor,
    Close,
    Ended,
    Limits,
    Peer,
)
from portweave.system.fast_loop import (
    ACCEPTED_AT_ONCE,
    FastLoop,
    InlineConnection,
    lengthen_queue,
)
from portweave.system.hangups import Hangups

log = logging.getLogger("portweave.calls")

# What may lie in a transport before its reader counts as one who does not read.
HIGH_WATER_BYTES = 256 * 1024
# More are not kept back to go together: the next process is to have something to do meanwhile. The
# first go soon, to wake it; then twice as many each time.
FIRST_LINES = 2
MOST_LINES = 16
# What is due is not looked for more often than this: each time, all that is open is gone through.
LATE_S = 0.02
LINGER_S = 5.0
# unix(7): pid, uid and gid of who is at the other end.
_CREDENTIALS = struct.Struct("3i")


class SupervisorCall:
    """What somebody asks the supervisor.

    Attributes:
        path: Behind `supervisor/`.
        load: The values.
        asker: Name of who asks; None for one who has none.
        stream: Sends one more value, besides the answer.
    """

    def __init__(self, path: str, load: list[object], asker: str | None, stream: "Stream") -> None:
        self.path = path
        self.load = load
        self.asker = asker
        self.stream = stream


# Sends the asker one more value, besides the answer.
Stream = Callable[[object], None]
# Returns the values of an answer; raises a `ClusterError`.
OnSupervisorCall = Callable[[SupervisorCall], Awaitable[list[object]]]


class Hub:
    """A star of connections.

    Args:
        token_of: The token that the process of a kept name was told; empty where none runs.
        on_supervisor_call: Answers what is asked of `supervisor`.
        limits: Bounds.
        options: Told to who joins.

    Attributes:
        calls: What is decided.
        hangups: Tells which askers that send no more are gone.
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
        self._connections: dict[Peer, HubConnection] = {}
        self._tasks: dict[Ask, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_s = float("inf")
        self.hangups = Hangups()

    def connection(self) -> "HubConnection":
        """A protocol for one more connection."""
        return HubConnection(self)

    # Names, as the supervisor knows them.

    def expect(
        self, name: str, group: str, *, number: int = 1, askable: bool = True, default: bool = False
    ) -> None:
        """Keep a name for a process of our own; arguments as of `Calls.expect`."""
        self.calls.expect(name, group, number=number, askable=askable, default=default)

    def coming(self, name: str) -> None:
        """A process of a name has been started, or will be."""
        self.calls.coming(name)

    def ended(self, name: str) -> None:
        """The process of a name has ended; another may come."""
        self.carry_out(self.calls.ended(name, self._loop.time()))

    def gone(self, name: str, reason: str) -> None:
        """No process of a name will come; `reason` is words such as `has ended`."""
        self.carry_out(self.calls.gone(name, reason, self._loop.time()))

    def forget(self, name: str) -> None:
        """There is no such instance any more."""
        self.carry_out(self.calls.forget(name, self._loop.time()))

    # Connections.

    def opened(self, connection: "HubConnection") -> Peer:
        """A transport is there."""
        peer = self.calls.opened()
        self._connections[peer] = connection
        return peer

    def closed(self, peer: Peer) -> None:
        """A transport is gone."""
        actions = self.calls.closed(peer, self._loop.time())
        self._connections.pop(peer, None)
        self.carry_out(actions)

    def carry_out(self, actions: list[Action]) -> None:
        """Do what the core has decided; the lines of one peer are written together."""
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
                case AskSupervisor(ask):
                    self._tasks[ask] = self._loop.create_task(self._ask_supervisor(ask))
                case CancelSupervisor(ask):
                    if (task := self._tasks.get(ask)) is not None:
                        task.cancel()
                case Ended(ask, failure):
                    self._log_hop(ask, failure)
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
        # One that rings for what is over by then finds nothing, and is set again.
        self._alarm_s = self.calls.next_due_s
        self._alarm = self._loop.call_at(self._alarm_s + LATE_S, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._alarm_s = float("inf")
        self.carry_out(self.calls.tick(self._loop.time()))

    async def _ask_supervisor(self, ask: Ask) -> None:
        def stream(item: object) -> None:
            self.carry_out(self.calls.stream(ask, jsonrpc.array([ask.id, item])))

        result: bytes | ClusterError
        try:
            load = jsonrpc.values(ask.params)
            call = SupervisorCall(ask.path, load, ask.asker.name, stream)
            result = jsonrpc.array(await self._on_supervisor_call(call))
        except ClusterError as error:
            result = error
        except Exception as error:
            log.exception("supervisor call failed")
            result = RemoteError(str(error), connection="supervisor", type=type(error).__name__)
        finally:
            self._tasks.pop(ask, None)
        self.carry_out(self.calls.answer(ask, result))

    def _log_hop(self, ask: Ask, failure: str) -> None:
        hop = {
            "event": "call",
            "from": ask.asker.name,
            "to": ask.server.name if ask.server is not None else None,
            "path": ask.path or loads(ask.method),
            "ms": round((self._loop.time() - ask.began_s) * 1000, 3),
            "failure": failure,
            "traceparent": ask.traceparent,
        }
        log.debug("%s", dumps(hop))

    async def close(self) -> None:
        """End all connections, and what is being answered."""
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
        """Take connections at a Unix socket of this user's own, until the context ends.

        Args:
            path: Where the socket is made, 0600; its folder is to be 0700.
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
        hub: Whose it is.
        checked: Whether to see to it that the other end is a process of the same user.
    """

    def __init__(self, hub: Hub, *, checked: bool = False) -> None:
        super().__init__()
        self._hub = hub
        self._calls = hub.calls
        self._checked = checked
        self._reader = jsonrpc.LineReader(hub.calls.limits.message_bytes)
        self._loop = asyncio.get_running_loop()
        # The same, with one step less.
        self._clock = time.monotonic if isinstance(self._loop, FastLoop) else self._loop.time
        self._owed_bytes = hub.calls.limits.owed_bytes
        self._closing = False
        self._on_lost: Callable[[], None] | None = None
        self._watched: int | None = None

    def take_over(
        self, transport: asyncio.Transport, data: bytes, on_lost: Callable[[], None]
    ) -> None:
        """Go on where another protocol has begun.

        Args:
            transport: Of a connection whose other end is the same user's.
            data: What came, and was not taken.
            on_lost: Called when the connection is gone.
        """
        self._on_lost = on_lost
        transport.set_protocol(self)
        self.connection_made(transport)
        self.take(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has connected."""
        super().connection_made(transport)
        assert self.transport is not None
        self._peer = self._hub.opened(self)
        if self._checked and not _is_own(transport.get_extra_info("socket")):
            self.abort()
            return
        self.transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)

    def take(self, data: bytes) -> None:
        """Something was sent."""
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
        """Nothing more will be sent; there may be answers that are waited for."""
        # Who ends a line by ending all has sent it nevertheless.
        self.take(b"\n")
        self._hub.carry_out(self._calls.half_closed(self._peer, self._clock()))
        if self._peer.asks and self.transport is not None:
            # Nothing more is read from it, so its end is not noticed otherwise.
            self._watched = descriptor = self.transport.get_extra_info("socket").fileno()
            self._hub.hangups.watch(descriptor, self.abort)
        return True

    def lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        if self._watched is not None:
            self._hub.hangups.forget(self._watched)
        self._hub.closed(self._peer)
        if self._on_lost is not None:
            self._on_lost()

    def pause_writing(self) -> None:
        """The other side does not read."""
        self._calls.blocked(self._peer)

    def resume_writing(self) -> None:
        """The other side has read what was written."""
        peer = self._peer
        self._calls.unblocked(peer)
        while lines := self._calls.release(peer, HIGH_WATER_BYTES):
            self.write(b"".join(lines))
        if peer.owed_bytes <= self._owed_bytes and not peer.ended:
            self.resume()
        if self._closing and not peer.held:
            self.close()

    def close_when_written(self) -> None:
        """Send what there is, then close."""
        if self._closing:
            return
        self._closing = True
        self.pause()
        # Who does not read what there is for him is not waited for.
        self._loop.call_later(LINGER_S, self.abort)
        if not self._peer.held:
            self.close()


def _no_token(name: str) -> str:
    return ""


async def _no_supervisor(call: SupervisorCall) -> list[object]:
    raise RouteNotFound(f"no route for {call.path!r}", connection="supervisor")


def _is_own(sock: socket.socket) -> bool:
    """Whether the process at the other end is the same user's."""
    if sys.platform == "linux":
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return bool(_CREDENTIALS.unpack(raw)[1] == os.getuid())
    # macOS, unix(4): struct xucred begins with its version and the user.
    raw = sock.getsockopt(0, 1, 76)
    return int.from_bytes(raw[4:8], sys.byteorder) == os.getuid()
