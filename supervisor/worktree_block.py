"""What follows outside of a worktree when it is removed or moved while its stack runs.

Its block in the registry of ports is released, or gets the new path. Its kept `teardown` runs, or
gets the new path too.
"""

import os
from collections.abc import Callable

from portweave.allocator.ports.blocks import release_blocks, rename_root
from portweave.allocator.ports.model import Key
from portweave.allocator.ports.registry import registry_path
from portweave.encoding.value import replace
from portweave.errors import PortweaveError
from portweave.supervisor.registry.kept_teardown import (
    KeptTeardown,
    forget_kept,
    note_failure,
    read_kept,
    write_kept,
)
from portweave.supervisor.services.lifecycle import Life, Phase
from portweave.supervisor.services.moved_plan import moved_value
from portweave.supervisor.services.plan import (
    InstancePlan,
    ReadyPlan,
    RestartPolicy,
    When,
)
from portweave.supervisor.services.shell_command import run_in_turn
from portweave.system.clean_environment import login_environment


def release(root: str, namespace: str) -> list[str]:
    """Release the block of a removed worktree.

    Args:
        root: Where its folder was.
        namespace: Of its stack.

    Returns:
        Why it could not be released; empty if it was.
    """
    path = registry_path(os.environ)
    return _try(lambda: release_blocks(path, _keys_of(root, namespace), os.environ))


def follow(root: str, namespace: str, new: str) -> list[str]:
    """Write the new root of a moved worktree to the registry. Its block and namespace stay.

    Args:
        root: Where its folder was.
        namespace: Of its stack.
        new: Where its folder is.

    Returns:
        Why it could not be written; empty if it was.
    """
    path = registry_path(os.environ)
    return _try(lambda: rename_root(path, _keys_of(root, namespace), root, new, os.environ))


def teardown_plan(kept: KeptTeardown) -> InstancePlan:
    """The kept `teardown` of a worktree, as the last job of its stack."""
    return InstancePlan(
        name="teardown",
        service="teardown",
        number=1,
        full_name=f"teardown-{kept.namespace}",
        argv=run_in_turn(kept.commands),
        command=" && ".join(kept.commands),
        working_dir=kept.working_dir,
        environment={**login_environment(os.environ), **kept.environment},
        ready=ReadyPlan(timeout_s=kept.timeout_s, written=True),
        restart=RestartPolicy(When.NO, None),
        oneshot=True,
        hook=True,
        last=True,
    )


def conclude_teardown(folder: str, life: Life) -> list[str]:
    """Forget a kept `teardown` that has run, or note that it failed.

    Args:
        folder: Where it is kept.
        life: The state of its job, after the end.

    Returns:
        Why that could not be written; empty if it was.
    """
    if life.started_s is None:
        # It was not reached, as after a kill. The next command in the repository runs it.
        return []
    try:
        if life.phase is Phase.COMPLETED:
            forget_kept(folder)
        else:
            note_failure(folder, life.reason or str(life.phase))
    except OSError as error:
        return [error.strerror or str(error)]
    return []


def follow_teardown(folder: str, old: str, new: str) -> list[str]:
    """Write the new root of a moved worktree to its kept `teardown`.

    Args:
        folder: Where it is kept.
        old: Where the worktree was.
        new: Where it is.

    Returns:
        Why that could not be written; empty if it was.
    """
    kept = read_kept(folder)
    if kept is None:
        return []
    environment = {name: moved_value(text, old, new) for name, text in kept.environment.items()}
    try:
        device = os.stat(os.path.dirname(new)).st_dev
        write_kept(replace(kept, root=new, device=device, environment=environment))
    except OSError as error:
        return [error.strerror or str(error)]
    return []


def _keys_of(root: str, namespace: str) -> Callable[[Key], bool]:
    return lambda key: key.worktree_root == root and key.namespace == namespace


def _try(change: Callable[[], object]) -> list[str]:
    try:
        change()
    except PortweaveError as error:
        return [error.message]
    return []
