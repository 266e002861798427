"""Pure. What is wrong with an instance, and which instance causes it: the text of `why`."""

from portweave.encoding.duration import duration_text
from portweave.encoding.value import (
    replace,
    value,
)
from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.diagnosis.fixed_port import edit_hint
from portweave.supervisor.processes.exit_status import (
    NOT_EXECUTABLE,
    NOT_FOUND,
)
from portweave.supervisor.reporting.crash_loop import (
    crash_text,
    crashes,
)
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.lifecycle import (
    Life,
    Phase,
)
from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.services.readiness_rules import (
    NO_LISTENER,
    listened_ports,
    names_other_ports,
)

TYPE_CHECKING = False  # the readers of errors take a while to import
if TYPE_CHECKING:
    from portweave.supervisor.diagnosis.printed_error import PrintedError

# Exit statuses of a command that could not be started.
_NOT_RUN = (None, NOT_EXECUTABLE, NOT_FOUND)
_NEEDS = (Phase.BLOCKED, Phase.WAITING)


def blocking_chain(fleet: Fleet, name: str) -> list[str]:
    """The chain of needs from a blocked instance to the one that blocks it, with both."""
    chain = [name]
    while fleet.lives[chain[-1]].phase in _NEEDS:
        blocking = [
            need.instance
            for need in fleet.plans[chain[-1]].needs
            if need.instance in fleet.included
            and need.instance not in chain
            and fleet.lives[need.instance].phase not in (Phase.READY, Phase.COMPLETED)
        ]
        if not blocking:
            break
        # A failed need explains more than one that is still starting.
        failed = [n for n in blocking if fleet.lives[n].phase in (Phase.FAILED, Phase.BLOCKED)]
        chain.append((failed or blocking)[0])
    return chain


@value
class Output:
    """The output of an instance's present run.

    Attributes:
        error: The last printed error; None for none.
        lines: The last lines.
        dropped: Why the log lacks lines; empty where it is complete.
    """

    error: "PrintedError | None" = None
    lines: tuple[str, ...] = ()
    dropped: str = ""


def explain(
    plan: InstancePlan,
    life: Life,
    last: Cause | None,
    pending: str,
    printed: Output,
    now_s: float,
    *,
    stopped_by_user: bool,
) -> Cause:
    """What is wrong with an instance that no other one blocks.

    Args:
        plan: Its plan.
        life: Its state.
        last: Why a run last ended without being stopped; None if none has.
        pending: The last bad answer of its probes; empty for none.
        printed: The output of its present run.
        now_s: The time, by the clock of `life`.
        stopped_by_user: Whether the user has stopped it.
    """
    start = f"portweave start {plan.name} starts it"
    match life.phase:
        case Phase.READY:
            return _ready(plan, life, last, printed, now_s)
        case Phase.COMPLETED:
            return Cause("none", "nothing is wrong: it has completed, as intended")
        case Phase.STOPPED if stopped_by_user:
            return Cause("stopped by user", "it was stopped with portweave stop", start)
        case Phase.STOPPED:
            return Cause("not started", "it has not been started in this stack", start)
        case Phase.EXITED:
            return _exited(plan, life, last)
        case Phase.STARTING | Phase.UNHEALTHY:
            return _not_ready(plan, life, last, pending, printed, now_s)
        case Phase.STOPPING:
            return Cause("stopping", life.failure or "it is being stopped", lines=printed.lines)
        case Phase.BACKOFF if last is not None and crashes(life, now_s) > 1:
            return replace(last, text=crash_text(life, now_s))
        case _ if last is not None and last.text in life.reason:
            return last
        case _:
            # It could not be started, or was not ready in time.
            lines = printed.error.excerpt if printed.error else printed.lines
            kind = "not started" if life.exit_status in _NOT_RUN else "not ready"
            is_held = kind == "not started" and " is held by " in life.reason
            hint = f"end that program, then portweave restart {plan.name}" if is_held else ""
            return Cause(kind, life.reason or str(life.phase), hint, lines=lines)


def _ready(
    plan: InstancePlan, life: Life, last: Cause | None, printed: Output, now_s: float
) -> Cause:
    if last is not None and (told := crash_text(life, now_s)):
        return replace(last, text=f"{told}; for now it is ready again")
    if names_other_ports(life.reason):
        ports = ", ".join(map(str, life.other_ports)) or listened_ports(life.reason)
        text = f"it was started, and listens on {ports} instead of {plan.port}"
        return Cause("wrong port", text, _elsewhere_hint(plan, life))
    error = printed.error
    if plan.port is not None and life.reason == NO_LISTENER:
        said = f"; it has printed an error: {_error_text(error)}" if error else ""
        return Cause(
            "no listener",
            f"it runs, but nothing of it listens on its port {plan.port}{said}",
            "have it listen on $PORT, or set `port: false` if it should not listen",
            lines=error.excerpt if error else printed.lines,
        )
    if error is not None and error.is_last:
        text = f"it is ready, but it has printed an error last: {_error_text(error)}"
        return Cause("error", text, lines=error.excerpt)
    if printed.dropped:
        return Cause("log", f"it is ready, but its log is not complete: {printed.dropped}")
    text = "nothing is wrong: it is ready"
    if life.restarts and last is not None:
        times = "1 restart" if life.restarts == 1 else f"{life.restarts} restarts"
        text += f", after {times}; the last: {last.text}"
    return Cause("none", text)


def _exited(plan: InstancePlan, life: Life, last: Cause | None) -> Cause:
    again = f"restart: always starts it again; portweave start {plan.name} does so once"
    if last is None:
        text = "it has ended with status 0, and is not started again"
        return Cause("ended", text, again)
    if last.kind == "killed":
        return replace(
            last, text=f"{last.text}; it ended with status {life.exit_status}", hint=again
        )
    return last if last.hint else replace(last, hint=again)


def _elsewhere_hint(plan: InstancePlan, life: Life) -> str:
    edit = edit_hint(plan.fixed_ports, life.other_ports, plan.command)
    return edit or "have it read PORT, or set `framework` to one that portweave knows"


def _not_ready(
    plan: InstancePlan,
    life: Life,
    last: Cause | None,
    pending: str,
    printed: Output,
    now_s: float,
) -> Cause:
    why = life.reason or pending
    if last is not None and (told := crash_text(life, now_s)):
        text = f"{told}; it runs again" + (f", and is not ready: {why}" if why else "")
        return replace(last, text=text)
    if life.other_ports:
        ports = ", ".join(map(str, life.other_ports))
        text = f"it was started, and listens on {ports} instead of {plan.port}"
        return Cause("wrong port", text, _elsewhere_hint(plan, life), lines=printed.lines)
    kind = "not ready" if life.ready_s is None else "unhealthy"
    if (error := printed.error) is not None:
        text = why or "it is not ready yet"
        if error.message not in text:
            text += f"; it has printed an error: {_error_text(error)}"
        return Cause(kind, text, place=error.place, lines=error.excerpt)
    text = why or _running_for(plan, life, now_s)
    return Cause(kind, text, lines=printed.lines)


def _running_for(plan: InstancePlan, life: Life, now_s: float) -> str:
    """How long an instance has run that has nothing to tell of itself."""
    seconds = max(0.0, now_s - (now_s if life.started_s is None else life.started_s))
    text = f"it has run for {duration_text(max(1, round(seconds)))}"
    return f"{text} of at most {duration_text(plan.ready.timeout_s)}" if plan.oneshot else text


def _error_text(error: "PrintedError") -> str:
    return f"{error.message} ({error.place})" if error.place else error.message
