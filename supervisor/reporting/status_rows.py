"""Pure. The state of an instance, and its changes, as objects of JSON for clients."""

from time import gmtime, strftime  # a calendar, no clock; `datetime` takes a while to import

from portweave.encoding.value import value
from portweave.supervisor.reporting.crash_loop import reason_of
from portweave.supervisor.services.lifecycle import Life, Phase
from portweave.supervisor.services.plan import InstancePlan


@value
class Clock:
    """One moment on two clocks.

    Attributes:
        now_s: On the monotonic clock, as in `Life`.
        wall_s: Since the epoch.
    """

    now_s: float
    wall_s: float

    def stamp(self, at_s: float | None) -> str | None:
        """A time of the monotonic clock as RFC 3339, in UTC; None for None."""
        if at_s is None:
            return None
        return rfc3339(self.wall_s - (self.now_s - at_s))


@value
class Usage:
    """The resources that the processes of an instance use.

    Attributes:
        cpu_s: Processor time of the live processes.
        rss_bytes: Resident memory. Shared pages count once for each process.
    """

    cpu_s: float = 0.0
    rss_bytes: int = 0


def rfc3339(wall_s: float) -> str:
    """Seconds since the epoch as RFC 3339, in UTC, to the millisecond."""
    seconds, milliseconds = divmod(int(wall_s * 1000), 1000)
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(seconds))}.{milliseconds:03d}Z"


def row(
    plan: InstancePlan,
    life: Life,
    url: str | None,
    clock: Clock,
    usage: Usage | None,
    pending: str = "",
) -> dict[str, object]:
    """An instance as an object of `ps --json`.

    Args:
        plan: Its plan.
        life: Its state.
        url: Its URL now; None for none.
        clock: The time.
        usage: Of its processes; None where none is alive.
        pending: Why it is not ready, by its last probes.
    """
    lived_s = 0.0 if life.started_s is None else clock.now_s - life.started_s
    is_alive = life.pid is not None
    percent = None if usage is None or lived_s <= 0 else round(100 * usage.cpu_s / lived_s, 1)
    found: dict[str, object] = {
        "name": plan.service,
        "instance": plan.number,
        "fullName": plan.full_name,
        "state": str(life.phase),
        "pid": life.pid,
        "port": plan.port,
        "url": url,
        "restarts": life.restarts,
        "exitCode": None if is_alive else life.exit_status,
        "startedAt": clock.stamp(life.started_s),
        "readyAt": clock.stamp(life.ready_s) if is_alive else None,
        "cpuPercent": percent if is_alive else None,
        "cpuSeconds": round(usage.cpu_s, 2) if usage is not None and is_alive else None,
        "rssBytes": usage.rss_bytes if usage is not None and is_alive else None,
        "reason": reason_of(life, clock.now_s, pending) or None,
        "hook": plan.hook,
    }
    if life.phase is Phase.BACKOFF and life.next_try_s is not None:
        found["nextTryAt"] = clock.stamp(life.next_try_s)
    return found


def change(
    plan: InstancePlan, before: Life, after: Life, clock: Clock, text: str
) -> dict[str, object]:
    """A change of an instance as an object of `events --json`.

    Args:
        plan: Its plan.
        before: Its state before.
        after: Its state after.
        clock: The time.
        text: The message for people; empty for none.
    """
    return {
        "time": clock.stamp(clock.now_s),
        "event": f"service {after.phase}",
        "name": plan.service,
        "instance": plan.number,
        "fullName": plan.full_name,
        "state": str(after.phase),
        "previous": str(before.phase),
        "pid": after.pid,
        "port": plan.port,
        "restarts": after.restarts,
        "exitCode": None if after.pid is not None else after.exit_status,
        "reason": after.reason or None,
        "text": text or None,
    }
