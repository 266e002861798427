"""Pure. The lines that have tools for worktrees call portweave.

Tools that show what their commands print, and wait for them, call the verbs. Tools that a hook
must not disturb call `portweave integrate TOOL --hook EVENT`. It ends within seconds, with
status 0.
"""

from portweave.agents.file_piece import Item, Member, Section, Whole
from portweave.agents.marked_section import HASH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.agents.file_piece import Piece

# The longest time that a hook takes, in seconds.
HOOK_S = 5
EVENTS = ("start", "setup", "end", "remove")
TOOLS = ("claude", "cursor", "conductor", "worktrunk", "git")
_SETTINGS = ".claude/settings.json"
_MARK = "portweave integrate claude"
_CLAUDE = {"SessionStart": "start", "SessionEnd": "end", "WorktreeRemove": "remove"}
_WORKTRUNK = """\
[post-start]
portweave = "{}"

[pre-remove]
portweave = "{}"
"""
_GIT_HOOK = """\
#!/bin/sh
# git has made a new worktree: the commit before is all zeros (githooks(5), post-checkout).
case "$1" in *[!0]*) exit 0 ;; esac
{}
"""


def hook_line(tool: str, event: str) -> str:
    """Return the command of a hook. It does nothing where portweave is not installed.

    Args:
        tool: The name of the tool.
        event: One of `EVENTS`.
    """
    command = f"portweave integrate {tool} --hook {event}"
    return f"command -v portweave >/dev/null 2>&1 || exit 0; {command}"


def pieces_of(tool: str, hooks_folder: str) -> "tuple[Piece, ...]":
    """Return what portweave adds for a tool.

    Args:
        tool: One of `TOOLS`.
        hooks_folder: The folder of git's hooks.
    """
    match tool:
        case "claude":
            return tuple(_claude(event, meant) for event, meant in _CLAUDE.items())
        case "cursor":
            # Cursor shows the output, and the agent begins when the commands have ended.
            path, keys = ".cursor/worktrees.json", ("setup-worktree",)
            return (Item(path, keys, "portweave setup", "portweave setup"),)
        case "conductor":
            scripts = {"setup": "portweave setup", "run": "portweave up"}
            scripts["archive"] = "portweave down"
            return tuple(
                Member("conductor.json", ("scripts", name), command, is_shared=True)
                for name, command in scripts.items()
            )
        case "worktrunk":
            body = _WORKTRUNK.format(hook_line(tool, "setup"), hook_line(tool, "remove"))
            return (Section(".config/wt.toml", body, HASH, ("post-start", "pre-remove")),)
        case _:
            body = _GIT_HOOK.format(hook_line(tool, "setup"))
            return (Whole(f"{hooks_folder}/post-checkout", body, HASH, is_program=True),)


def _claude(event: str, meant: str) -> Item:
    command: dict[str, object] = {
        "type": "command",
        "command": hook_line("claude", meant),
        "timeout": HOOK_S,
    }
    return Item(_SETTINGS, ("hooks", event), {"hooks": [command]}, _MARK)
