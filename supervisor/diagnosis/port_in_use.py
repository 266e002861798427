"""Pure. Which port a message about a port in use means, and the cause with its hint."""

import re
from collections.abc import Sequence

from portweave.encoding.value import (
    replace,
    value,
)
from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.diagnosis.fixed_port import (
    FixedPort,
    edit_hint,
)

# Node, Python, Go, Ruby, Java, Rust, nginx, gunicorn, Spring, Flask, Docker, .NET, Erlang, Windows.
IN_USE = (
    r"EADDRINUSE|AddrInUse|[Aa]ddress (?:is )?(?:already )?in use|eaddrinuse|[Cc]onnection in use"
    r"|[Pp]ort (?:\d{2,5} )?(?:is |was )?(?:already )?(?:in use|taken|allocated|occupied)"
    r"|Is port \d{2,5} in use|Only one usage of each socket address"
)
_SAYS_IN_USE = re.compile(IN_USE)
_NAMED = (
    re.compile(r"\b[Pp]ort['\"]?(?: is| was| number|=|:)?\s*['\"(]?(\d{2,5})\b"),
    # An address before it: 127.0.0.1:3000, [::1]:3000, :::3000, *:3000, tcp :8080, //host:5000.
    re.compile(r"(?:[\d.]{7,}|localhost|[\]*]|::1?|tcp\d? |//[\w.-]+|(?:^|\s)):(\d{2,5})\b"),
    # As Python shows an address.
    re.compile(r"\('[^']*', (\d{2,5})[,)]"),
    re.compile(r"\.listen\(\s*(\d{2,5})\b"),
)
_NEAR_LINES = 3


@value
class PortUse:
    """How a port is used now.

    Attributes:
        port: The port.
        holder: The program that listens on it, in words; empty for none.
        pid: Of that program; None where it is unknown.
        is_passing: Whether a closed or outgoing connection occupies it.
    """

    port: int
    holder: str = ""
    pid: int | None = None
    is_passing: bool = False


def mentioned_ports(
    lines: Sequence[str], fixed: Sequence[FixedPort], command: str
) -> tuple[int, ...]:
    """The ports that a message about a port in use may mean; none where none is named.

    Args:
        lines: The lines of the error.
        fixed: Ports in the command and its scripts, if the message has none.
        command: The command. Its other numbers may be meant too.
    """
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if not _SAYS_IN_USE.search(line):
            continue
        near = lines[max(0, number - _NEAR_LINES) : number + 2 * _NEAR_LINES]
        for text in (line, *near):
            for pattern in _NAMED:
                if match := pattern.search(text):
                    return (int(match[1]),)
    for line in lines:
        # A line of the program that a trace shows: `app.listen(3000)`.
        if match := _NAMED[-1].search(line):
            return (int(match[1]),)
    plain = (int(word) for word in re.findall(r"(?<![\w.])\d{4,5}(?![\w.])", command))
    named = (*(one.port for one in fixed if one.listens), *(n for n in plain if n < 65536))
    return tuple(dict.fromkeys(named))


def port_cause(
    uses: Sequence[PortUse],
    own: int | None,
    fixed: Sequence[FixedPort],
    command: str,
    cause: Cause,
) -> Cause:
    """Why a service ended that found its port in use.

    Args:
        uses: The ports that its message may mean, followed by its own.
        own: Its own port; None without one.
        fixed: Ports in its command and scripts.
        command: Its command, which may contain the port as a plain number.
        cause: The cause by its message alone.
    """
    place = cause.place
    where = f" ({place})" if place else ""
    held = next((use for use in uses if use.holder), None)
    if held is not None:
        text = f"port {held.port} is in use by {held.holder}{where}"
        hint = _holder_hint(held, own, fixed, command, place)
        return replace(cause, text=text, hint=hint, permanent=True)
    passing = next((use for use in uses if use.is_passing), None)
    if passing is not None:
        text = (
            f"port {passing.port} has no listener: a closed or outgoing connection occupies it for"
            f" up to a minute{where}"
        )
        hint = "portweave tries again until then; a server with SO_REUSEADDR need not wait"
        return replace(cause, text=text, hint=hint)
    meant = [use.port for use in uses if use.port != own]
    if meant:
        text = f"port {meant[0]} was in use; nothing listens on it now{where}"
        return replace(cause, text=text, hint=_own_port_hint(own, fixed, command, meant[0], place))
    text = f"the port that it asks for was in use, and it does not say which{where}"
    if own is not None:
        text += f"; its own, {own}, is free"
    return replace(cause, text=text, hint=_own_port_hint(own, fixed, command, None, place))


def _holder_hint(
    held: PortUse, own: int | None, fixed: Sequence[FixedPort], command: str, place: str
) -> str:
    if held.port != own:
        return _own_port_hint(own, fixed, command, held.port, place)
    if held.pid is None:
        return "its user or root can end that program"
    return f"kill {held.pid} ends that program; then portweave restart"


def _own_port_hint(
    own: int | None, fixed: Sequence[FixedPort], command: str, port: int | None, place: str
) -> str:
    if own is None:
        return "give the service a port: have it listen on $PORT"
    if edit := edit_hint(fixed, () if port is None else (port,), command):
        return f"have it listen on its own port, {own}: {edit}"
    where = f" at {place}" if place else ""
    return f"have it listen on its own port, {own}, which is in PORT{where}"
