"""Why a run ended: what its end tells, and what has its port or is lacking in the worktree now.

What recognises errors takes a while to import, so this module is imported with the first end.
"""

import os

from portweave.encoding.value import replace
from portweave.supervisor.diagnosis import reasons
from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.diagnosis.port_in_use import (
    mentioned_ports,
    port_cause,
)
from portweave.supervisor.diagnosis.port_use import port_uses
from portweave.supervisor.diagnosis.reasons import (
    End,
    diagnose,
)
from portweave.supervisor.diagnosis.untracked_files import (
    describe_untracked,
    missing_untracked,
)
from portweave.supervisor.services.plan import InstancePlan

# What a lacking file or folder may be the reason of.
_MAY_LACK = (
    "crash",
    "missing command",
    "missing file",
    "missing module",
    "missing script",
    "missing variable",
    "connection refused",
    "not ready",
    "unhealthy",
)
# For these what is lacking says all that there is to do.
_LACKS = ("missing command", "missing module")


def prepare() -> None:
    """Compile what ends are recognised by."""
    reasons.prepare()


def find_cause(end: End, plan: InstancePlan, main_root: str) -> Cause:
    """Why a run ended.

    Args:
        end: What is known of its end.
        plan: Of the run.
        main_root: The root of the project's main worktree; empty where that is not known.
    """
    cause = diagnose(end)
    root = plan.environment.get("PORTWEAVE_WORKTREE", "")
    if cause.kind == "port in use":
        own = () if plan.port is None else (plan.port,)
        uses = port_uses((*mentioned_ports(end.lines, plan.fixed_ports, plan.command), *own), root)
        return port_cause(uses, plan.port, plan.fixed_ports, plan.command, cause)
    return with_missing_files(cause, plan, main_root)


def with_missing_files(cause: Cause, plan: InstancePlan, main_root: str) -> Cause:
    """A cause with what its worktree lacks, where that may be the reason.

    Args:
        cause: Without it.
        plan: Of the run.
        main_root: As for `cause_of`.
    """
    root = plan.environment.get("PORTWEAVE_WORKTREE", "")
    if cause.kind not in _MAY_LACK or not root or not main_root:
        return cause
    lacking = describe_untracked(
        missing_untracked(root, main_root, plan.working_dir, os.path.lexists)
    )
    if not lacking:
        return cause
    hint = lacking if cause.kind in _LACKS or not cause.hint else f"{lacking}; {cause.hint}"
    return replace(cause, hint=hint)
