"""Pure. The messages about changes of instances, and about the start and stop of a stack."""

from portweave.supervisor.diagnosis.fixed_port import edit_hint
from portweave.supervisor.processes.exit_status import describe_exit
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.lifecycle import (
    ALIVE,
    DONE,
    Life,
    Phase,
)
from portweave.supervisor.services.plan import InstancePlan


def change_message(
    plan: InstancePlan, before: Life, after: Life, now_s: float, *, verbose: bool
) -> str:
    """The message about a change of an instance; empty where there is nothing to report.

    Args:
        plan: Its plan.
        before: Its state before.
        after: Its state after.
        now_s: The time.
        verbose: Whether more is reported.
    """
    name = plan.name
    lived_s = 0.0 if after.started_s is None else now_s - after.started_s
    match before.phase, after.phase:
        case Phase.UNHEALTHY, Phase.UNHEALTHY if before.quiet and not after.quiet:
            return f"{name} is {after.phase}: {after.reason}"
        case old, new if old is new:
            return _elsewhere(plan, before, after)
        case _, Phase.UNHEALTHY if after.quiet:
            return ""
        case Phase.BACKOFF, Phase.STARTING:
            return f"{name} starts again (restart {after.restarts})"
        case _, Phase.STARTING:
            return f"{name} starts: {plan.command}" if verbose else ""
        case Phase.UNHEALTHY, Phase.READY if before.quiet:
            return ""
        case Phase.UNHEALTHY, Phase.READY:
            return f"{name} is ready again" if before.ready_s else _ready(plan, after, lived_s)
        case _, Phase.READY:
            return _ready(plan, after, lived_s)
        case _, Phase.BACKOFF:
            again = (
                f"restart in {after.streak.delay_s:g} s" if after.streak.delay_s else "restarting"
            )
            return f"{name} {after.reason}; {again}"
        case _, Phase.COMPLETED:
            return f"{name} completed ({lived_s:.1f} s)" + _noted(after)
        case _, Phase.EXITED:
            return f"{name} {describe_exit(after.exit_status or 0)}" + _noted(after)
        case _, Phase.FAILED:
            return f"{name} failed: {after.reason}"
        case _, Phase.BLOCKED | Phase.UNHEALTHY:
            return f"{name} is {after.phase}: {after.reason}"
        case Phase.STOPPING, Phase.STOPPED:
            return f"{name} stopped" + _noted(after)
        case _, Phase.WAITING:
            return f"{name} {after.reason}" if verbose and after.reason else ""
        case _:
            return ""


def _ready(plan: InstancePlan, life: Life, lived_s: float) -> str:
    where = f" on {plan.port}" if plan.port is not None and not life.reason else ""
    note = f", {life.reason}" if life.reason else ""
    return f"{plan.name} ready{where} ({lived_s:.1f} s{note})"


def _elsewhere(plan: InstancePlan, before: Life, after: Life) -> str:
    """The message about a service that listens on other ports than its own."""
    if not after.other_ports or after.other_ports == before.other_ports:
        return ""
    ports = ", ".join(map(str, after.other_ports))
    edit = edit_hint(plan.fixed_ports, after.other_ports, plan.command)
    told = f"{plan.name} listens on port {ports}, not on its own, {plan.port}"
    return f"{told}: {edit}" if edit else told


def _noted(life: Life) -> str:
    return f"; {life.reason}" if life.reason else ""


def stopping_message(fleet: Fleet, *, killing: bool = False) -> str:
    """The services that are still being stopped; empty for none."""
    left = [name for name, life in fleet.lives.items() if life.phase in ALIVE]
    if not left:
        return ""
    if not killing and all(fleet.plans[name].last for name in left):
        return f"running {', '.join(left)} …"
    names = ", ".join(left[:6]) + (f" and {len(left) - 6} more" if len(left) > 6 else "")
    return f"{'killing' if killing else 'stopping'} {names} …"


def start_summary(fleet: Fleet, took_s: float) -> str:
    """The line that sums up the start of a stack.

    Args:
        fleet: As it is.
        took_s: How long the start took.
    """
    parts: list[str] = []
    for phase in (Phase.FAILED, Phase.BLOCKED, Phase.UNHEALTHY):
        names = [name for name, life in fleet.lives.items() if life.phase is phase]
        if names:
            parts.append(f"{phase}: {', '.join(names)}")
    if not parts:
        done = all(life.phase in DONE for life in fleet.lives.values())
        return f"all {'done' if done else 'ready'} in {took_s:.1f} s"
    return f"not all ready after {took_s:.1f} s; {'; '.join(parts)}"


def is_start_over(fleet: Fleet) -> bool:
    """Whether each started instance is ready, has ended, or is late."""
    return all(
        life.phase not in (Phase.WAITING, Phase.STARTING, Phase.BACKOFF, Phase.STOPPING)
        for name, life in fleet.lives.items()
        if name in fleet.included
    )
