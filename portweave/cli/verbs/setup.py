"""`portweave setup`: bring files into a new worktree, and run its hook `setup`."""

import os
import time

from portweave.arguments.args import Args, Option
from portweave.cli.option_values import request_of, run_options_of
from portweave.client.verb_queries import say
from portweave.encoding.value import replace
from portweave.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.planning.project import Project
    from portweave.planning.stack_request import StackRequest
    from portweave.procfiles.model import Hook

OPTIONS = (
    Option("--force", about="run it although it is done, and look for files again"),
    Option("--mark-done", about="run nothing, and record that it is done"),
)
USAGE = "[options]"
HELP = """
Prepare a new worktree, as the first up does. portweave copies the files that git ignores and
that .worktreeinclude or worktree.copy names, and links the paths of worktree.link. Then it runs
the hook setup, unless it has run in this worktree already and neither its commands nor its
inputs have changed. portweave logs setup shows its output.

If the stack runs, the hook runs as a job of it.

Exit status: 0 if the worktree is set up; 1 if a file cannot be copied, or the hook fails.
"""


def run(args: Args) -> int:
    """Set up the worktree of the working directory."""
    began_s = time.monotonic()
    if args.operands or args.rest:
        raise UsageError("setup takes no names", hint="portweave up starts services")
    force, mark = args.flag("force"), args.flag("mark_done")
    if force and mark:
        raise UsageError("--force and --mark-done are mutually exclusive")
    from portweave.planning.planned_stack import requested_project
    from portweave.planning.worktree_files import bring_files
    from portweave.supervisor.registry.setup_record import forget_setup, write_setup

    request = request_of(args, os.environ)
    request = replace(request, options=replace(request.options, only_setup=True))
    project = requested_project(request)
    root = project.worktree.root
    brought = bring_files(project, again=force)
    for line in brought.lines():
        say(line)
    hook = next((one for one in project.definitions.hooks if one.name == "setup"), None)
    state = "none" if hook is None else "done"
    status, stdout = 0, None
    if hook is None:
        say("there is no hook setup to run")
    elif mark:
        from portweave.planning.hook_plans import stamp_of

        write_setup(root, stamp_of(hook, root), finished=True)
        say("setup is recorded as done")
    elif not force and _is_done(hook, root):
        say("setup is done; portweave setup --force runs it again")
    else:
        forget_setup(root)
        if args.flag("json"):
            # stdout is for the JSON alone.
            stdout = os.dup(1)
            os.dup2(2, 1)
        status = _run(args, request, project, hook, began_s)
        state = "ran"
        if stdout is not None:
            os.dup2(stdout, 1)
            os.close(stdout)
    if args.flag("json"):
        import json

        found = {"setup": state, "copied": list(brought.copied), "linked": list(brought.linked)}
        print(json.dumps({"schemaVersion": 1, **found}, ensure_ascii=False, indent=2))
    return status


def _is_done(hook: "Hook", root: str) -> bool:
    from portweave.planning.hook_plans import stamp_of
    from portweave.supervisor.registry.setup_record import read_setup

    record = read_setup(root)
    return record is not None and record.finished and record.stamp == stamp_of(hook, root)


def _run(
    args: Args, request: "StackRequest", project: "Project", hook: "Hook", began_s: float
) -> int:
    """Run the hook, as a stack of its own or in the one that runs."""
    from portweave.client.stack_start import StackStart
    from portweave.supervisor.registry.stack_records import is_held, stack_key, stacks_dir

    folder = stacks_dir(os.environ)
    stack = project.worktree.root, project.worktree.namespace
    if is_held(folder, stack_key(*stack)):
        return _run_in_stack(args, hook.timeout_s)
    from portweave.client.attached_stack import run_attached
    from portweave.client.waiting import waiting

    def make() -> StackStart:
        return StackStart(request, run_options_of(args))

    return run_attached(make, began_s, waiting(args))


def _run_in_stack(args: Args, limit_s: float) -> int:
    from portweave.client.client import PATIENCE_S, Client, find_stack
    from portweave.client.wait_verdict import check
    from portweave.encoding.json_text import is_list, is_object

    client = Client(find_stack(args, os.environ))
    try:
        say("the stack runs; setup runs in it, and portweave logs -f setup shows its output")
        client.call("/supervisor/start", ["setup"], False)
        patience_s = limit_s + PATIENCE_S
        answer = client.call("/supervisor/wait", ["setup"], "ready", limit_s, patience_s=patience_s)
    finally:
        client.close()
    check([row for row in answer if is_object(row)] if is_list(answer) else [], "ready", limit_s)
    say("setup completed")
    return 0
