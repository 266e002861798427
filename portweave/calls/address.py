"""Pure. Addresses of calls: `first/rest`, where `first` is the name of a connection.

An address is split first. Each part is then percent-decoded once (RFC 3986, section 2.4), so an
encoded slash never splits a part.
"""

import re
from urllib.parse import unquote

from portweave.errors import BadPath

# The hub's own methods begin so; a path that is passed on never does.
OWN = "$/"

_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2})+")


def split(address: str) -> tuple[str, str]:
    """The first part of an address, decoded, and the rest, unchanged.

    Raises:
        BadPath: An escape is broken, or is not UTF-8.
    """
    first, _, rest = address.lstrip("/").partition("/")
    if "%" in address:
        check(address)
        first = unquote(first)
    return first, rest


def guarded(path: str) -> str:
    """A path that cannot be mistaken for a method of the hub."""
    return f"/{path}" if path.startswith(OWN) else path


def is_name(name: str) -> bool:
    """Whether a text can be the name of a connection."""
    return bool(name) and "/" not in name and name[0] not in "$@" and name.isprintable()


def normal(path: str) -> str:
    """A path with all escapes decoded, except those of the slash and of the percent sign.

    So paths compare as text, and their parts stay apart.

    Raises:
        BadPath: An escape is broken, or is not UTF-8.
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
    """Plain text in the form of a normal path."""
    return text.replace("%", "%25")


def check(path: str) -> None:
    """Check that all escapes of a path can be decoded.

    Raises:
        BadPath: An escape is broken, or is not UTF-8.
    """
    if _BROKEN_ESCAPE.search(path):
        raise BadPath(f"a broken escape in the address {path!r}: % needs two hexadecimal digits")
    try:
        unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise BadPath(f"the escapes in the address {path!r} are not UTF-8") from None
