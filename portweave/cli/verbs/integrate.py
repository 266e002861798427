"""`portweave integrate`: have tools for worktrees set up, start and stop stacks."""

import os

from portweave.arguments.args import Args, Operands, Option
from portweave.errors import UsageError

OPTIONS = (
    Option("--write", about="write the changes"),
    Option("--remove", about="remove what portweave has added"),
    Option("--check", about="say what is missing or of an older portweave; write nothing"),
    Option(
        "--hook",
        metavar="EVENT",
        values=("start", "setup", "end", "remove"),
        about="carry out a hook: the tool runs this",
    ),
)
USAGE = "claude|cursor|conductor|worktrunk|git [--write|--remove|--check] [--json]"
OPERANDS = Operands(("claude", "cursor", "conductor", "worktrunk", "git"))
HELP = """
Show the lines that have another tool call portweave, and write them with --write.

  claude      hooks in .claude/settings.json: the stack starts with a session and belongs to it
  cursor      setup-worktree in .cursor/worktrees.json: portweave setup
  conductor   scripts in conductor.json: portweave setup, up and down
  worktrunk   hooks in .config/wt.toml: setup after a worktree is made, down before it is removed
  git         the hook post-checkout, only where there is none and core.hooksPath is not set: setup

What you have edited is kept, and other contents of a file are never changed. A hook of portweave
takes at most 5 s and always ends with status 0. It tells what it does in hooks.log in the state
folder, $XDG_STATE_HOME/portweave.

Exit status: 0; with --check 1 if something is missing or of an older portweave.
"""


def run(args: Args) -> int:
    """Show, write, remove or check."""
    from portweave.agents.tool_files import EVENTS, TOOLS, pieces_of

    if len(args.operands) != 1 or args.operands[0] not in TOOLS or args.rest:
        raise UsageError(f"integrate takes one of {', '.join(TOOLS)}")
    tool, event = args.operands[0], args.text("hook")
    if event is not None:
        if event not in EVENTS:
            raise UsageError(f"--hook takes {', '.join(EVENTS)}, received {event!r}")
        from portweave.agents.hook_run import run_hook

        run_hook(tool, event, os.environ)
        return 0
    from portweave.cli.project_files import act, find_files, git_hooks_folder

    files, worktree = find_files()
    folder = git_hooks_folder(worktree) if tool == "git" else ""
    shows = not any(map(args.flag, ("write", "remove", "check")))
    return act(args, files, pieces_of(tool, folder), shows=shows)
