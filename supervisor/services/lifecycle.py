"""Pure. One instance as a state machine, from waiting for its needs to its end.

`wanted` says whether it should run, `phase` whether it does, and each event closes the gap.
`Exited` means that no process of the instance is left. The exit of the leader alone is no `Exited`.
So between `Spawned` and `Exited` there are processes, in every phase.
"""

from enum import StrEnum

from portweave.encoding.value import (
    replace,
    value,
)
from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.services.restart_policy import (
    GiveUp,
    RestartAt,
    RestartStreak,
    StayDown,
    after_exit,
    explain,
)

NO_STREAK = RestartStreak()


class Phase(StrEnum):
    """The phase of an instance. Users see the values."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    UNHEALTHY = "unhealthy"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    STOPPED = "stopped"
    EXITED = "exited"
    COMPLETED = "completed"
    FAILED = "failed"
    BLOCKED = "blocked"


ALIVE = frozenset({Phase.STARTING, Phase.READY, Phase.UNHEALTHY, Phase.STOPPING})
DONE = frozenset({Phase.STOPPED, Phase.EXITED, Phase.COMPLETED, Phase.FAILED, Phase.BLOCKED})


@value
class Life:
    """The state of one instance.

    Attributes:
        phase: Its phase.
        wanted: Whether it should run.
        pid: Of the leader; None without one.
        restarts: How often it was started again, in all.
        streak: Restarts since the last reset.
        started_s: When this run began.
        ready_s: When this run first became ready; None before that.
        exit_status: Of the last run; 128+n for signal n.
        reason: Why it has this phase, in words; may be empty.
        failure: Why it is being stopped although it should run. It has failed once it has ended.
        quiet: Whether it is too early to report that it is unhealthy.
        other_ports: Ports that it listens on while nothing listens on its own.
        crash: How the last run ended that caused a restart; empty before that.
        next_try_s: When it is started again; it counts in `Phase.BACKOFF` only.
    """

    phase: Phase = Phase.STOPPED
    wanted: bool = False
    pid: int | None = None
    restarts: int = 0
    streak: RestartStreak = NO_STREAK
    started_s: float | None = None
    ready_s: float | None = None
    exit_status: int | None = None
    reason: str = ""
    failure: str = ""
    quiet: bool = False
    other_ports: tuple[int, ...] = ()
    crash: str = ""
    next_try_s: float | None = None


# Events.


@value
class Wanted:
    """It should run."""


@value
class Unwanted:
    """It should not run any more."""


@value
class NeedsMet:
    """All that it depends on has reached the needed condition."""


@value
class NeedsFailed:
    """Something that it depends on cannot reach the needed condition."""

    reason: str


@value
class NeedsPending:
    """Something that it depends on may still reach the needed condition."""

    reason: str


@value
class Spawned:
    """Its leader runs, or another process has become its leader."""

    pid: int


@value
class NotSpawned:
    """It could not be started, and another try cannot help."""

    status: int | None
    reason: str


@value
class BecameReady:
    """Its probes passed, or it has run for a second without any.

    Attributes:
        note: Shown beside the state, as `no listener`.
    """

    note: str = ""


@value
class BecameLate:
    """It was not ready in time."""

    reason: str
    fatal: bool


@value
class BecameUnhealthy:
    """Its probes fail, or its port has lost its listener.

    Attributes:
        reason: Why, in words.
        quiet: Whether it is too early to report it.
    """

    reason: str
    quiet: bool = False


@value
class ListensElsewhere:
    """It listens on these ports and not on its own; no ports once that is over."""

    ports: tuple[int, ...]


@value
class StatusReported:
    """It reports what it is doing."""

    text: str


@value
class Exited:
    """No process of it is left.

    Attributes:
        status: Of its leader; 128+n for signal n.
        jitter: A factor for the wait before a restart.
        note: What to report about the end, such as processes that it left behind.
        cause: Why it ended, as far as its output tells.
    """

    status: int
    jitter: float = 1.0
    note: str = ""
    cause: Cause | None = None


@value
class BackoffEnded:
    """The wait before its restart is over."""


Event = (
    Wanted
    | Unwanted
    | NeedsMet
    | NeedsFailed
    | NeedsPending
    | Spawned
    | NotSpawned
    | BecameReady
    | BecameLate
    | BecameUnhealthy
    | ListensElsewhere
    | StatusReported
    | Exited
    | BackoffEnded
)

# Actions.


@value
class Spawn:
    """Start its process."""


@value
class Stop:
    """Send the stop signal, and SIGKILL after the grace period."""


@value
class Kill:
    """Send SIGKILL at once."""


@value
class WaitUntil:
    """Send `BackoffEnded` at `at_s`."""

    at_s: float


Action = Spawn | Stop | Kill | WaitUntil
Step = tuple[Life, tuple[Action, ...]]


class ImpossibleEventError(Exception):
    """An event cannot happen in this phase. The state stays as it is."""


def step(plan: InstancePlan, life: Life, event: Event, now_s: float) -> Step:
    """The state of an instance after an event, and the actions that follow.

    Args:
        plan: Its plan.
        life: Its state before.
        event: What happened.
        now_s: The time.

    Raises:
        ImpossibleEventError: The event does not fit the phase: a bug in portweave.
    """
    match event, life.phase:
        case Wanted(), phase if phase in DONE:
            fresh = replace(
                life,
                phase=Phase.WAITING,
                wanted=True,
                streak=NO_STREAK,
                reason="",
                failure="",
                crash="",
            )
            return fresh, ()
        case Wanted(), _:
            return replace(life, wanted=True, failure=""), ()
        case Unwanted(), Phase.STARTING | Phase.READY | Phase.UNHEALTHY:
            return replace(life, phase=Phase.STOPPING, wanted=False, reason=""), (Stop(),)
        case Unwanted(), Phase.WAITING | Phase.BACKOFF | Phase.BLOCKED:
            return replace(life, phase=Phase.STOPPED, wanted=False, reason=""), ()
        case Unwanted(), _:
            return replace(life, wanted=False), ()
        case NeedsMet(), Phase.WAITING | Phase.BLOCKED:
            return _start(life, now_s), (Spawn(),)
        case NeedsFailed(reason), Phase.WAITING | Phase.BLOCKED:
            return replace(life, phase=Phase.BLOCKED, reason=reason), ()
        case NeedsPending(reason), Phase.WAITING | Phase.BLOCKED:
            return replace(life, phase=Phase.WAITING, reason=reason), ()
        case Spawned(pid), phase if phase in ALIVE:
            return replace(life, pid=pid), ()
        case NotSpawned(), Phase.STOPPING if life.wanted:
            # Started again before its process ran.
            return replace(life, phase=Phase.WAITING, reason=""), ()
        case NotSpawned(), Phase.STOPPING:
            return replace(life, phase=Phase.STOPPED, reason=""), ()
        case NotSpawned(status, reason), Phase.STARTING:
            return replace(life, phase=Phase.FAILED, exit_status=status, reason=reason), ()
        case BecameReady(note), Phase.STARTING | Phase.UNHEALTHY:
            since_s = now_s if life.ready_s is None else life.ready_s
            return replace(life, phase=Phase.READY, ready_s=since_s, reason=note, quiet=False), ()
        case BecameLate(reason, fatal), Phase.STARTING:
            if fatal:
                return replace(life, phase=Phase.STOPPING, failure=reason, reason=reason), (Stop(),)
            return replace(life, phase=Phase.UNHEALTHY, reason=reason), ()
        case BecameUnhealthy(reason, quiet), Phase.READY | Phase.UNHEALTHY:
            # What was reported stays reported.
            quiet = quiet and (life.phase is Phase.READY or life.quiet)
            return replace(life, phase=Phase.UNHEALTHY, reason=reason, quiet=quiet), ()
        case ListensElsewhere(ports), Phase.STARTING | Phase.READY | Phase.UNHEALTHY:
            return replace(life, other_ports=ports), ()
        case StatusReported(text), Phase.STARTING | Phase.READY:
            return replace(life, reason=text), ()
        case StatusReported(), _:
            return life, ()
        case BecameReady() | BecameLate() | BecameUnhealthy() | ListensElsewhere(), _:
            # A probe's answer may come after the phase has changed. Then it means nothing.
            return life, ()
        case Exited() as end, phase if phase in ALIVE:
            return _ended(plan, life, end, now_s)
        case BackoffEnded(), Phase.BACKOFF:
            return replace(_start(life, now_s), restarts=life.restarts + 1), (Spawn(),)
        case BackoffEnded(), _:
            return life, ()
        case _:
            raise ImpossibleEventError(f"{event} while {life.phase}")


def _start(life: Life, now_s: float) -> Life:
    return replace(
        life,
        phase=Phase.STARTING,
        started_s=now_s,
        ready_s=None,
        pid=None,
        reason="",
        quiet=False,
        other_ports=(),
        next_try_s=None,
    )


def _ended(plan: InstancePlan, life: Life, event: Exited, now_s: float) -> Step:
    life = replace(
        life, pid=None, exit_status=event.status, reason=event.note, quiet=False, other_ports=()
    )
    if life.failure:
        return replace(life, phase=Phase.FAILED, reason=life.failure, failure=""), ()
    if not life.wanted:
        return replace(life, phase=Phase.STOPPED), ()
    if life.phase is Phase.STOPPING:
        # Started again while it was being stopped: the user asked for a restart. Its needs may be
        # stopping too, so it waits for them.
        return replace(
            life,
            phase=Phase.WAITING,
            restarts=life.restarts + 1,
            streak=NO_STREAK,
            reason="",
            crash="",
        ), ()
    if plan.oneshot and event.status == 0:
        return replace(life, phase=Phase.COMPLETED), ()
    ready_s = 0.0 if life.ready_s is None else now_s - life.ready_s
    cause = event.cause if event.status else None
    match after_exit(
        plan.restart, life.streak, event.status, ready_s, event.jitter, now_s, cause=cause
    ):
        case StayDown():
            return replace(life, phase=Phase.EXITED), ()
        case GiveUp(reason):
            return replace(life, phase=Phase.FAILED, reason=_joined(reason, event.note)), ()
        case RestartAt(at_s, streak):
            reason = _joined(explain(event.status, cause), event.note)
            life = replace(
                life,
                phase=Phase.BACKOFF,
                streak=streak,
                reason=reason,
                crash=reason,
                next_try_s=at_s,
            )
            return life, (WaitUntil(at_s),)


def _joined(reason: str, note: str) -> str:
    return f"{reason}; {note}" if note else reason
