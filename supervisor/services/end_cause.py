"""Why a run ended: from its exit status and output, its port, and files that the worktree lacks.

The readers of errors take a while to import, so this module is imported at the first end.
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

# Causes that a missing file or folder may explain.
_MAY_BE_MISSING = (
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
# For these, the hint about the missing file is enough.
_FULLY_EXPLAINED = ("missing command", "missing module")


def prepare() -> None:
    """Compile the patterns of errors."""
    reasons.prepare()


def find_cause(end: End, plan: InstancePlan, main_root: str) -> Cause:
    """Find out why a run ended.

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
    if " SERVICE " in cause.hint:
        cause = replace(cause, hint=cause.hint.replace(" SERVICE ", f" {plan.service} "))
    return with_missing_files(cause, plan, main_root)


def with_missing_files(cause: Cause, plan: InstancePlan, main_root: str) -> Cause:
    """A cause, with a hint about files that its worktree lacks, where these may explain it.

    Args:
        cause: Without the hint.
        plan: Of the run.
        main_root: As for `find_cause`.
    """
    root = plan.environment.get("PORTWEAVE_WORKTREE", "")
    if cause.kind not in _MAY_BE_MISSING or not root or not main_root:
        return cause
    missing = describe_untracked(
        missing_untracked(root, main_root, plan.working_dir, os.path.lexists)
    )
    if not missing:
        return cause
    is_enough = cause.kind in _FULLY_EXPLAINED or not cause.hint
    hint = missing if is_enough else f"{missing}; {cause.hint}"
    return replace(cause, hint=hint)
