"""Pure. What the server does with each message of a client: the rules of MCP, without any I/O.

Two kinds of clients exist (MCP 2026-07-28, versioning). A modern one names its version in each
request's `_meta`. An older one begins with `initialize`. One process serves both at the same time:
a request with a version in `_meta` is modern, any other belongs to the version of `initialize`.
"""

from portweave.encoding.json_text import is_list, is_object
from portweave.encoding.value import value
from portweave.mcp.rpc_messages import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    RESOURCE_NOT_FOUND,
    UNSUPPORTED_VERSION,
    BadMessage,
    Notification,
    Request,
    Response,
    error_line,
    notification_line,
    request_line,
    result_line,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from portweave.mcp.rpc_messages import Id, Message

MODERN = "2026-07-28"
# Versions that begin with `initialize`, the newest first.
OLDER = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
# From these on, results of tools have `structuredContent`, and progress has `message`.
_STRUCTURED_SINCE = "2025-06-18"
_MESSAGE_SINCE = "2025-03-26"
_VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
_CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
_SERVER_KEY = "io.modelcontextprotocol/serverInfo"
# A client that never reads its answers must not make threads without end.
MOST_CALLS = 64
# The table of tools and the server's abilities do not change while it runs.
_STEADY_MS = 3_600_000


@value
class Era:
    """The protocol of one request.

    Attributes:
        version: Its version.
        is_modern: Whether the request names it itself.
    """

    version: str
    is_modern: bool

    @property
    def has_structure(self) -> bool:
        """Whether results of tools may have `structuredContent`."""
        return self.version >= _STRUCTURED_SINCE

    @property
    def has_progress_text(self) -> bool:
        """Whether progress may have a message."""
        return self.version >= _MESSAGE_SINCE


@value
class Send:
    """Send a line to the client.

    Attributes:
        line: The line, with its end.
    """

    line: bytes


@value
class Call:
    """Call a tool; `Machine.finish_call` takes its result.

    Attributes:
        id: The id of the request.
        tool: The name of the tool.
        arguments: Its arguments.
        era: The protocol of the request.
    """

    id: "Id"
    tool: str
    arguments: "Mapping[str, object]"
    era: Era


@value
class Read:
    """Read a resource; `Machine.finish_read` takes its text.

    Attributes:
        id: The id of the request.
        uri: Its URI.
    """

    id: "Id"
    uri: str


@value
class Cancel:
    """Stop the work on a request. Its result is not wanted any more.

    Attributes:
        id: The id of the request.
    """

    id: "Id"


if TYPE_CHECKING:
    Action: TypeAlias = Send | Call | Read | Cancel


@value
class Offer:
    """What a server offers.

    Attributes:
        version: The version of the server.
        instructions: What a model should know of it.
        tools: Its tools, as `tools/list` names them.
        resources: Its resources, as `resources/list` names them.
        templates: Templates of further URIs.
    """

    version: str
    instructions: str
    tools: "Sequence[Mapping[str, object]]"
    resources: "Sequence[Mapping[str, object]]" = ()
    templates: "Sequence[Mapping[str, object]]" = ()


@value
class _Open:
    """A request without an answer so far."""

    era: Era
    progress_token: "Id | None"
    uri: str = ""


class Machine:
    """The protocol of one connection.

    Args:
        offer: What the server offers.

    Attributes:
        roots: URIs of the folders that an older client has opened.
    """

    def __init__(self, offer: Offer) -> None:
        self.roots: tuple[str, ...] = ()
        self._offer = offer
        self._names = frozenset(str(tool["name"]) for tool in offer.tools)
        self._older: Era | None = None
        self._has_roots = False
        self._asked = 0
        self._open: dict[Id, _Open] = {}
        self._progress: dict[Id, int] = {}

    def take(self, message: "Message") -> "list[Action]":
        """Return what to do about a message."""
        match message:
            case BadMessage(code, text, number):
                return [Send(error_line(number, code, text))]
            case Response(number, result):
                self._take_roots(number, result)
                return []
            case Notification():
                return self._notified(message)
            case Request():
                return self._requested(message)

    def finish_call(self, number: "Id", result: "Mapping[str, object]") -> "list[Action]":
        """Return what to do about the result of a tool.

        Args:
            number: The id of the request.
            result: `content`, and the other members of the result.
        """
        found = self._close(number)
        if found is None:
            return []
        if not found.era.has_structure:
            result = {key: part for key, part in result.items() if key != "structuredContent"}
        return [self._answer(number, found.era, result)]

    def finish_read(self, number: "Id", text: str | None, kind: str) -> "list[Action]":
        """Return what to do about the text of a resource.

        Args:
            number: The id of the request.
            text: The text; None if there is no such resource.
            kind: Its MIME type.
        """
        found = self._close(number)
        if found is None:
            return []
        if text is None:
            code = INVALID_PARAMS if found.era.is_modern else RESOURCE_NOT_FOUND
            about = {"uri": found.uri}
            return [
                Send(error_line(number, code, f"there is no resource {found.uri[:500]}", about))
            ]
        contents = [{"uri": found.uri, "mimeType": kind, "text": text}]
        return [self._answer(number, found.era, {"contents": contents}, fresh_ms=0)]

    def fail(self, number: "Id", code: int, text: str) -> "list[Action]":
        """Return what to do about a request that the server cannot answer.

        Args:
            number: The id of the request.
            code: The error code of JSON-RPC.
            text: Why.
        """
        return [] if self._close(number) is None else [Send(error_line(number, code, text))]

    def progress(self, number: "Id", text: str) -> "list[Action]":
        """Return what to do about news of the work on a request.

        Args:
            number: The id of the request.
            text: The news.
        """
        found = self._open.get(number)
        if found is None or found.progress_token is None:
            return []
        count = self._progress[number] = self._progress.get(number, 0) + 1
        params: dict[str, object] = {"progressToken": found.progress_token, "progress": count}
        if found.era.has_progress_text:
            params["message"] = text
        return [Send(notification_line("notifications/progress", params))]

    def _notified(self, message: Notification) -> "list[Action]":
        if message.method == "notifications/cancelled":
            number = message.params.get("requestId")
            if isinstance(number, (int, str)) and self._close(number) is not None:
                return [Cancel(number)]
        elif (
            message.method in ("notifications/initialized", "notifications/roots/list_changed")
            and self._has_roots
        ):
            self._asked += 1
            return [Send(request_line(f"roots-{self._asked}", "roots/list"))]
        return []

    def _take_roots(self, number: "Id", result: object) -> None:
        if number != f"roots-{self._asked}" or not is_object(result):
            return
        roots = result.get("roots")
        uris = [root.get("uri") for root in (roots if is_list(roots) else []) if is_object(root)]
        self.roots = tuple(uri for uri in uris if isinstance(uri, str))

    def _requested(self, message: Request) -> "list[Action]":
        number, params = message.id, message.params
        if number in self._open:
            text = f"the request with the id {str(number)[:100]!r} is still being answered"
            return [Send(error_line(None, INVALID_REQUEST, text))]
        meta = params.get("_meta")
        meta = meta if is_object(meta) else {}
        if message.method == "initialize":
            return self._initialize(message)
        version = meta.get(_VERSION_KEY)
        if isinstance(version, str):
            if version != MODERN:
                data = {"supported": [MODERN, *OLDER], "requested": version}
                text = "Unsupported protocol version"
                return [Send(error_line(number, UNSUPPORTED_VERSION, text, data))]
            if not is_object(meta.get(_CAPABILITIES_KEY)):
                return [
                    Send(error_line(number, INVALID_PARAMS, f"_meta lacks {_CAPABILITIES_KEY}"))
                ]
            era = Era(MODERN, is_modern=True)
        elif message.method == "ping":
            return [Send(result_line(number, {}))]
        elif self._older is None:
            text = f"a request has {_VERSION_KEY} in _meta, or follows initialize"
            return [Send(error_line(number, INVALID_PARAMS, text))]
        else:
            era = self._older
        token = meta.get("progressToken")
        is_token = isinstance(token, (int, str)) and not isinstance(token, bool)
        return self._serve(message, era, token if is_token else None)  # type: ignore[arg-type]

    def _initialize(self, message: Request) -> "list[Action]":
        asked = message.params.get("protocolVersion")
        if not isinstance(asked, str):
            text = "initialize needs protocolVersion, a text"
            return [Send(error_line(message.id, INVALID_PARAMS, text))]
        version = asked if asked in OLDER else OLDER[0]
        self._older = Era(version, is_modern=False)
        abilities = message.params.get("capabilities")
        self._has_roots = is_object(abilities) and is_object(abilities.get("roots"))
        result = {
            "protocolVersion": version,
            "capabilities": _ABILITIES,
            "serverInfo": self._info(),
            "instructions": self._offer.instructions,
        }
        return [Send(result_line(message.id, result))]

    def _serve(self, message: Request, era: Era, token: "Id | None") -> "list[Action]":
        number, params = message.id, message.params
        match message.method:
            case "server/discover" if era.is_modern:
                result: dict[str, object] = {
                    "supportedVersions": [MODERN, *OLDER],
                    "capabilities": _ABILITIES,
                    "serverInfo": self._info(),
                    "instructions": self._offer.instructions,
                }
                return [self._answer(number, era, result, fresh_ms=_STEADY_MS)]
            case "tools/list":
                tools = {"tools": list(self._offer.tools)}
                return [self._answer(number, era, tools, fresh_ms=_STEADY_MS)]
            case "resources/list":
                found = {"resources": list(self._offer.resources)}
                return [self._answer(number, era, found, fresh_ms=_STEADY_MS)]
            case "resources/templates/list":
                found = {"resourceTemplates": list(self._offer.templates)}
                return [self._answer(number, era, found, fresh_ms=_STEADY_MS)]
            case "resources/read":
                uri = params.get("uri")
                if not isinstance(uri, str):
                    return [Send(error_line(number, INVALID_PARAMS, "uri is a text"))]
                self._open[number] = _Open(era, token, uri)
                return [Read(number, uri)]
            case "tools/call":
                return self._call(message, era, token)
            case method:
                text = f"there is no method {method[:100]}"
                return [Send(error_line(number, METHOD_NOT_FOUND, text))]

    def _call(self, message: Request, era: Era, token: "Id | None") -> "list[Action]":
        number = message.id
        name, given = message.params.get("name"), message.params.get("arguments")
        if not isinstance(name, str) or name not in self._names:
            text = f"there is no tool {str(name)[:100]}; there are {', '.join(sorted(self._names))}"
            return [Send(error_line(number, INVALID_PARAMS, text))]
        arguments = _NOTHING if given is None else given
        if not is_object(arguments):
            return [Send(error_line(number, INVALID_PARAMS, "arguments is an object"))]
        if len(self._open) >= MOST_CALLS:
            text = f"{MOST_CALLS} calls are at work; call again when one has ended"
            return [Send(error_line(number, INVALID_REQUEST, text))]
        self._open[number] = _Open(era, token)
        return [Call(number, name, arguments, era)]

    def _answer(
        self, number: "Id", era: Era, result: "Mapping[str, object]", fresh_ms: int | None = None
    ) -> Send:
        """Write a result.

        Args:
            number: The id of the request.
            era: The protocol of the request.
            result: The result.
            fresh_ms: How long a client may keep it; None for a result that it may not keep.
        """
        if era.is_modern:
            kept = {} if fresh_ms is None else {"ttlMs": fresh_ms, "cacheScope": "private"}
            meta = {_SERVER_KEY: self._info()}
            result = {"resultType": "complete", **result, **kept, "_meta": meta}
        return Send(result_line(number, result))

    def _close(self, number: "Id") -> _Open | None:
        self._progress.pop(number, None)
        return self._open.pop(number, None)

    def _info(self) -> "dict[str, object]":
        return {"name": "portweave", "version": self._offer.version}


_NOTHING: "dict[str, object]" = {}
_ABILITIES: "dict[str, object]" = {"tools": _NOTHING, "resources": _NOTHING}
