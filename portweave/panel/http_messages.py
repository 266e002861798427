"""Read HTTP requests of the panel, write its responses, and load the files of the page."""

import json
from collections.abc import AsyncIterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from portweave.encoding.json_text import is_object
from portweave.panel.access_rules import RequestHeaders

LARGEST_BODY_BYTES = 1 << 20
# An idle stream sends a comment this often, which reveals whether its reader is gone.
KEEP_ALIVE_S = 15.0
TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


class BadRequestError(Exception):
    """A request is invalid, or names something that does not exist."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def access_headers(request: Request) -> RequestHeaders:
    """Return the headers of a request that the access rules need."""

    def one(name: str) -> str | None:
        values = request.headers.getlist(name)
        return values[0] if len(values) == 1 else None

    def first(name: str) -> str | None:
        # A repeated header counts as one with all values, which matches no rule.
        values = request.headers.getlist(name)
        return ", ".join(values) if values else None

    return RequestHeaders(
        host=one("host"),
        origin=first("origin"),
        site=first("sec-fetch-site"),
        mode=one("sec-fetch-mode"),
        token=one("x-portweave-csrf"),
    )


async def body_of(request: Request) -> object:
    """Read the JSON body of a request.

    Raises:
        BadRequestError: The body is not JSON, or too long.
    """
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST_BODY_BYTES:
            raise BadRequestError("invalid request body")
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRequestError("invalid request body") from None
    return value


async def object_of(request: Request) -> dict[str, object]:
    """Read the JSON object in the body of a request.

    Raises:
        BadRequestError: The body is not a JSON object.
    """
    value = await body_of(request)
    if not is_object(value):
        raise BadRequestError("invalid request body")
    return value


def event(kind: str, data: object) -> str:
    """Format one server-sent event."""
    # HTML Living Standard, server-sent events: a line of data contains no newline.
    return f"event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


def event_stream(frames: AsyncIterator[str]) -> Response:
    """Build the response for a stream of server-sent events."""
    return StreamingResponse(frames, headers={"Content-Type": "text/event-stream"})


def json_answer(value: object, status: int = 200) -> Response:
    """Build a JSON response."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Names that are not UTF-8 hold lone surrogates; they are escaped as JavaScript does.
    data = text.encode("utf-8", "backslashreplace")
    return Response(data, status, headers={"Content-Type": "application/json"})


def text_answer(text: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Build a response with a text.

    Args:
        text: The text.
        status: The status code.
        headers: Further headers.
    """
    return Response(text, status, headers={"Content-Type": "text/html", **(headers or {})})


def assets(token: str) -> dict[str, tuple[bytes, str]]:
    """Load the files of the page: URL path to content and content type.

    Args:
        token: The token that the page sends with each change.
    """
    found: dict[str, tuple[bytes, str]] = {}

    def look(folder: Traversable, prefix: str) -> None:
        for item in folder.iterdir():
            if item.is_dir():
                look(item, f"{prefix}{item.name}/")
            elif kind := TYPES.get(item.name.rpartition(".")[2]):
                found[prefix + item.name] = (item.read_bytes(), kind)

    look(files("portweave.panel") / "assets", "/")
    page, kind = found["/index.html"]
    # All modules load at once, instead of each after the one that imports it.
    modules = sorted(path for path in found if path.endswith(".js") and path != "/theme.js")
    head = "".join(f'<link rel="modulepreload" href="{path}">' for path in modules)
    head += f'<meta name="pw-csrf" content="{token}"></head>'
    found["/index.html"] = (page.replace(b"</head>", head.encode(), 1), kind)
    return found
