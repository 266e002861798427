"""Pure. The stacks and services that `top` lists, as values.

They come from the events of `portweave.panel.watch`, which are objects of JSON.
"""

from collections.abc import Mapping
from datetime import datetime

from portweave.client.verb_queries import (
    instance_of,
    rows_of,
)
from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.encoding.value import replace, value

# By how much they need attention, the most urgent first.
STATES = (
    "failed", "blocked", "backoff", "unhealthy", "stopping", "starting", "waiting", "ready",
    "completed", "exited", "stopped",
)  # fmt: skip
_TROUBLE = STATES[:4]
_UP = frozenset({"ready", "unhealthy", "starting", "waiting", "backoff"})
# Greater than the urgency of any trouble.
WELL = len(_TROUBLE)


@value
class Service:
    """An instance of a stack.

    Attributes:
        stack: The id of its stack.
        name: Such as `web`, or `web.2`.
        state: As in `ps --json`.
        reason: Why it is in this state; empty for none.
        port: Its port; None for none.
        url: Its URL; empty for none.
        restarts: How often it was restarted.
        started_s: When it was started, in seconds since the epoch; None where it does not run.
        pid: Its first process; None where it does not run.
        percent: Processor usage in percent of one processor; None where it is unknown.
        rss_bytes: Resident memory; None where it is unknown.
        next_try_s: When it is started again, in seconds since the epoch; None where it is not.
    """

    stack: str
    name: str
    state: str
    reason: str = ""
    port: int | None = None
    url: str = ""
    restarts: int = 0
    started_s: float | None = None
    pid: int | None = None
    percent: float | None = None
    rss_bytes: int | None = None
    next_try_s: float | None = None

    @property
    def urgency(self) -> int:
        """How much it needs attention: 0 is the most, `WELL` is a service without trouble."""
        return _TROUBLE.index(self.state) if self.is_in_trouble else WELL

    @property
    def is_in_trouble(self) -> bool:
        """Whether it has failed, or cannot do its work."""
        return self.state in _TROUBLE

    @property
    def is_up(self) -> bool:
        """Whether it runs, or is about to."""
        return self.state in _UP


@value
class Stack:
    """A stack, or a worktree in which none runs.

    Attributes:
        id: The id of its worktree.
        project: The name of its project.
        namespace: The namespace of its worktree.
        root: The root of its worktree.
        services: Its instances.
        problem: Why its supervisor does not answer; empty where it does.
        is_known: Whether its supervisor has answered yet.
        is_running: Whether it runs.
    """

    id: str
    project: str
    namespace: str
    root: str
    services: tuple[Service, ...] = ()
    problem: str = ""
    is_known: bool = True
    is_running: bool = True

    @property
    def name(self) -> str:
        """Its name, as `--stack` takes it."""
        return f"{self.project}/{self.namespace}"


# A stack's id and an instance; the stack itself has None for the instance.
Item = tuple[str, str | None]


def apply_event(stacks: dict[str, Stack], kind: str, data: object) -> None:
    """Apply an event of the panel's watch.

    Args:
        stacks: The running stacks by their ids; changed in place.
        kind: `stacks`, `stack` or `gone`; others are ignored.
        data: The data of the event.
    """
    if not is_object(data):
        return
    if kind == "stacks":
        listed = data.get("stacks")
        stacks.clear()
        found = map(stack_of, rows_of(listed))
        stacks.update({stack.id: stack for stack in found})
    elif kind == "stack":
        stacks[str(data.get("id"))] = stack_of(data)
    elif kind == "gone":
        stacks.pop(str(data.get("id")), None)


def stack_of(data: Mapping[str, object]) -> Stack:
    """Return a stack from its object of JSON."""
    id_ = str(data.get("id"))
    return Stack(
        id_,
        _text(data, "project"),
        _text(data, "namespace"),
        _text(data, "worktreeRoot"),
        tuple(_service(id_, row) for row in rows_of(data.get("services"))),
        _text(data, "problem"),
        data.get("isKnown") is True,
    )


def worktrees_without_stack(listing: Mapping[str, object]) -> tuple[Stack, ...]:
    """Return the worktrees that could run a stack, and do not.

    Args:
        listing: Projects and their worktrees, as `Worktrees.listing` returns them.
    """
    return tuple(
        Stack(
            _text(row, "id"),
            _text(project, "name"),
            _text(row, "namespace"),
            _text(row, "worktreeRoot"),
            is_running=False,
        )
        for project in rows_of(listing.get("projects"))
        for row in rows_of(project.get("worktrees"))
        if row.get("canStart") is True and row.get("isGone") is not True
    )


def _service(stack: str, row: Mapping[str, object]) -> Service:
    state, pid = str(row.get("state")), row.get("pid")
    service = Service(
        stack,
        instance_of(row),
        state,
        _text(row, "reason"),
        _number(row, "port"),
        _text(row, "url"),
        _number(row, "restarts") or 0,
        _seconds(row.get("startedAt")) if pid else None,
        _number(row, "pid"),
        _percent(row),
        _number(row, "rssBytes"),
        _seconds(row.get("nextTryAt")) if state == "backoff" else None,
    )
    if service.is_in_trouble and not service.reason and row.get("lastError"):
        return replace(service, reason=_text(row, "lastError"))
    return service


def _percent(row: Mapping[str, object]) -> float | None:
    """Return the usage since the last sample; it is newer than the row."""
    samples = row.get("samples")
    last = samples[-1] if is_list(samples) and samples else None
    found = last[1] if is_list(last) and len(last) > 1 and row.get("pid") else None
    found = row.get("cpuPercent") if found is None else found
    return float(found) if isinstance(found, int | float) else None


def _text(row: Mapping[str, object], name: str) -> str:
    found = row.get(name)
    return found if isinstance(found, str) else ""


def _number(row: Mapping[str, object], name: str) -> int | None:
    found = row.get(name)
    return found if isinstance(found, int) else None


def _seconds(stamp: object) -> float | None:
    if not isinstance(stamp, str):
        return None
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return None
