"""The verdict of a wait for instances, as an error where it came to no good end."""

import time

from portweave import errors
from portweave.client.verb_queries import (
    instance_of,
    shown_line,
)
from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.errors import PortweaveError

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_HINTS = 3
_MOST_NAMES = 6
# Kinds of causes that may pass with time.
_MAY_COME = ("none", "not ready", "unhealthy", "stopping", "not started")


def timed_out(
    error: "errors.StackUnreachableError", goal: str, began_s: float, timeout_s: float
) -> PortweaveError:
    """Return the error of a wait for a stack that did not answer: once the time is up, a timeout.

    Args:
        error: Why the stack did not answer.
        goal: `ready` or `exit`.
        began_s: When the wait began, on the monotonic clock.
        timeout_s: Its time limit.
    """
    if error.code != errors.StackUnreachableError.code or time.monotonic() - began_s < timeout_s:
        return error
    return errors.WaitTimeoutError(goal, [error.message], timeout_s, hints=error.hints)


def check(rows: "Sequence[Mapping[str, object]]", goal: str, timeout_s: float) -> None:
    """Check that all instances have reached the goal.

    Args:
        rows: The answer of `/supervisor/wait`.
        goal: `ready` or `exit`.
        timeout_s: How long the command has waited.

    Raises:
        NotReadyError: An instance cannot become ready.
        WaitTimeoutError: An instance has not reached the goal in time.
    """
    missing = [row for row in rows if row.get("verdict") != "come"]
    if not missing:
        return
    if goal == "ready" and (why := _stack_stops(missing)):
        raise errors.NotReadyError([why], [], [])
    for row in missing:
        if row.get("hook") is True and row.get("state") == "failed":
            raise _hook_error(row)
    states = [f"{instance_of(row)} is {row.get('text')}" for row in missing]
    vain = [row for row in missing if row.get("verdict") == "in vain"]
    lines: list[str] = []
    # A service that keeps crashing has as much to say as one that has failed.
    told = [row for row in missing if row in vain or row.get("crashes")] or missing
    for row in told:
        last = row.get("lastLines")
        lines += [
            f"{instance_of(row)} | {shown_line(line)}" for line in (last if is_list(last) else [])
        ]
    if vain:
        starting = [instance_of(row) for row in missing if row not in told]
        states = _without_repeats(missing)
        hints = _hints(told) or (f"portweave why {instance_of(missing[0])} says more",)
        raise errors.NotReadyError(states, lines, starting, hints=hints)
    failing = [row for row in missing if row.get("crashes") or not _may_come(row)]
    failing = failing if goal == "ready" else []
    hints = _hints(failing)
    if goal == "ready":
        states = [_without_late(text) for text in states]
    if failing:
        name = instance_of(failing[0])
        hints = (*hints, f"portweave why {name} says more")
    raise errors.WaitTimeoutError(
        goal, states, timeout_s, lines if goal == "ready" else (), hints=hints
    )


def _stack_stops(rows: "Sequence[Mapping[str, object]]") -> str:
    """Return that the stack is being stopped, and why; empty if it is not."""
    return next((f"the stack stops: {why}" for row in rows if (why := row.get("stackStops"))), "")


def _hook_error(row: "Mapping[str, object]") -> PortweaveError:
    kind = (
        errors.LateHookError
        if row["name"] in ("afterReady", "afterDown")
        else errors.StartHookError
    )
    hints = _hints([row])
    return kind(str(row["name"]), str(row.get("reason")), hint=hints[0] if hints else "")


def _without_repeats(rows: "Sequence[Mapping[str, object]]") -> list[str]:
    """Return the state of each row; a blocked one does not repeat the reason of another row."""
    reasons = {
        f"{instance_of(row)} is {row.get('text')}": f"{instance_of(row)} is {row.get('state')}"
        for row in rows
    }
    states: list[str] = []
    for row in rows:
        text = f"{instance_of(row)} is {row.get('text')}"
        blocker = str(row.get("text")).removeprefix("blocked: ")
        if row.get("state") == "blocked" and blocker in reasons:
            text = f"{instance_of(row)} is blocked: {reasons[blocker]}"
        states.append(text)
    return states


def _without_late(text: str) -> str:
    """Remove `not ready after …` from a state: the message begins with it."""
    state, _, rest = text.partition(": not ready after ")
    reason = rest.partition(" s: ")[2]
    return f"{state}: {reason}" if reason else text


def _may_come(row: "Mapping[str, object]") -> bool:
    """Whether more time may help. It does not against a printed error with a file and line."""
    cause = row.get("cause")
    return _kind(row) in _MAY_COME and not (is_object(cause) and cause.get("place"))


def _kind(row: "Mapping[str, object]") -> str:
    cause = row.get("cause")
    return str(cause.get("kind")) if is_object(cause) else "none"


def _hints(rows: "Sequence[Mapping[str, object]]") -> tuple[str, ...]:
    """Return hints for services that are not ready, each once."""
    causes = [cause for row in rows if is_object(cause := row.get("cause"))]
    found = [str(hint) for cause in causes if (hint := cause.get("hint"))]
    return tuple(dict.fromkeys(found))[:_MOST_HINTS]


def brief(rows: "Sequence[Mapping[str, object]]") -> str:
    """Return what a terminal shows of services that are not ready: their reasons stand above."""
    missing = [row for row in rows if row.get("verdict") == "in vain"]
    if why := _stack_stops(missing):
        return f"not all ready: {why}"
    first = [row for row in missing if row.get("state") != "blocked"] or missing
    names: dict[str, list[str]] = {}
    for row in missing:
        names.setdefault(str(row.get("state")), []).append(instance_of(row))
    states = "; ".join(f"{state} {_counted(of)}" for state, of in names.items())
    return f"not all ready: {states}; portweave why {instance_of(first[0])}"


def _counted(names: "Sequence[str]") -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
