"""Pure. JSON-RPC 2.0, one message a line: bytes to messages and back.

    {"jsonrpc":"2.0","id":2,"method":"/users/name","params":["7"],"meta":{"timeout_ms":2000}}
    {"jsonrpc":"2.0","id":2,"result":["Ann"]}

`params` and `result` are arrays. A hub that passes them on leaves them as bytes (`Raw`). Only
`msgspec` is fast enough for that; it is imported when there is something to send, not before.
"""

import re

import msgspec
from msgspec import UNSET as UNSET
from msgspec import Raw as Raw
from msgspec import UnsetType as UnsetType

from portweave.errors import ClusterError, NotSerializable, RemoteError, call_errors

# The longest line that a hub accepts, by default.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
# How much longer a passed line may get: another id, the remaining time, an escaped path.
SLACK_BYTES = 64 * 1024

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
SERVER_ERROR = -32000

NOTHING = b"[]"
_CODES = {"RouteNotFound": METHOD_NOT_FOUND, "ConnectionNotFound": METHOD_NOT_FOUND}
_KINDS: dict[str, type[ClusterError]] = {
    kind.__name__: kind
    for kind in vars(call_errors).values()
    if isinstance(kind, type) and issubclass(kind, ClusterError)
}
_OPENING_BRACKET = ord("[")
_OPENING_BRACE = ord("{")
# How our lines begin. It identifies a line that cannot be read otherwise.
_HEAD = re.compile(rb'\{"jsonrpc":"2\.0","id":(\d{1,18}),"(method)?')


class Meta(msgspec.Struct, gc=False):
    """The fields beside a request.

    Attributes:
        timeout_ms: The time left for an answer; None for no limit.
        traceparent: W3C Trace Context, section 3.2.
        asker: The caller's name, as `from`. The hub sets it.
        to: The name of the called connection, if the method is only a path.
    """

    timeout_ms: float | UnsetType | None = UNSET
    traceparent: str | UnsetType = UNSET
    asker: str | UnsetType = msgspec.field(name="from", default=UNSET)
    to: str | UnsetType = UNSET


class Message(msgspec.Struct, gc=False):
    """A request, a notification (without `id`) or an answer, as received."""

    id: int | str | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    params: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    meta: Meta | UnsetType = UNSET


class Failure(msgspec.Struct, gc=False):
    """The error of an answer."""

    code: int = SERVER_ERROR
    message: str = ""
    data: "FailureData | None" = None


class FailureData(msgspec.Struct, gc=False):
    """The error's data, which JSON-RPC leaves to the application."""

    type: str = ""
    status: int = 500
    fields: dict[str, object] = msgspec.field(default_factory=dict[str, object])
    connection: str | None = None
    traceback: str = ""


class BadLineError(ValueError):
    """A line is not a message.

    Attributes:
        code: The error code of JSON-RPC.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


_decoder = msgspec.json.Decoder(Message)
_failure_decoder = msgspec.json.Decoder(Failure)
encode = msgspec.json.Encoder().encode
_decode_list = msgspec.json.Decoder(list[object]).decode


class LineReader:
    """Splits received bytes into whole lines.

    Args:
        max_bytes: The longest line.

    Attributes:
        overflowed: Whether a line was longer. Nothing is read after that.
    """

    def __init__(self, max_bytes: int) -> None:
        self.overflowed = False
        self._max_bytes = max_bytes
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that these bytes complete, without their ends."""
        if self.overflowed:
            return []
        lines = data.split(b"\n")
        rest = lines.pop()
        if not lines:
            self._keep(rest)
            return lines
        if self._pieces:
            self._pieces.append(lines[0])
            lines[0] = b"".join(self._pieces)
            self._pieces = []
            self._size = 0
        if len(data) > self._max_bytes or len(lines[0]) > self._max_bytes:
            for index, line in enumerate(lines):
                if len(line) > self._max_bytes:
                    self.overflowed = True
                    return lines[:index]
        if rest:
            self._keep(rest)
        return lines

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._max_bytes:
            self.overflowed = True
            self._pieces = []
        else:
            self._pieces.append(piece)


def decode(line: bytes) -> Message:
    """Read a line.

    Raises:
        BadLineError: It is not JSON, or not a message.
    """
    try:
        if not line.isascii():
            # What is passed on unread must be readable for its receiver (RFC 8259, section 8.1).
            line.decode()
        return _decoder.decode(line)
    except msgspec.ValidationError as error:
        raise BadLineError(INVALID_REQUEST, f"no JSON-RPC message: {error}") from None
    except RecursionError:
        raise BadLineError(PARSE_ERROR, "nested too deeply") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise BadLineError(PARSE_ERROR, f"no JSON: {error}") from None


def head(line: bytes) -> tuple[int, bool] | None:
    """Id and whether it is a request, for a hub's line that cannot be read; None if unknown."""
    found = _HEAD.match(line)
    return None if found is None else (int(found[1]), found[2] is not None)


def is_array(raw: "Raw | bytes") -> bool:
    """Whether a raw value is an array."""
    return memoryview(raw)[0] == _OPENING_BRACKET


def is_object(raw: Raw) -> bool:
    """Whether a raw value is an object."""
    return memoryview(raw)[0] == _OPENING_BRACE


def values(raw: "Raw | bytes") -> list[object]:
    """The values of an array.

    Raises:
        NotSerializable: Python cannot hold one of them, such as a number beyond all floats.
    """
    try:
        return _decode_list(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise NotSerializable(f"the values cannot be read: {error}") from None


def array(items: "list[object] | tuple[object, ...]") -> bytes:
    """Values as an array.

    Raises:
        NotSerializable: JSON cannot hold one of them.
    """
    try:
        return encode(items)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise NotSerializable(f"JSON cannot hold the values: {error}") from None


def request(number: int, method: str, params: "Raw | bytes", meta: bytes) -> bytes:
    """A request with an answer.

    Args:
        number: Its id.
        method: The method.
        params: An array.
        meta: From `meta_member`, or empty.
    """
    return raw_request(number, encode(method), params, meta)


def raw_request(number: int, method: bytes, params: "Raw | bytes", meta: bytes) -> bytes:
    """A request; arguments as in `request`, but `method` is JSON already."""
    return b'{"jsonrpc":"2.0","id":%d,"method":%b,"params":%b%b}\n' % (
        number, method, params, meta,
    )  # fmt: skip


def notification(method: str, params: "Raw | bytes", meta: bytes = b"") -> bytes:
    """A message without an answer; arguments as in `request`."""
    return raw_notification(encode(method), params, meta)


def passed_on(
    number: int, method: bytes, params: "Raw | bytes", timeout_ms: float, trace: str, more: bytes
) -> bytes:
    """A request with a time limit, and perhaps a trace: nearly all are such.

    Args:
        number: Its id.
        method: The method, as JSON.
        params: An array.
        timeout_ms: The time left for an answer.
        trace: W3C Trace Context; empty for none.
        more: From `sender_member` or `to_member`, or empty.
    """
    left_ms = timeout_ms if timeout_ms > 1 else 1  # noqa: FURB136 (a call costs more)
    if trace:
        return (
            b'{"jsonrpc":"2.0","id":%d,"method":%b,"params":%b,'
            b'"meta":{"timeout_ms":%d,"traceparent":%b%b}}\n'
        ) % (number, method, params, left_ms, encode(trace), more)
    return b'{"jsonrpc":"2.0","id":%d,"method":%b,"params":%b,"meta":{"timeout_ms":%d%b}}\n' % (
        number, method, params, left_ms, more,
    )  # fmt: skip


def raw_notification(method: bytes, params: "Raw | bytes", meta: bytes) -> bytes:
    """A message without an answer; arguments as in `request`, but `method` is JSON already."""
    return b'{"jsonrpc":"2.0","method":%b,"params":%b%b}\n' % (method, params, meta)


def meta_member(timeout_ms: float | None, traceparent: str, more: bytes = b"") -> bytes:
    """The member `meta`, with the comma before it.

    Args:
        timeout_ms: The time left; None for no limit.
        traceparent: W3C Trace Context; empty for none.
        more: From `sender_member` or `to_member`, or empty.
    """
    time = b"null" if timeout_ms is None else b"%d" % max(timeout_ms, 1)
    if not traceparent:
        return b',"meta":{"timeout_ms":%b%b}' % (time, more)
    return b',"meta":{"timeout_ms":%b,"traceparent":%b%b}' % (time, encode(traceparent), more)


def sender_member(name: str) -> bytes:
    """The caller's name, as a part of `meta`."""
    return b',"from":%b' % encode(name)


def to_member(name: str) -> bytes:
    """The name of the called connection, as a part of `meta`."""
    return b',"to":%b' % encode(name)


def key(number: int | str | None) -> bytes:
    """An id as JSON."""
    return b"%d" % number if isinstance(number, int) else encode(number)


def answer(key: bytes, result: "Raw | bytes") -> bytes:
    """An answer with values; `result` is an array."""
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}\n' % (key, result)


def int_answer(number: int, result: "Raw | bytes") -> bytes:
    """An answer with values, for an id that is a number."""
    return b'{"jsonrpc":"2.0","id":%d,"result":%b}\n' % (number, result)


def raw_failure(key: bytes, error: "Raw | bytes") -> bytes:
    """An answer with an error that is JSON already."""
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}\n' % (key, error)


def bad_line(code: int, message: str, key: bytes = b"null") -> bytes:
    """The answer to a line that is no message.

    Args:
        code: The error code of JSON-RPC.
        message: The error message.
        key: The id, as JSON.
    """
    data: dict[str, object] = {"type": "BadLine", "status": 400, "fields": {}}
    return raw_failure(key, encode({"code": code, "message": message, "data": data}))


def failure(key: bytes, error: ClusterError, traceback: str = "") -> bytes:
    """An answer with an error.

    Args:
        key: The id, as JSON.
        error: The error.
        traceback: Its traceback; empty for none.
    """
    return raw_failure(key, encode_error(error, traceback))


def encode_error(error: ClusterError, traceback: str = "") -> bytes:
    """An error as the member `error` of an answer."""
    data: dict[str, object] = {"type": error.type, "status": error.status, "fields": error.fields}
    if error.connection is not None:
        data["connection"] = error.connection
    if traceback:
        data["traceback"] = traceback
    code = _CODES.get(error.type, SERVER_ERROR)
    return encode({"code": code, "message": error.message, "data": data})


def decode_error(raw: "Raw | bytes", connection: str | None = None) -> ClusterError:
    """The error of an answer: one of portweave's own, or a `RemoteError` that names its class.

    Args:
        raw: The member `error`.
        connection: The called connection, if the error does not name it.
    """
    try:
        found = _failure_decoder.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return ClusterError("the answer is an error that cannot be read", connection=connection)
    data = found.data or FailureData()
    # Another program may not have named the class.
    unnamed = "RouteNotFound" if found.code == METHOD_NOT_FOUND else "JsonRpcError"
    name = data.type or unnamed
    kind = _KINDS.get(name, RemoteError)
    error = kind(
        found.message,
        connection=data.connection or connection,
        status=data.status if 400 <= data.status <= 599 else 500,
        type=name,
        fields=data.fields,
    )
    if isinstance(error, RemoteError):
        error.traceback = data.traceback
    return error
