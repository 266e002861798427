"""Plan the hooks of a stack: each is a job of the supervisor, beside the services.

`setup` and `beforeUp` come before all services, `afterReady` waits for them, and `afterDown` starts
when all others have ended.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from glob import iglob

from portweave.allocator.naming import full_name
from portweave.encoding.value import replace
from portweave.planning.environment_layers import Environments, merged
from portweave.procfiles.model import Hook, Service
from portweave.supervisor.registry.setup_record import SetupRecord, read_setup
from portweave.supervisor.services.plan import (
    Condition,
    InstancePlan,
    Need,
    ReadyPlan,
    RestartPolicy,
    StackPlan,
    When,
)
from portweave.supervisor.services.shell_command import run_in_turn

SETUP = "setup"
BEFORE_UP = "beforeUp"
AFTER_READY = "afterReady"
AFTER_DOWN = "afterDown"
# No instance of the stack: `teardown_keeping` keeps it for later.
TEARDOWN = "teardown"


def add_hooks(
    plan: StackPlan, hooks: Sequence[Hook], environments: Environments, *, only_setup: bool
) -> StackPlan:
    """Add hooks to the plan of a stack.

    Args:
        plan: The plan of the services.
        hooks: The hooks, in the order in which they run.
        environments: Makes the environments of the stack.
        only_setup: Whether only `setup` starts by itself, and no service.

    Raises:
        PlaceholderError: A template has a placeholder without a value.
    """
    jobs: dict[str, InstancePlan] = {}
    for hook in hooks:
        if hook.name == TEARDOWN:
            continue
        stamp = stamp_of(hook, plan.root) if hook.name == SETUP else ""
        jobs[hook.name] = _instance(hook, environments, plan.namespace, stamp)
    before = _in_turn([jobs[name] for name in (SETUP, BEFORE_UP) if name in jobs])
    services = tuple(
        replace(one, needs=(*_needs(before[-1:]), *one.needs)) for one in plan.instances
    )
    after = [
        replace(jobs[name], needs=_needs(one for one in services if one.name in plan.wanted))
        for name in (AFTER_READY,)
        if name in jobs
    ]
    if AFTER_DOWN in jobs:
        after.append(replace(jobs[AFTER_DOWN], last=True))
    record = read_setup(plan.root) if SETUP in jobs else None
    is_done = record is not None and record.finished and record.stamp == jobs[SETUP].stamp
    done = frozenset({SETUP}) if is_done else frozenset[str]()
    wanted = plan.wanted | {one.name for one in (*before, *after) if not one.last}
    if only_setup:
        wanted = frozenset({SETUP})
    return replace(
        plan,
        instances=(*before, *services, *after),
        wanted=wanted - done,
        warnings=(*plan.warnings, *_warnings(record, is_done=is_done)),
        done=done,
    )


def _in_turn(jobs: Sequence[InstancePlan]) -> tuple[InstancePlan, ...]:
    return tuple(
        replace(job, needs=_needs(jobs[index - 1 : index])) for index, job in enumerate(jobs)
    )


def _needs(instances: Iterable[InstancePlan]) -> tuple[Need, ...]:
    return tuple(
        Need(one.name, Condition.COMPLETED if one.oneshot else Condition.READY) for one in instances
    )


def _warnings(record: SetupRecord | None, *, is_done: bool) -> tuple[str, ...]:
    if record is None or is_done:
        return ()
    if not record.finished:
        return ("setup has not finished in this worktree; it runs again",)
    return ("setup or its inputs have changed since it ran; it runs again",)


def _instance(
    hook: Hook,
    environments: Environments,
    namespace: str,
    stamp: str,
) -> InstancePlan:
    job = Service(
        hook.name,
        hook.origin,
        command=hook.commands,
        working_dir=hook.working_dir,
        environment=hook.environment,
        oneshot=True,
    )
    return InstancePlan(
        name=hook.name,
        service=hook.name,
        number=1,
        full_name=full_name(hook.name, namespace),
        argv=run_in_turn(hook.commands),
        command=" && ".join(hook.commands),
        working_dir=hook.working_dir,
        environment=merged(environments.layers(job, 1, None)),
        ready=ReadyPlan(timeout_s=hook.timeout_s, written=True),
        restart=RestartPolicy(When.NO, None),
        oneshot=True,
        hook=True,
        stamp=stamp,
    )


def stamp_of(hook: Hook, root: str) -> str:
    """Identify a hook's commands and the contents of its inputs; equal if both are equal.

    Args:
        hook: The hook.
        root: The worktree's root, which inputs are relative to.
    """
    found = hashlib.sha256()
    parts = (
        *hook.commands,
        os.path.relpath(hook.working_dir, root),
        *(f"{name}={template}" for name, template in hook.environment),
    )
    for part in parts:
        found.update(f"{len(part)}:{part}".encode("utf-8", "surrogateescape"))
    for path in input_files(hook.inputs, root):
        found.update(b"\0" + os.fsencode(path) + b"\0" + _digest(os.path.join(root, path)))
    return found.hexdigest()


def input_files(inputs: Iterable[str], root: str) -> list[str]:
    """Find the files that match paths or globs; a folder stands for all files in it.

    Args:
        inputs: Paths or globs, relative to the root.
        root: The worktree's root.

    Returns:
        Paths relative to the root, sorted.
    """
    found: set[str] = set()
    for pattern in inputs:
        for path in iglob(pattern, root_dir=root, recursive=True, include_hidden=True):
            if os.path.isdir(os.path.join(root, path)):
                inside = iglob(f"{path}/**", root_dir=root, recursive=True, include_hidden=True)
                found.update(p for p in inside if not os.path.isdir(os.path.join(root, p)))
            else:
                found.add(os.path.normpath(path))
    return sorted(os.path.normpath(path) for path in found)


def _digest(path: str) -> bytes:
    try:
        if os.path.islink(path):
            return os.fsencode(os.readlink(path))
        with open(path, "rb", opener=_open_at_once) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        return str(error.errno).encode()


def _open_at_once(path: str, flags: int) -> int:
    # An input may be a FIFO: do not wait for a writer.
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
