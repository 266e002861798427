"""`portweave mcp`: serve coding agents."""

import os

from portweave.arguments.args import Args, Option
from portweave.errors import UsageError

OPTIONS = (
    Option(
        "--worktree",
        metavar="DIR",
        values="folders",
        about="the worktree of calls that name none",
    ),
    Option("--no-exec", about="do not offer the tool exec"),
)
USAGE = "[--worktree DIR] [--no-exec]"
HELP = """
Serve a coding agent: tools over MCP, the Model Context Protocol, on stdin and stdout. The agent
starts this command itself. portweave agents init writes it into the configuration of agents.

The tools are ensure, status, logs, why, settle, control and exec. An answer has at most 1,000
tokens of four bytes, unless the call asks for more. A call may name a worktree. Others are about
--worktree, CLAUDE_PROJECT_DIR, the only folder that an older client has opened, or the working
directory.

A stack that ensure has started ends with the program that runs this command, or one minute after
stdin ends. A stack that ran before is never ended.
"""


def run(args: Args) -> int:
    """Serve until stdin ends."""
    words = args.operands + (args.rest or [])
    if words:
        raise UsageError(f"unexpected argument '{words[0]}'")
    for option in ("config", "count"):
        if args.text(option) is not None:
            raise UsageError(f"mcp takes no --{option}; --worktree names a folder")
    from portweave.mcp.stdio_server import serve

    worktree = args.text("worktree")
    serve(os.environ, worktree, with_exec=not args.flag("no_exec"))
    return 0
