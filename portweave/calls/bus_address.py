"""Pure. Addresses of services on a bus, and the NATS subjects that stand for them.

An address is `@[REALM:][PROJECT:]NAMESPACE/service/path`. Parts that it leaves out are those of the
caller. The subject is `portweave.1.REALM.PROJECT.NAMESPACE.SERVICE`. In a part, each byte but ASCII
letters, digits and `-` is `_` and two hexadecimal digits, so a part is never empty, holds no dot,
and no two names share one.
"""

import re
from urllib.parse import quote, unquote

from portweave.calls.address import check
from portweave.encoding.value import value
from portweave.errors import BadPath, ConfigError

PREFIX = "portweave.1"
MARK = "@"
# A NATS server reads 4096 bytes of a command by default.
MOST_PART = 255

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
# In an address, these divide it.
_DIVIDERS = re.compile("[/:@%]")


@value
class Place:
    """Where a service is, apart from its name.

    Attributes:
        realm: A machine, or several that answer each other's calls.
        project: The project's name.
        namespace: The worktree's namespace.
    """

    realm: str
    project: str
    namespace: str

    def subject(self, service: str) -> str:
        """The subject of a service or an instance.

        Raises:
            BadPath: A name is empty or too long.
        """
        parts = (self.realm, self.project, self.namespace, service)
        return ".".join((PREFIX, *map(encode_part, parts)))

    def address(self, service: str) -> str:
        """The whole address of a service."""
        parts = (self.realm, self.project, self.namespace)
        return f"{MARK}{':'.join(map(_escaped, parts))}/{_escaped(service)}"


@value
class Target:
    """What an address names.

    Attributes:
        place: Where the service is.
        service: The service or the instance.
        path: The path there, with its escapes.
    """

    place: Place
    service: str
    path: str


def encode_part(name: str) -> str:
    """A name as a part of a subject.

    Raises:
        BadPath: It is empty, or too long.
    """
    data = name.encode("utf-8", "surrogatepass")
    part = "".join(chr(byte) if byte in _PLAIN else f"_{byte:02X}" for byte in data)
    if not part:
        raise BadPath("an address on a bus has an empty name")
    if len(part) > MOST_PART:
        raise BadPath(f"the name {name[:20]!r}… is too long for a bus")
    return part


def find_target(address: str, to: str | None, home: Place) -> Target:
    """What an address names.

    Args:
        address: `@[REALM:][PROJECT:]NAMESPACE/service/path`, or `service/path` for a service of
            `home`.
        to: The address without the path, if `address` is only a path.
        home: The caller's place.

    Raises:
        BadPath: It names no service, or an escape is broken.
    """
    if to is None:
        text = address.lstrip("/")
        check(text)
        first, _, rest = text.partition("/")
        if not first.startswith(MARK):
            return Target(home, unquote(first), rest)
        service, _, path = rest.partition("/")
        place = _place_of(first, home)
    else:
        path = address.removeprefix("/")
        if not to.startswith(MARK):
            return Target(home, to, path)
        check(to)
        first, _, service = to.partition("/")
        if "/" in service:
            raise BadPath(f"{to} has more than a namespace and a service; the path stands apart")
        place = _place_of(first, home)
    if not service:
        raise BadPath(f"{first} names no service: {first}/SERVICE/path does")
    return Target(place, unquote(service), path)


def _place_of(text: str, home: Place) -> Place:
    """The place that `@[REALM:][PROJECT:]NAMESPACE` names."""
    parts = [unquote(part) for part in text[1:].split(":")]
    if len(parts) > 3 or not all(parts):
        raise BadPath(f"{text} is not @[REALM:][PROJECT:]NAMESPACE")
    whole = [home.realm, home.project, home.namespace]
    whole[3 - len(parts) :] = parts
    return Place(*whole)


def _escaped(name: str) -> str:
    return _DIVIDERS.sub(lambda found: quote(found[0], safe=""), name)


def checked_place(place: Place) -> Place:
    """A place that has a subject.

    Raises:
        ConfigError: A name is empty or too long.
    """
    for what, name in zip(
        ("realm", "project", "namespace"),
        (place.realm, place.project, place.namespace),
        strict=True,
    ):
        try:
            encode_part(name)
        except BadPath:
            text = f"{name!r} cannot be the {what} of a member of a bus"
            raise ConfigError(text, hint="it is text of 1 to about 200 characters") from None
    return place
