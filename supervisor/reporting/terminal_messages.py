"""Pure. The lines about changes of instances on a terminal; a failure is one line, with its reason.

They stand in the column of their instance, so they do not name it. Pipes, files and clients get the
texts of `state_messages`.
"""

from collections.abc import Callable, Iterable

from portweave.encoding.marks import Marks
from portweave.encoding.text_style import PREFIX, Span
from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.reporting.state_lines import (
    StateLine,
    emphasised,
    end_line,
    failure_line,
    good_line,
    remarks,
    url_lines,
)
from portweave.supervisor.reporting.state_messages import change_message
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.lifecycle import (
    DONE,
    Life,
    Phase,
)
from portweave.supervisor.services.plan import InstancePlan

# Names of blocked instances that one line has room for.
_MOST_BLOCKED = 6


def state_line(
    plan: InstancePlan,
    before: Life,
    after: Life,
    now_s: float,
    marks: Marks,
    *,
    blocks: tuple[str, ...] = (),
    verbose: bool = False,
) -> StateLine | None:
    """The line about a change of an instance; None where there is nothing to report.

    Args:
        plan: Its plan.
        before: Its state before.
        after: Its state after.
        now_s: The time.
        marks: The signs.
        blocks: The instances that its failure blocks.
        verbose: Whether more is reported.
    """
    said = change_message(plan, before, after, now_s, verbose=verbose)
    text = said.removeprefix(f"{plan.name} ").removeprefix("is ")
    state = str(after.phase)
    match before.phase, after.phase:
        case _ if not said:
            return None
        case old, new if old is new and new is not Phase.UNHEALTHY:
            return StateLine(marks.warning, "warning", (text,))
        case Phase.BACKOFF, Phase.STARTING if not verbose:
            # The line about the crash has told when it starts.
            return None
        case _, Phase.READY | Phase.COMPLETED:
            is_return = after.phase is Phase.READY and after.crash
            if is_return and not text.startswith("ready again"):
                text = text.replace("ready", "ready again", 1)
            return good_line(text, state, after.reason, marks)
        case _, Phase.BACKOFF:
            delay_s = after.streak.delay_s
            again = f"restart {after.restarts + 1}" + (f" in {delay_s:g} s" if delay_s else " now")
            return failure_line(after.reason, after.exit_status, marks, (again,))
        case _, Phase.FAILED:
            return failure_line(after.reason, after.exit_status, marks, _blocking(blocks))
        case _, Phase.UNHEALTHY:
            parts = (*emphasised(text, state), *remarks(_blocking(blocks), marks))
            return StateLine(marks.warning, state, parts)
        case _, Phase.BLOCKED:
            # Why the other one is so, its own line has told.
            blocker = after.reason.partition(": ")[0]
            return StateLine(marks.bad, state, (Span(state, state), f": {blocker}"))
        case _, Phase.EXITED:
            return end_line(text, after.exit_status, marks, _blocking(blocks))
        case _:
            return StateLine(marks.info, "dim", (text,))


def _blocking(names: tuple[str, ...]) -> tuple[str, ...]:
    """The remark that an instance blocks others; none if it blocks none."""
    if not names:
        return ()
    more = len(names) - _MOST_BLOCKED
    told = ", ".join(names[:_MOST_BLOCKED]) + (f" and {more} more" if more > 0 else "")
    return (f"blocks {told}",)


def blocked_by(fleet: Fleet, changed: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The instances that changed instances block, by the name of the one that blocks them.

    Args:
        fleet: All instances.
        changed: Names of the instances that have just changed.
    """
    from portweave.supervisor.reporting.explanation import blocking_chain

    found: dict[str, tuple[str, ...]] = {}
    changed = list(changed)
    for name in changed:
        if name in fleet.lives and fleet.lives[name].phase is Phase.BLOCKED:
            blocker = blocking_chain(fleet, name)[-1]
            if blocker != name and blocker in changed:
                found[blocker] = (*found.get(blocker, ()), name)
    return found


def hint_of(cause: Cause | None, life: Life) -> str:
    """What to do about a failure; empty where that is unknown, or told with the reason."""
    if cause is None or cause.text not in life.reason or cause.hint in life.reason:
        return ""
    return cause.hint


def start_lines(
    fleet: Fleet, took_s: float, marks: Marks, head: Callable[[str], tuple[Span, ...]]
) -> list[tuple[str | Span, ...]]:
    """The lines that sum up the start of a stack: the time, and the URLs or what is wrong.

    Args:
        fleet: As it is.
        took_s: How long the start took.
        marks: The signs.
        head: The name of an instance, as in the column of names.
    """
    prefix: tuple[str | Span, ...] = (Span(PREFIX, "dim"), " ")
    wrong = [
        (phase, [name for name, life in fleet.lives.items() if life.phase is phase])
        for phase in (Phase.FAILED, Phase.BLOCKED, Phase.UNHEALTHY)
    ]
    counts = [Span(f"{len(names)} {phase}", str(phase)) for phase, names in wrong if names]
    if counts:
        first = next(names[0] for _, names in wrong if names)
        told: list[str | Span] = [*prefix, f"not all ready after {took_s:.1f} s: "]
        for count in counts:
            told += (count, ", ")
        return [(*told[:-1], *remarks((f"portweave why {first}",), marks))]
    done = all(life.phase in DONE for life in fleet.lives.values())
    text = f"all {'done' if done else 'ready'} in {took_s:.1f} s"
    line: tuple[str | Span, ...] = (*prefix, Span(text, "good"))
    if done:
        return [line]
    named = [
        (name, plan.url)
        for name, plan in fleet.plans.items()
        if plan.url and plan.hostname and fleet.lives[name].phase is Phase.READY
    ]
    return [line, *url_lines(named, marks, head)]
