"""Pure. Addresses of calls: `first/rest`, where `first` is the name of a connection.

Parts are split first and then percent-decoded once (RFC 3986, section 2.4), so an encoded slash is
never an edge.
"""

import re
from urllib.parse import unquote

from portweave.errors import BadPath

# The hub's own methods; the path of a call never begins so when it is passed on.
OWN = "$/"

_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2})+")


def split(address: str) -> tuple[str, str]:
    """The first part of an address, decoded, and the rest as it is.

    Raises:
        BadPath: An escape is broken, or stands for no UTF-8.
    """
    first, _, rest = address.lstrip("/").partition("/")
    if "%" in address:
        check(address)
        first = unquote(first)
    return first, rest


def guarded(path: str) -> str:
    """A path that cannot be taken for one of the hub's own methods."""
    return f"/{path}" if path.startswith(OWN) else path


def is_name(name: str) -> bool:
    """Whether a text can be the name of a connection."""
    return bool(name) and "/" not in name and not name.startswith("$") and name.isprintable()


def normal(path: str) -> str:
    """A path with all escapes decoded but those of the slash and of the percent sign itself.

    So what is compared is text, and what is an edge stays one.

    Raises:
        BadPath: An escape is broken, or stands for no UTF-8.
    """
    if "%" not in path:
        return path
    check(path)
    return _ESCAPES.sub(_decoded, path)


def _decoded(escapes: re.Match[str]) -> str:
    return unquote(escapes[0], errors="strict").replace("%", "%25").replace("/", "%2F")


def value(text: str) -> str:
    """A part of a normal path, decoded."""
    return unquote(text) if "%" in text else text


def literal(text: str) -> str:
    """Plain text as a normal path has it."""
    return text.replace("%", "%25")


def check(path: str) -> None:
    """See whether all escapes of a path can be decoded.

    Raises:
        BadPath: One is broken, or they stand for no UTF-8.
    """
    if _BROKEN_ESCAPE.search(path):
        raise BadPath(f"a broken escape in the address {path!r}: % needs two hexadecimal digits")
    try:
        unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise BadPath(f"the escapes in the address {path!r} are no UTF-8") from None
