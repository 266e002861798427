"""Pure. Parse a datagram of sd_notify(3), by which a service reports its state."""

from portweave.encoding.value import value

# Our limit in characters; sd_notify(3) has none.
LONGEST_STATUS = 200
_UNSUPPORTED = ("FDSTORE", "FDSTOREREMOVE", "FDNAME", "FDPOLL")


@value
class Notice:
    """The content of one datagram.

    Attributes:
        ready: Whether it is ready.
        stopping: Whether it has begun to end by itself.
        status: What it is doing, in its own words; None where it does not say.
        extend_s: How long from now its start may take; None where it does not say.
        main_pid: The process that becomes its leader; None to keep the leader.
        ignored: Names of fields that portweave does not support.
    """

    ready: bool = False
    stopping: bool = False
    status: str | None = None
    extend_s: float | None = None
    main_pid: int | None = None
    ignored: tuple[str, ...] = ()


def parse(datagram: bytes) -> Notice:
    """Parse lines of `NAME=value`. Other lines are ignored."""
    fields: dict[str, str] = {}
    for line in datagram.split(b"\n"):
        name, equals, text = line.partition(b"=")
        if equals:
            fields[name.decode("ascii", "replace")] = text.decode("utf-8", "backslashreplace")
    status = fields.get("STATUS")
    extend = _number(fields.get("EXTEND_TIMEOUT_USEC"))
    return Notice(
        ready=fields.get("READY") == "1",
        stopping=fields.get("STOPPING") == "1",
        status=None if status is None else _one_line(status),
        extend_s=None if extend is None else extend / 1e6,
        main_pid=_number(fields.get("MAINPID")),
        ignored=tuple(name for name in _UNSUPPORTED if name in fields),
    )


def _number(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 15:
        return None
    return int(text) or None


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:LONGEST_STATUS].strip()
