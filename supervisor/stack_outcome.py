"""Pure. When the end of one service ends the stack, and which exit status the stack has."""

from collections.abc import Callable, Iterable

from portweave import errors
from portweave.errors import PortweaveError
from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.processes.exit_status import SIGNAL_NAMES
from portweave.supervisor.reporting.redact import hide
from portweave.supervisor.services.fleet import (
    Fleet,
    failures,
)
from portweave.supervisor.services.lifecycle import Phase

_ENDED = (Phase.EXITED, Phase.FAILED)


def is_to_stop(
    fleet: Fleet, wanted: Iterable[str], source: str | None, *, abort_on_exit: bool
) -> bool:
    """Whether the end of one service stops the stack.

    Args:
        fleet: All instances.
        wanted: Names of the instances that start by themselves.
        source: The instance whose exit status becomes that of the stack; None for none.
        abort_on_exit: Whether the end of any service stops the stack.
    """
    lives, plans = fleet.lives, fleet.plans
    if source is not None and (
        source not in lives or lives[source].phase in (*_ENDED, Phase.BLOCKED, Phase.COMPLETED)
    ):
        return True
    return abort_on_exit and any(
        lives[name].phase in _ENDED
        and not (plans[name].oneshot and lives[name].phase is Phase.EXITED)
        for name in wanted
        if name in lives
    )


def ended_because(signal: int | None) -> str:
    """Why a stack has ended that no command and none of its terms has stopped.

    Args:
        signal: The signal that ended it; None where none did.
    """
    if signal is None:
        return "its services have ended"
    return f"{SIGNAL_NAMES.get(signal, f'signal {signal}')} stopped it"


def exit_status(
    fleet: Fleet,
    last_end: Callable[[str], Cause | None],
    signal: int | None,
    source: str | None,
    *,
    by_client: bool,
) -> int:
    """The exit status of a stack that has ended.

    Args:
        fleet: All instances.
        last_end: Tells why a run of an instance last ended by itself; None where none has.
        signal: The signal that ended the stack; None where none did.
        source: The instance whose exit status becomes that of the stack; None for none.
        by_client: Whether a client ended the stack.

    Returns:
        128+n after signal n, else the status of `source`, else 0.

    Raises:
        LateHookError: `afterReady` or `afterDown` had failed.
        ServiceFailedError: A service had failed.
        StartHookError: `setup` or `beforeUp` had failed.
    """
    failed_hooks = [
        name
        for name in failures(fleet)
        if fleet.plans[name].hook and fleet.lives[name].phase is Phase.FAILED
    ]
    if failed_hooks and (fleet.plans[failed_hooks[-1]].last or (signal is None and not by_client)):
        raise _hook_error(fleet, failed_hooks[-1], last_end(failed_hooks[-1]))
    if signal is not None:
        return 128 + signal
    if by_client:
        return 0
    if source is not None:
        life = fleet.lives.get(source)
        if life is None:
            # It was removed from the definitions, or scaled down.
            return 0
        is_bad = life.phase in (Phase.FAILED, Phase.BLOCKED) or life.exit_status is None
        return life.exit_status or int(is_bad)
    failed = failures(fleet)
    if not failed:
        return 0
    name = failed[0]
    reason, hint = _reason_and_hint(fleet, name, last_end(name))
    raise errors.ServiceFailedError(name, reason, others=tuple(failed[1:]), hint=hint)


def _hook_error(fleet: Fleet, name: str, cause: Cause | None) -> PortweaveError:
    reason, hint = _reason_and_hint(fleet, name, cause)
    is_late = name in ("afterReady", "afterDown", "teardown")
    kind = errors.LateHookError if is_late else errors.StartHookError
    return kind(name, reason, hint=hint)


def _reason_and_hint(fleet: Fleet, name: str, cause: Cause | None) -> tuple[str, str]:
    environment = fleet.plans[name].environment
    reason = hide(fleet.lives[name].reason, environment)
    is_told = cause is None or not cause.hint or cause.hint in reason
    return reason, "" if cause is None or is_told else hide(cause.hint, environment)
