"""Pure. The life of one instance, from waiting for what it needs to its end.

What is wanted and what is are two fields, and each event closes the gap. `Exited` is said when
nothing of the
instance is left, not when its leader ends: a leader's exit is not the service's exit. So between
`Spawned` and `Exited` there are processes, in every phase.
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
    """Where an instance stands; the values are what users see."""

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
    """One instance.

    Attributes:
        phase: Where it stands.
        wanted: Whether it is to run.
        pid: Of the leader, while there is one.
        restarts: How often it has been started again, in all.
        streak: Restarts since the last reset.
        started_s: When this run began.
        ready_s: Since when this run is ready; None before that.
        exit_status: Of the last run; 128+n for signal n.
        reason: Why it is where it is, in words; empty where that needs none.
        failure: Why it is being stopped although it was to run; it has failed once it is gone.
        quiet: Whether it is too early to tell users that it is unhealthy.
        elsewhere: Ports that it listens on while it lacks its own.
        crash: How its last run ended that was started again because of that; empty before that.
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


# Events.


@value
class Wanted:
    """It is to run."""


@value
class Unwanted:
    """It is not to run any more; `now` when what depends on it has gone."""


@value
class NeedsMet:
    """All that it depends on is there."""


@value
class NeedsFailed:
    """Something it depends on cannot come."""

    reason: str


@value
class NeedsPending:
    """Something it depends on may still come."""

    reason: str


@value
class Spawned:
    """Its process runs, or another one has become what it stands and falls with."""

    pid: int


@value
class NotSpawned:
    """It could not be started, and trying again cannot help."""

    status: int | None
    reason: str


@value
class BecameReady:
    """Its probes have passed, or it has lived for a second without any.

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
    """Its probes fail, or its port has no listener any more.

    Attributes:
        reason: Why, in words.
        quiet: Whether it is too early to tell users.
    """

    reason: str
    quiet: bool = False


@value
class ListensElsewhere:
    """It lacks a listener on its own port, and listens on these; none where that is over."""

    ports: tuple[int, ...]


@value
class StatusReported:
    """It tells what it is doing."""

    text: str


@value
class Exited:
    """Nothing of it is left.

    Attributes:
        status: Of its leader; 128+n for signal n.
        jitter: A factor for the wait before a restart.
        note: What there was to tell about the end, as processes that it left behind.
        cause: Why, as far as it is known: what it printed last tells.
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
    """Ask it to end, and see to it that it does."""


@value
class Kill:
    """End it at once."""


@value
class WaitUntil:
    """Say `BackoffEnded` at `at_s`."""

    at_s: float


Action = Spawn | Stop | Kill | WaitUntil
Step = tuple[Life, tuple[Action, ...]]


class ImpossibleEventError(Exception):
    """An event that cannot happen in this phase; the state is left as it is."""


def step(plan: InstancePlan, life: Life, event: Event, now_s: float) -> Step:
    """The life after an event, and what to do about it.

    Raises:
        ImpossibleEventError: The event does not fit the phase: an error in the program.
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
            # Wanted again before anything of it ran.
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
            # What users have been told stays told.
            quiet = quiet and (life.phase is Phase.READY or life.quiet)
            return replace(life, phase=Phase.UNHEALTHY, reason=reason, quiet=quiet), ()
        case ListensElsewhere(ports), Phase.STARTING | Phase.READY | Phase.UNHEALTHY:
            return replace(life, other_ports=ports), ()
        case StatusReported(text), Phase.STARTING | Phase.READY:
            return replace(life, reason=text), ()
        case StatusReported(), _:
            return life, ()
        case BecameReady() | BecameLate() | BecameUnhealthy() | ListensElsewhere(), _:
            # A probe's answer may come when the phase has moved on: it says nothing any more.
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
        # Wanted again while it was being stopped: a restart that the user asked for. What it needs
        # may be stopping too, so it waits like any other.
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
            life = replace(life, phase=Phase.BACKOFF, streak=streak, reason=reason, crash=reason)
            return life, (WaitUntil(at_s),)


def _joined(reason: str, note: str) -> str:
    return f"{reason}; {note}" if note else reason
