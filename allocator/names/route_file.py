"""Pure. The text of the routes file: a JSON array, byte for byte as portless writes it."""

from portweave.encoding.js_number import (
    number_from,
    number_text,
)
from portweave.encoding.json_text import (
    is_list,
    is_object,
    loads,
    quote,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class RouteInfo:
    """A host name and the port behind it.

    Attributes:
        hostname: The host name, such as `api.shop.localhost`.
        port: The service's port, on a loopback address.
    """

    __slots__ = ("hostname", "port")

    def __init__(self, hostname: str, port: int) -> None:
        self.hostname = hostname
        self.port = port

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self._fields().items())
        return f"{type(self).__name__}({fields})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RouteInfo) or type(self) is not type(other):
            return False
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash((self.hostname, self.port))

    def _fields(self) -> dict[str, object]:
        return {"hostname": self.hostname, "port": self.port}


class RouteMapping(RouteInfo):
    """A route with its owner, as in the file.

    Attributes:
        pid: The process whose end removes the route; 0 for a route that stays until it is removed.
        extra: Other fields of the entry. They stay when the file is written again.
    """

    __slots__ = ("extra", "pid")

    def __init__(
        self, hostname: str, port: int, pid: int, extra: "Mapping[str, object] | None" = None
    ) -> None:
        super().__init__(hostname, port)
        self.pid = pid
        self.extra: Mapping[str, object] = extra or {}

    def _fields(self) -> dict[str, object]:
        fields = {**super()._fields(), "pid": self.pid}
        return {**fields, "extra": dict(self.extra)} if self.extra else fields


class NotRoutesError(ValueError):
    """A text is not a routes file.

    Attributes:
        what: `invalid JSON` or `expected array`.
        data: The text.
    """

    def __init__(self, what: str, data: bytes) -> None:
        super().__init__(what)
        self.what = what
        self.data = data


def routes_from(data: bytes) -> list[RouteMapping]:
    """The valid entries of a file. Bytes that are not UTF-8 become U+FFFD.

    Raises:
        NotRoutesError: The text is not a JSON array.
    """
    try:
        value = loads(data.decode("utf-8", "replace"), number_hook=number_from)
    except ValueError as error:
        raise NotRoutesError("invalid JSON", data) from error
    if not is_list(value):
        raise NotRoutesError("expected array", data)
    return [route for item in value if (route := _route(item)) is not None]


def salvage(data: bytes) -> list[RouteMapping]:
    """The complete entries of a damaged file, in order."""
    text = data.decode("utf-8", "replace")
    found: list[RouteMapping] = []
    position = text.find("{")
    while position >= 0:
        end = text.find("}", position)
        if end < 0:
            break
        try:
            route = _route(loads(text[position : end + 1], number_hook=number_from))
        except ValueError:
            route = None
        if route is None:
            end = position
        else:
            found.append(route)
        position = text.find("{", end + 1)
    return found


def _route(item: object) -> RouteMapping | None:
    if not is_object(item):
        return None
    fields = dict(item)
    hostname, port, pid = fields.pop("hostname", None), fields.pop("port", None), item.get("pid")
    fields.pop("pid", None)
    if not isinstance(hostname, str) or not _is_number(port) or not _is_number(pid):
        return None
    return RouteMapping(hostname, port, pid, fields)  # type: ignore[arg-type]  # pyright: ignore


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def text_of(routes: "Iterable[RouteMapping]") -> bytes:
    """The text of the file with these routes."""
    entries: list[object] = [
        {"hostname": route.hostname, "port": route.port, "pid": route.pid, **route.extra}
        for route in routes
    ]
    return _pretty(entries, "").encode("utf-8", "surrogatepass")


def _pretty(value: object, indent: str) -> str:
    inner = indent + "  "
    if is_object(value):
        members = [f"{inner}{quote(key)}: {_pretty(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}" if members else "{}"
    if is_list(value):
        items = [inner + _pretty(item, inner) for item in value]
        return "[\n" + ",\n".join(items) + f"\n{indent}]" if items else "[]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    return quote(str(value))
