"""`portweave agents`: tell coding agents of portweave, in the files that they read."""

from portweave.arguments.args import Args, Operands, Option
from portweave.client.verb_queries import say
from portweave.errors import UsageError

OPTIONS = (
    Option("--print", about="show the changes, and write nothing"),
    Option("--remove", about="remove what portweave has added"),
    Option("--check", about="say what is missing or of an older portweave; write nothing"),
)
USAGE = "init [--print|--remove|--check] [--json] [AGENT …]"
OPERANDS = Operands(
    ("claude", "codex", "vscode", "cursor", "zed", "opencode"), many=True, first=("init",)
)
HELP = """
Write what coding agents read of portweave: a section in AGENTS.md (in CLAUDE.md, if only that
exists), a skill in .claude/skills/portweave, and the entry of portweave mcp in .mcp.json. Codex,
VS Code, Cursor, Zed and opencode get an entry if the project has their folder, or if you name them:
claude, codex, vscode, cursor, zed, opencode.

The section stands between marks. What you have edited between the marks is kept, and agents init
says so. Other contents of a file are never changed.

Exit status: 0; with --check 1 if something is missing or of an older portweave.
"""


def run(args: Args) -> int:
    """Write, show, remove or check."""
    from portweave.agents.agent_files import NAMES, chosen, guides
    from portweave.cli.project_files import act, find_files

    words = args.operands
    if words[:1] != ["init"] or args.rest:
        raise UsageError("agents takes init, and names of agents", hint=f"portweave agents {USAGE}")
    names = tuple(words[1:])
    for name in names:
        if name not in NAMES:
            raise UsageError(f"there is no agent {name}", hint=f"there are {', '.join(NAMES)}")
    files, _ = find_files()
    agents = chosen(names, files.exists)
    pieces = guides(files.exists)
    pieces += [piece for agent in agents for piece in agent.pieces]
    status = act(args, files, pieces, shows=args.flag("print"))
    others = [name for name in NAMES if name not in {agent.name for agent in agents}]
    if others and not names and not any(map(args.flag, ("json", "remove", "check"))):
        text = f"not in use here: {', '.join(others)}; portweave agents init NAME adds one"
        say(text)
    return status
