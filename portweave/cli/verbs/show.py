"""`portweave show`: print the ports of this worktree."""

import sys

from portweave import errors
from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.cli.selection import project_here
from portweave.errors import PortweaveError
from portweave.planning.allocation_text import (
    as_json,
    banner,
)
from portweave.planning.project import find_block

OPTIONS: tuple[Option, ...] = ()
USAGE = "[--json]"
HELP = "Print the ports that this worktree has. This allocates nothing."


def run(args: Args) -> int:
    """Print the worktree's ports."""
    try:
        return _show(args)
    except PortweaveError as error:
        # As in npm portweave, errors are texts, also with `--json`.
        error.always_text = True
        raise


def _show(args: Args) -> int:
    if args.operands:
        raise errors.UsageError(f"unexpected argument '{args.operands[0]}'")
    project = project_here(args)
    entry = find_block(project)
    if entry is None:
        if args.flag("json"):
            print('{"error":"no-allocation"}')
            return 1
        raise errors.NoAllocationError(
            'no allocation for this worktree — run "portweave run" first',
        )
    root = project.worktree.root
    if args.flag("json"):
        sys.stdout.write(as_json(project.computed(entry), entry.namespace, entry.ports, root))
        return 0
    folder = root.rpartition("/")[2]
    text = banner(folder, entry.namespace, project.rows(), entry.ports, reused=True)
    # npm portweave prints no newline at the end; the prompt would follow the last port.
    print(text)
    return 0
