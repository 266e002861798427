"""`portweave teardown`: run the hook `teardown` by hand."""

import os

from portweave.arguments.args import Args, Option
from portweave.client.verb_queries import say
from portweave.errors import StackInUseError, TeardownError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.maintenance.teardowns import PendingTeardown

OPTIONS = (
    Option("--pending", about="run the hooks of removed worktrees, also if they failed"),
    Option("--list", about="list the hooks of removed worktrees, and run none"),
)
USAGE = "[--pending | --list] [--json]"
HELP = """
Run the hook teardown of this worktree, as portweave does after the worktree was removed. Its stack
must not run.

With --pending it runs the teardowns of removed worktrees of this repository, or outside git of all
worktrees. up, down, prune, clean and doctor --fix do the same, but not for one that has failed
three times. A teardown is always the one that the last up of its worktree has kept.

Exit status: 0 if each teardown succeeded, 1 if one failed.
"""


def run(args: Args) -> int:
    """Run teardowns, or list the pending ones."""
    if args.operands or args.rest:
        raise UsageError("teardown takes no names", hint="it runs in the worktree of this folder")
    if args.flag("pending") and args.flag("list"):
        raise UsageError("--pending and --list are mutually exclusive")
    from portweave.maintenance.teardowns import pending_teardowns, run_teardowns
    from portweave.planning.project import find_worktree, working_dir

    if not (args.flag("pending") or args.flag("list")):
        return _run_own(args)
    common_dir = find_worktree(working_dir(), None, os.environ).git_common_dir
    found = pending_teardowns(os.environ, common_dir)
    if args.flag("list"):
        _list(found, as_json=args.flag("json"))
        return 0
    if not found:
        say("no teardown is pending")
        return 0
    if not run_teardowns(os.environ, say, common_dir, by_hand=True):
        raise TeardownError("a teardown of a removed worktree has failed")
    return 0


def _list(found: "list[PendingTeardown]", *, as_json: bool) -> None:
    if as_json:
        import json

        rows = [
            {
                "project": one.kept.project,
                "namespace": one.kept.namespace,
                "worktreeRoot": one.kept.root,
                "commands": list(one.kept.commands),
                "failures": one.failures.count,
                "reason": one.failures.reason or None,
            }
            for one in found
        ]
        print(json.dumps({"schemaVersion": 1, "teardowns": rows}, ensure_ascii=False, indent=2))
        return
    if not found:
        say("no teardown is pending")
    for one in found:
        tried = f", failed {one.failures.times}" if one.failures.count else ""
        print(f"{one.name}: {' && '.join(one.kept.commands)}{tried}")


def _run_own(args: Args) -> int:
    """Run the `teardown` of this worktree, as its definitions have it now."""
    from portweave.cli.option_values import request_of
    from portweave.maintenance.teardowns import run_kept
    from portweave.planning.planned_stack import plan_request
    from portweave.planning.teardown_keeping import keep_teardown
    from portweave.supervisor.registry.kept_teardown import kept_folder, read_kept
    from portweave.supervisor.registry.stack_records import (
        is_held,
        read_record,
        stack_key,
        stacks_dir,
    )

    allocated = plan_request(request_of(args, os.environ)).allocated
    root, namespace = allocated.project.worktree.root, allocated.entry.namespace
    folder, key = stacks_dir(os.environ), stack_key(root, namespace)
    if is_held(folder, key):
        record = read_record(folder, key)
        pid = record.pid if record is not None else 0
        raise StackInUseError(namespace, root, pid, before_teardown=True)
    keep_teardown(allocated, os.environ)
    kept = read_kept(kept_folder(os.environ, root, namespace))
    if kept is None:
        raise UsageError("the definitions have no hook teardown")
    if reason := run_kept(kept, os.environ, say):
        raise TeardownError(reason)
    say("teardown completed")
    return 0
