"""The control socket: JSON-RPC 2.0, one message a line, for processes of the same user.

The socket has mode 0600, in a folder of mode 0700. The server also asks the kernel for the client's
user (unix(7): SO_PEERCRED; on macOS LOCAL_PEERCRED). A client can only disturb itself:

- A line that is no message gets an error.
- A line that is too long ends the connection.
- Stream items that a client does not read are dropped, counted and reported.
- The server reads no more requests from a client that does not read its answers.
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from errno import EACCES
from functools import partial

from portweave.allocator.socket_paths import is_private
from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.errors import PortweaveError
from portweave.system.files import make_folders
from portweave.system.hangups import Hangups
from portweave.system.tasks import (
    Group,
    Within,
)

LONGEST_LINE_BYTES = 16 << 20
# The most that is buffered for a client that does not read.
MOST_WAITING_BYTES = 1 << 20
# The most open requests of one connection.
MOST_REQUESTS = 256
# How long open requests may still be answered after the end of the stack.
LAST_ANSWERS_S = 0.5
# JSON-RPC 2.0, section 5.1.
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
NO_METHOD = -32601
INVALID_PARAMS = -32602
FAILED = -32000
STREAM = "$/stream"

# Sends one more value to the client before the answer.
Stream = Callable[[object], None]
# Takes the method, its parameters and a stream; returns the values of the answer.
Serve = Callable[[str, list[object], Stream], Awaitable[list[object]]]
# Continues a connection that is about calls. Takes its transport, the bytes not read yet, and a
# function to call when it is lost; returns its new protocol.
TakeOver = Callable[[asyncio.Transport, bytes, Callable[[], None]], asyncio.BufferedProtocol]


class RefusedError(Exception):
    """The request is refused.

    Attributes:
        code: The error code of JSON-RPC.
        message: The error message.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Listener:
    """Accepts connections on a Unix socket until it is closed.

    Args:
        path: Path of the socket. A file at that path is replaced.
        serve: Carries out requests.
        tasks: Runs a task for each request.
        take_over: Continues connections that are about calls.
        on_connect: Called for each new connection.
    """

    def __init__(
        self,
        path: str,
        serve: Serve,
        tasks: Group,
        take_over: TakeOver | None = None,
        on_connect: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._take_over = take_over
        self._on_connect = on_connect
        self._serve = serve
        self._tasks = tasks
        self._server: asyncio.Server | None = None
        self._bound: tuple[int, int] | None = None
        self._is_closed = False
        self._open: set[Connection] = set()
        self._hangups: Hangups | None = None

    async def listen(self) -> None:
        """Start to accept connections.

        Raises:
            OSError: The socket cannot be made.
        """
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(self._path)
            os.chmod(self._path, 0o600)
            self._bound = _file_at(self._path)
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
        loop = asyncio.get_running_loop()
        if self._server is not None:
            self._server.close()
        self._server = await loop.create_unix_server(self._connect, sock=listening, backlog=128)

    async def restore(self) -> bool:
        """Listen again if the socket was removed from its path.

        A session's runtime folder is removed when its user logs out. A detached stack runs on.

        Returns:
            Whether the socket was missing, and is back.

        Raises:
            OSError: The socket cannot be made.
        """
        if self._is_closed or (self._bound is not None and _file_at(self._path) == self._bound):
            return False
        folder = os.path.dirname(self._path)
        make_folders(os.path.dirname(folder))
        if not is_private(folder):
            raise PermissionError(EACCES, "not a folder of the user's alone", folder)
        await self.listen()
        return True

    def _connect(self) -> "Connection":
        self._on_connect()
        self._hangups = self._hangups or Hangups()
        connection = Connection(
            self._serve, self._tasks, self._open, self._take_over, self._hangups
        )
        self._open.add(connection)
        return connection

    async def close(self) -> None:
        """Stop accepting, answer open requests, close all connections, and remove the socket."""
        self._is_closed = True
        if self._server is None:
            return
        self._server.close()
        self._server = None
        if _file_at(self._path) == self._bound:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        async with Within(LAST_ANSWERS_S):
            # This takes a few turns of the loop.
            while any(connection.is_busy for connection in self._open):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        for connection in list(self._open):
            connection.end()
        if self._hangups is not None:
            self._hangups.close()


class Connection(asyncio.Protocol):
    """The connection of one client."""

    def __init__(
        self,
        serve: Serve,
        tasks: Group,
        registry: "set[Connection]",
        take_over: TakeOver | None,
        hangups: Hangups,
    ) -> None:
        self._hangups = hangups
        self._watched: int | None = None
        self._serve = serve
        self._take_over = take_over
        self._tasks = tasks
        self._registry = registry
        self._transport: asyncio.Transport | None = None
        self._pieces: list[bytes] = []
        self._pending_bytes = 0
        self._requests: dict[object, asyncio.Task[None]] = {}
        self._is_half_closed = False
        self._skipped: dict[str | int, int] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept a process of the same user or of root; reject all others."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = _uid_of(transport.get_extra_info("socket"))
        if peer not in (os.geteuid(), 0):
            transport.abort()
            return
        transport.set_write_buffer_limits(high=MOST_WAITING_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the client's requests."""
        self._transport = None
        if self._watched is not None:
            self._hangups.forget(self._watched)
        self._registry.discard(self)
        for request in self._requests.values():
            request.cancel()

    def pause_writing(self) -> None:
        """Read no more requests from a client that does not read: its answers would pile up."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read requests again, and report what the client missed."""
        if self._transport is not None:
            self._transport.resume_reading()
        for key in list(self._skipped):
            self._report_skipped(key)

    def eof_received(self) -> bool:
        """Keep the connection open until all requests are answered."""
        self._is_half_closed = True
        if self._pieces:
            line = b"".join(self._pieces)
            self._pieces = []
            if self._take_over is not None and _is_call(line):
                self._hand_over(line).eof_received()
                return True
            self._take_line(line)
        if self._requests and self._transport is not None:
            # The transport reads no more, so it does not notice the end of the client.
            self._watched = descriptor = self._transport.get_extra_info("socket").fileno()
            self._hangups.watch(descriptor, self._transport.abort)
        return bool(self._requests)

    def data_received(self, data: bytes) -> None:
        """Receive bytes, split at any place."""
        *lines, rest = data.split(b"\n")
        for number, line in enumerate(lines):
            whole = b"".join((*self._pieces, line))
            self._pieces, self._pending_bytes = [], 0
            if len(whole) > LONGEST_LINE_BYTES:
                self._refuse_length()
                return
            if self._take_over is not None and _is_call(whole):
                self._hand_over(b"\n".join((whole, *lines[number + 1 :], rest)))
                return
            self._take_line(whole)
        if rest:
            self._pieces.append(rest)
            self._pending_bytes += len(rest)
            if self._pending_bytes > LONGEST_LINE_BYTES:
                self._refuse_length()

    def _hand_over(self, data: bytes) -> asyncio.BufferedProtocol:
        """Let the hub continue a connection that is about calls."""
        assert self._take_over is not None
        assert self._transport is not None
        # The hub does not know that reading was paused.
        self._transport.resume_reading()
        return self._take_over(self._transport, data, self._lost)

    def _lost(self) -> None:
        self.connection_lost(None)

    def _refuse_length(self) -> None:
        limit = f"a message has at most {LONGEST_LINE_BYTES} bytes"
        self._answer(None, error=_error(INVALID_REQUEST, limit))
        self._pieces, self._pending_bytes = [], 0
        if self._transport is not None:
            self._transport.close()

    def _take_line(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            import json  # the start of a stack does not wait for this

            message: object = json.loads(line.decode(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            self._answer(None, error=_error(PARSE_ERROR, "not JSON"))
            return
        if not is_object(message) or not isinstance(method := message.get("method"), str):
            self._answer(None, error=_error(INVALID_REQUEST, "no request of JSON-RPC 2.0"))
            return
        key, params = message.get("id"), message.get("params", [])
        if isinstance(key, bool) or not isinstance(key, (str, int, type(None))):
            self._answer(None, error=_error(INVALID_REQUEST, "an id is a text or a number"))
        elif not is_list(params):
            self._answer(key, error=_error(INVALID_PARAMS, "params must be an array"))
        elif method == "$/cancel":
            if params and isinstance(params[0], (str, int)) and params[0] in self._requests:
                self._requests[params[0]].cancel()
            if key is not None:
                self._write({"jsonrpc": "2.0", "id": key, "result": []})
        elif key is not None and key in self._requests:
            self._answer(key, error=_error(INVALID_REQUEST, f"the id {key!r} is in use"))
        elif len(self._requests) >= MOST_REQUESTS:
            limit = f"at most {MOST_REQUESTS} requests at once"
            self._answer(key, error=_error(FAILED, limit))
        else:
            known_as = object() if key is None else key
            request = self._tasks.start(self._carry_out, key, method, params)
            self._requests[known_as] = request
            request.add_done_callback(partial(self._done, key, known_as))

    async def _carry_out(self, key: str | int | None, method: str, params: list[object]) -> None:
        def stream(item: object) -> None:
            if key is not None:
                self._stream(key, item)

        error: dict[str, object] | None = None
        values: list[object] = []
        try:
            values = await self._serve(method, params, stream)
        except RefusedError as refusal:
            error = _error(refusal.code, refusal.message)
        except PortweaveError as failure:
            error = _error(FAILED, failure.message, _data_of(failure))
        except Exception as failure:  # a bug of portweave must not end the stack
            kind = type(failure).__name__
            error = _error(FAILED, f"{kind}: {failure}", {"type": kind, "status": 500})
        if key is not None and error is not None:
            self._answer(key, error=error)
        elif key is not None:
            self._write({"jsonrpc": "2.0", "id": key, "result": values})

    def _done(self, key: str | int | None, known_as: object, request: asyncio.Task[None]) -> None:
        del self._requests[known_as]
        if request.cancelled() and key is not None:
            # Perhaps it had not begun.
            self._answer(key, error=_error(FAILED, "cancelled"))
        if self._is_half_closed and not self._requests and self._transport is not None:
            self._transport.close()

    def _stream(self, key: str | int, item: object) -> None:
        transport = self._transport
        if transport is None:
            return
        if transport.get_write_buffer_size() >= MOST_WAITING_BYTES:
            self._skipped[key] = self._skipped.get(key, 0) + 1
            return
        self._report_skipped(key)
        self._send_item(key, item)

    def _report_skipped(self, key: str | int) -> None:
        if skipped := self._skipped.pop(key, 0):
            self._send_item(key, {"event": "events skipped", "count": skipped})

    def _send_item(self, key: str | int, item: object) -> None:
        self._write({"jsonrpc": "2.0", "method": STREAM, "params": [key, item]})

    def _answer(self, key: str | int | None, *, error: dict[str, object] | None) -> None:
        self._write({"jsonrpc": "2.0", "id": key, "error": error})

    def _write(self, message: dict[str, object]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_line(message))

    @property
    def is_busy(self) -> bool:
        """Whether requests are open, or bytes wait to be sent."""
        waiting = self._transport is not None and self._transport.get_write_buffer_size() > 0
        return bool(self._requests) or waiting

    def end(self) -> None:
        """Send what is buffered, then close."""
        if self._transport is not None:
            self._transport.close()


def _file_at(path: str) -> tuple[int, int] | None:
    """Device and inode of the file at a path; None if there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_call(line: bytes) -> bool:
    """Whether a line is a call to a service, or a hello with a name."""
    try:
        import json

        message: object = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if not is_object(message) or not isinstance(method := message.get("method"), str):
        return False
    if method == "$/hello":
        return bool(message.get("params"))
    if is_object(meta := message.get("meta")) and "to" in meta:
        return True
    name = method.lstrip("/").partition("/")[0]
    return not (method.startswith("$/") or name == "supervisor")


def _line(message: dict[str, object]) -> bytes:
    """A message as a line of UTF-8; if that fails, an error as a line."""
    try:
        return _dump(message, is_ascii=False)
    except UnicodeEncodeError:
        # Half surrogates, from file names that are not UTF-8, or from a client.
        return _dump(message, is_ascii=True)
    except (RecursionError, TypeError, ValueError) as error:
        # For example, a client's value was nested deeply enough to be read, but not to be written.
        why = _error(FAILED, f"the answer cannot be written: {error}")
        return _dump({"jsonrpc": "2.0", "id": message.get("id"), "error": why}, is_ascii=True)


def _dump(message: dict[str, object], *, is_ascii: bool) -> bytes:
    import json

    text = json.dumps(message, ensure_ascii=is_ascii, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"


def _refuse_constant(word: str) -> object:
    raise ValueError(f"{word} is not JSON")


def _error(code: int, message: str, data: dict[str, object] | None = None) -> dict[str, object]:
    fields: dict[str, object] = {"code": code, "message": message}
    if data is not None:
        fields["data"] = data
    return fields


def _data_of(error: PortweaveError) -> dict[str, object]:
    return {
        "type": type(error).__name__,
        "status": 500,
        "fields": {
            "code": error.code,
            "hints": list(error.hints),
            "exitStatus": error.exit_status,
            "facts": error.facts,
        },
    }


def _uid_of(peer: socket.socket) -> int:
    """The user id of the process at the other end."""
    if hasattr(socket, "SO_PEERCRED"):
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        uid: int = struct.unpack("3i", credentials)[1]
        return uid
    # macOS, unix(4): struct xucred begins with its version and the user id.
    credentials = peer.getsockopt(0, 1, 76)
    return int.from_bytes(credentials[4:8], "little")
