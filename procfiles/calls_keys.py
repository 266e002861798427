"""Pure. The key `calls` at the top of a definition file: the bus that carries calls elsewhere."""

import re

from portweave.procfiles.fields import (
    NONBLANK,
    Key,
    absolute,
    known_and_others,
    names,
    nonblank_text_of,
    refuse_others,
    wrong_type,
)
from portweave.procfiles.issues import Issues
from portweave.procfiles.model import Bus
from portweave.procfiles.tree import Keys, Value

_SERVER = r"(nats|tls)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?/?"
_SERVERS = rf"{_SERVER}(\s*,\s*{_SERVER})*"
_EXAMPLE = "as calls: {bus: nats://127.0.0.1:4222}"


def read_calls(value: Value, keys: Keys, issues: Issues, folder: str) -> Bus:
    """Read the value of `calls`.

    Args:
        value: The value.
        keys: Its path.
        issues: Gets what is wrong.
        folder: The folder that paths are relative to.
    """
    bus = Bus(folder)
    if not isinstance(value, dict):
        issues.add(keys, wrong_type("object", value), _EXAMPLE)
        return bus
    known, others = known_and_others(value, _CALLS_NAMES)
    for key in CALLS:
        if key.name in known:
            key.read(known[key.name], (*keys, key.name), issues, bus)
    if "bus" not in known:
        issues.add((*keys, "bus"), "calls must name a bus", _EXAMPLE)
    if "key" in known and "cert" not in known:
        issues.add((*keys, "key"), "key needs cert, the certificate that it belongs to")
    refuse_others(keys, others, _CALLS_NAMES, "FOREIGN_SERVICE", issues)
    return bus


def _bus(value: Value, keys: Keys, issues: Issues, bus: Bus) -> None:
    text = nonblank_text_of(value, keys, issues)
    if text is None:
        return
    if "@" in text:
        hint = "credentials: FILE names a file of credentials; PORTWEAVE_HUB may hold a password"
        issues.add(keys, "the URL of a bus in a definition must hold no user or password", hint)
    elif not re.fullmatch(_SERVERS, text.strip()) or any(
        int(port) > 65535 for port in re.findall(r":(\d+)", re.sub(r"\[[^]]*\]", "", text))
    ):
        issues.add(keys, "bus must be nats://host:port or tls://host:port", _EXAMPLE)
    else:
        bus.url = text.strip()


def _credentials(value: Value, keys: Keys, issues: Issues, bus: Bus) -> None:
    bus.credentials = _path(value, keys, issues, bus)


def _ca(value: Value, keys: Keys, issues: Issues, bus: Bus) -> None:
    bus.ca = _path(value, keys, issues, bus)


def _cert(value: Value, keys: Keys, issues: Issues, bus: Bus) -> None:
    bus.cert = _path(value, keys, issues, bus)


def _key(value: Value, keys: Keys, issues: Issues, bus: Bus) -> None:
    bus.key = _path(value, keys, issues, bus)


def _path(value: Value, keys: Keys, issues: Issues, bus: Bus) -> str:
    text = nonblank_text_of(value, keys, issues)
    return "" if text is None else absolute(bus.folder, text)


CALLS = (
    Key(
        "bus",
        _bus,
        {"type": "string", "pattern": rf"^\s*{_SERVERS}\s*$"},
        "The NATS server, as `nats://host:4222` or `tls://host:4222`; several with commas.",
    ),
    Key("credentials", _credentials, NONBLANK, "A file of NATS credentials."),
    Key("ca", _ca, NONBLANK, "A file of certificates that check the server's."),
    Key("cert", _cert, NONBLANK, "A file with a certificate for the server."),
    Key("key", _key, NONBLANK, "A file with the key of `cert`."),
)
_CALLS_NAMES = names(CALLS)
