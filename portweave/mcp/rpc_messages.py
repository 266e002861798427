"""Pure. The lines of MCP: JSON-RPC 2.0, one message a line, read and written without `json`.

`portweave.encoding.jsonrpc` reads the hub's lines and needs msgspec, whose import takes longer than
the first answer of this server may.
"""

from portweave.encoding.json_text import compact, is_list, is_object, loads
from portweave.encoding.value import value

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    Id: TypeAlias = int | str

# JSON-RPC 2.0, section 5.1.
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
# MCP 2026-07-28, basic, error codes.
UNSUPPORTED_VERSION = -32022
# MCP 2025-11-25 and earlier, resources, error handling.
RESOURCE_NOT_FOUND = -32002

# The longest line that is read. A tool's arguments are short.
LONGEST_LINE_BYTES = 4 * 1024 * 1024


@value
class Request:
    """A request, which gets an answer.

    Attributes:
        id: Its id.
        method: Its method.
        params: Its parameters.
    """

    id: "Id"
    method: str
    params: "Mapping[str, object]"


@value
class Notification:
    """A message without an answer.

    Attributes:
        method: Its method.
        params: Its parameters.
    """

    method: str
    params: "Mapping[str, object]"


@value
class Response:
    """The answer to a request of the server.

    Attributes:
        id: The id of the request.
        result: Its result; None for an error.
    """

    id: "Id"
    result: object


@value
class BadMessage:
    """A line, or a part of one, that is no message.

    Attributes:
        code: The error code of JSON-RPC.
        text: What is wrong.
        id: The id of the message; None if there is none.
    """

    code: int
    text: str
    id: "Id | None" = None


if TYPE_CHECKING:
    Message: TypeAlias = Request | Notification | Response | BadMessage


def read_line(line: bytes) -> "list[Message]":
    """Read a line: one message, or the messages of a batch (MCP 2025-03-26 has batches).

    A line of blanks has none.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return [BadMessage(PARSE_ERROR, "the line is not UTF-8")]
    if not text.strip():
        return []
    try:
        data = loads(text)
    except ValueError as error:
        return [BadMessage(PARSE_ERROR, f"the line is no JSON: {error}")]
    if is_list(data):
        if not data:
            return [BadMessage(INVALID_REQUEST, "a batch holds at least one message")]
        return [_message(part) for part in data]
    return [_message(data)]


def _message(data: object) -> "Message":
    if not is_object(data) or data.get("jsonrpc") != "2.0":
        return BadMessage(INVALID_REQUEST, 'a message is an object with "jsonrpc": "2.0"')
    number, method = data.get("id"), data.get("method")
    is_id = isinstance(number, (int, str)) and not isinstance(number, bool)
    if "id" in data and not is_id:
        return BadMessage(INVALID_REQUEST, "an id is a text or a whole number")
    known = number if isinstance(number, (int, str)) else None
    if method is None and known is not None and ("result" in data or "error" in data):
        return Response(known, data.get("result"))
    if not isinstance(method, str):
        return BadMessage(INVALID_REQUEST, "a request has a method, which is a text", known)
    params = data.get("params", {})
    if not is_object(params):
        return BadMessage(INVALID_PARAMS, "params is an object", known)
    return Notification(method, params) if known is None else Request(known, method, params)


def result_line(number: "Id", result: "Mapping[str, object]") -> bytes:
    """Write the answer to a request."""
    return _line({"jsonrpc": "2.0", "id": number, "result": dict(result)})


def error_line(
    number: "Id | None", code: int, text: str, data: "Mapping[str, object] | None" = None
) -> bytes:
    """Write the answer to a request that failed.

    Args:
        number: The id of the request; None for a message without a readable id.
        code: The error code.
        text: What is wrong.
        data: Further fields; None for none.
    """
    error: dict[str, object] = {"code": code, "message": text}
    if data is not None:
        error["data"] = dict(data)
    # MCP allows no null as an id, unlike JSON-RPC: the member is left out.
    named = {} if number is None else {"id": number}
    return _line({"jsonrpc": "2.0", **named, "error": error})


def request_line(number: "Id", method: str) -> bytes:
    """Write a request of the server without parameters."""
    return _line({"jsonrpc": "2.0", "id": number, "method": method})


def notification_line(method: str, params: "Mapping[str, object]") -> bytes:
    """Write a message without an answer."""
    return _line({"jsonrpc": "2.0", "method": method, "params": dict(params)})


def _line(fields: "dict[str, object]") -> bytes:
    # A lone surrogate, of a file name that is not UTF-8, becomes an escape of JSON.
    return compact(fields).encode("utf-8", "backslashreplace") + b"\n"


class LineSplitter:
    """Splits received bytes into lines. A line that is too long is skipped, and counted.

    Args:
        longest_bytes: The longest line.

    Attributes:
        skipped: How many lines were too long.
    """

    def __init__(self, longest_bytes: int = LONGEST_LINE_BYTES) -> None:
        self.skipped = 0
        self._longest_bytes = longest_bytes
        self._rest = bytearray()
        self._is_skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that these bytes complete, without their ends."""
        lines: list[bytes] = []
        *ended, rest = data.split(b"\n")
        for part in ended:
            if self._is_skipping:
                self._is_skipping = False
                continue
            self._rest += part
            if len(self._rest) > self._longest_bytes:
                self.skipped += 1
            else:
                lines.append(bytes(self._rest))
            self._rest.clear()
        if not self._is_skipping:
            self._rest += rest
            if len(self._rest) > self._longest_bytes:
                self.skipped += 1
                self._rest.clear()
                self._is_skipping = True
        return lines
