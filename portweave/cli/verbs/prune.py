"""`portweave prune`: release a worktree's ports."""

import os
import sys

from portweave.allocator.naming import offset_from
from portweave.allocator.ports.blocks import release_blocks
from portweave.allocator.ports.model import Key
from portweave.allocator.ports.registry import registry_path
from portweave.allocator.state_folder import state_dir
from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.errors import NoAllocationError, OffsetError, StackInUseError, UsageError
from portweave.planning.project import as_running, find_here, working_dir
from portweave.procfiles.load import definitions_folder

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable

OPTIONS = (
    Option("--path", metavar="DIR", values="folders", about="the worktree, in place of this one"),
    Option("--force", about="stop its stack first, where it is running"),
    Option("--timeout", metavar="TIME", about="how long a stack may take to end (60s)"),
    Option("-a", "--all", about="worktrees of this machine that are not needed any more"),
    Option("--gone", about="with --all: those without a folder (if nothing else is chosen)"),
    Option("--merged", about="with --all: those with a merged branch"),
    Option("--older", metavar="AGE", about="with --all: those not used for so long, as in 14d"),
    Option("-n", "--dry-run", about="with --all: only show what would be pruned"),
    Option("-y", "--yes", about="with --all: agree beforehand"),
)
USAGE = "[--path DIR] [--force] | --all [--gone] [--merged] [--older AGE] [--dry-run] [--yes]"
HELP = """
Release the ports of this worktree. While its stack runs, prune refuses; with --force it stops the
stack first. It does not stop commands of `portweave run`.

With --all, prune chooses among all worktrees with ports, shows them and asks. It stops their stacks
and releases their ports. Worktrees, branches and files stay as they are.

A branch counts as merged if a commit was made on it and it is not the default branch. Nothing may
be uncommitted or unpushed. Its last commit must be in the default branch, or the head of a merged
pull request, which portweave asks GitHub's gh for.
"""
_PATIENCE_S = 60.0
_ONLY_ALL = ("gone", "merged", "older", "dry_run", "yes")


def run(args: Args) -> int:
    """Remove the worktree's block from the registry."""
    if args.operands:
        raise UsageError(f"unexpected argument '{args.operands[0]}'")
    if args.flag("all"):
        if args.flag("path") or args.flag("force"):
            raise UsageError("--all excludes --path and --force", hint="it stops stacks by itself")
        from portweave.cli.prune_all import prune_all

        return prune_all(args, _timeout(args.text("timeout")))
    for option in _ONLY_ALL:
        if args.flag(option):
            raise UsageError(f"--{option.replace('_', '-')} needs --all")
    try:
        offset_from(os.environ.get("PORTWEAVE_OFFSET", ""))
    except ValueError as error:
        raise OffsetError(str(error)) from None
    folder = os.path.normpath(os.path.join(working_dir(), args.text("path") or "."))
    worktree = as_running(find_here(folder, os.environ), os.environ)
    own = worktree.key
    roots = {own.worktree_root}
    if worktree.git_common_dir is None and worktree.registered is None:
        roots.add(definitions_folder(worktree.root))
    gone = not os.path.isdir(folder)

    def belongs(key: Key) -> bool:
        if gone:
            # The folder no longer exists, so git cannot tell its repository.
            return key.worktree_root == folder
        return (
            key.worktree_root in roots
            and key.git_common_dir == own.git_common_dir
            and key.namespace == own.namespace
        )

    def is_its_stack(root: str, namespace: str) -> bool:
        return root == folder if gone else root in roots and namespace == own.namespace

    timeout_s = _timeout(args.text("timeout"))
    _end_stacks(is_its_stack, force=args.flag("force"), timeout_s=timeout_s)
    removed = release_blocks(registry_path(os.environ), belongs, os.environ)
    if not removed:
        raise NoAllocationError("no allocation for this worktree — nothing to prune")
    root = removed[0].key.worktree_root
    print(f"[portweave] pruned allocation for {root}", file=sys.stderr)
    return 0


def _timeout(text: str | None) -> float:
    if text is None:
        return _PATIENCE_S
    from portweave.encoding.duration import parse as parse_duration

    timeout_s = parse_duration(text)
    if timeout_s is None:
        raise UsageError(f"--timeout takes a time such as 90, 90s or 1m30s, received {text!r}")
    return timeout_s


def _end_stacks(is_meant: "Callable[[str, str], bool]", *, force: bool, timeout_s: float) -> None:
    """Stop the live stacks of the worktree, or refuse.

    Args:
        is_meant: Whether a stack is one of them, by root and namespace.
        force: Whether to stop them.
        timeout_s: How long a stack may take to end.

    Raises:
        StackInUseError: One runs, and `force` is not set.
        StackNotEndedError: One has not ended in time.
    """
    folder = f"{state_dir(os.environ)}/stacks"
    # The modules that read records take longer to import than all the rest.
    if not os.path.isdir(folder):
        return
    from portweave.supervisor.registry.stack_records import live_stacks
    from portweave.supervisor.shutdown.stop_stack import end_stack

    for stack in live_stacks(folder):
        if not is_meant(stack.root, stack.namespace):
            continue
        if not force:
            raise StackInUseError(stack.namespace, stack.root, stack.pid)
        end_stack(folder, stack, timeout_s)
        print(f"[portweave] stopped the stack {stack.namespace} of {stack.root}", file=sys.stderr)
