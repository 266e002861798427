"""Find the worktrees that `prune --all` chooses, and release what they have on this machine."""

import os
import time
from collections.abc import Callable, Mapping
from errno import ENOENT, ENOTDIR

from portweave.allocator.git_links import branch_of
from portweave.allocator.lease_folders import leases_dir
from portweave.allocator.naming import project_name
from portweave.allocator.ports.blocks import release_blocks
from portweave.allocator.ports.model import Key
from portweave.allocator.ports.registry import load, registry_path
from portweave.encoding.value import value
from portweave.maintenance.merged_branches import is_locked, merge_facts
from portweave.maintenance.prune_rules import Choice, Decision, PruneFacts, decide
from portweave.maintenance.teardowns import pending_teardowns, run_teardowns
from portweave.supervisor.registry.moved_folder import is_missing
from portweave.supervisor.registry.stack_records import StackRecord, live_stacks, stacks_dir
from portweave.supervisor.shutdown.stop_stack import end_stack


@value
class KnownWorktree:
    """A worktree that has ports, or a running stack.

    Attributes:
        project: The project's name.
        namespace: Its namespace.
        root: Its root.
        branch: The branch that is checked out in it; None if unknown.
        keys: What identifies its blocks of ports.
        ports: The port of each instance.
        stack: Its running stack; None if none runs.
        decision: Whether it is pruned.
    """

    project: str
    namespace: str
    root: str
    branch: str | None
    keys: tuple[Key, ...]
    ports: Mapping[str, int]
    stack: StackRecord | None
    decision: Decision

    def as_json(self) -> dict[str, object]:
        """Return it as an object."""
        return {
            "project": self.project,
            "namespace": self.namespace,
            "worktreeRoot": self.root,
            "branch": self.branch,
            "state": "idle" if self.stack is None else "running",
            "ports": dict(self.ports),
            "reasons": list(self.decision.reasons),
        }


def find_worktrees(
    environ: Mapping[str, str], choice: Choice, last_used_s: Mapping[str, float]
) -> list[KnownWorktree]:
    """Find all worktrees with ports or a stack, and decide about each.

    Args:
        environ: The variables of the user.
        choice: What was asked for.
        last_used_s: When running stacks were last used, in seconds since 1970, by their tags.

    Raises:
        RegistryDamagedError: The registry cannot be read.
    """
    now_s = time.time()
    leases = f"{leases_dir(environ)}/"
    stacks = {
        (one.moved_to or one.root, one.namespace): one for one in live_stacks(stacks_dir(environ))
    }
    found: list[KnownWorktree] = []
    for entry in load(registry_path(environ)):
        root, common_dir = entry.key.worktree_root, entry.key.git_common_dir
        if root.startswith(leases):
            continue
        stack = stacks.pop((root, entry.namespace), None)
        used_s = _epoch_s(entry.last_used_at)
        if stack is not None:
            # A stack that does not tell when it was used is not too old.
            used_s = max(used_s or 0.0, last_used_s.get(stack.tag, now_s))
        facts = _facts(root, common_dir, stack, used_s, choice, environ)
        project = project_name((common_dir or root).removesuffix("/.git"))
        found.append(
            KnownWorktree(
                project if stack is None else stack.project,
                entry.namespace,
                root,
                branch_of(root),
                (entry.key,),
                entry.ports,
                stack,
                decide(facts, choice, now_s),
            )
        )
    for (root, namespace), stack in stacks.items():
        facts = _facts(root, None, stack, last_used_s.get(stack.tag), choice, environ)
        decision = decide(facts, choice, now_s)
        found.append(
            KnownWorktree(
                stack.project, namespace, root, branch_of(root), (), stack.ports, stack, decision
            )
        )
    return sorted(found, key=lambda one: (one.project, one.namespace != "main", one.namespace))


def _facts(
    root: str,
    common_dir: str | None,
    stack: StackRecord | None,
    used_s: float | None,
    choice: Choice,
    environ: Mapping[str, str],
) -> PruneFacts:
    try:
        os.lstat(root)
    except OSError as error:
        if error.errno not in (ENOENT, ENOTDIR):
            return PruneFacts(exists=False, trouble=error.strerror or str(error))
        return PruneFacts(exists=False, is_locked=is_locked(root, common_dir))
    if stack is not None and is_missing(stack):
        # Another folder is in its place.
        return PruneFacts(exists=False)
    merge = None
    if choice.merged and common_dir is not None:
        merge = merge_facts(root, common_dir, environ)
    return PruneFacts(exists=True, used_s=used_s, merge=merge)


def _epoch_s(stamp: str) -> float | None:
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def prune(known: KnownWorktree, environ: Mapping[str, str], timeout_s: float) -> None:
    """Stop the stack of a worktree and release its ports. Its folder and its branch stay.

    Args:
        known: The worktree.
        environ: The variables of the user.
        timeout_s: How long its stack may take to end, in seconds.

    Raises:
        PortweaveError: The stack does not end, or the registry cannot be written.
    """
    if known.stack is not None:
        end_stack(stacks_dir(environ), known.stack, timeout_s)
    if known.keys:
        release_blocks(registry_path(environ), lambda key: key in known.keys, environ)


def teardown_lines(chosen: list[KnownWorktree], environ: Mapping[str, str]) -> list[str]:
    """The commands of the kept `teardown` hooks that would run, one line for each hook.

    Args:
        chosen: The worktrees to prune.
        environ: The variables of the user.
    """
    found: list[str] = []
    for common_dir in _repositories(chosen):
        for pending in pending_teardowns(environ, common_dir):
            if not pending.is_given_up:
                commands = " && ".join(pending.kept.commands)
                found.append(f"teardown of {pending.name}: {commands}")
    return found


def tear_down(
    pruned: list[KnownWorktree], environ: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Run the kept `teardown` of pruned worktrees that were removed.

    Args:
        pruned: The worktrees.
        environ: The variables of the user.
        say: Gets what happens, one line each.
    """
    for common_dir in _repositories(pruned):
        run_teardowns(environ, say, common_dir)


def _repositories(worktrees: list[KnownWorktree]) -> list[str]:
    """The repositories of removed worktrees."""
    found = [
        key.git_common_dir
        for one in worktrees
        if not os.path.lexists(one.root)
        for key in one.keys
        if key.git_common_dir is not None
    ]
    return list(dict.fromkeys(found))
