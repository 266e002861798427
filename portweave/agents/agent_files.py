"""Pure. The files in which coding agents look for instructions and for servers of MCP."""

from portweave.agents.file_piece import Member, Section, Whole
from portweave.agents.guide_texts import SECTION, SKILL
from portweave.agents.marked_section import HASH, MARKDOWN
from portweave.encoding.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from portweave.agents.file_piece import Piece

_ENTRY: "dict[str, object]" = {"command": "portweave", "args": ["mcp"]}
_CODEX = '[mcp_servers.portweave]\ncommand = "portweave"\nargs = ["mcp"]\n'


@value
class Agent:
    """A program that reads the configuration of a project.

    Attributes:
        name: Its name on the command line.
        signs: Files and folders of a project that uses it.
        pieces: What portweave adds for it.
    """

    name: str
    signs: tuple[str, ...]
    pieces: "tuple[Piece, ...]"


# `docs/agents.md` names the sources of these formats.
AGENTS = (
    Agent("claude", (), (Member(".mcp.json", ("mcpServers", "portweave"), _ENTRY),)),
    Agent(
        "codex",
        (".codex",),
        (Section(".codex/config.toml", _CODEX, HASH, ("mcp_servers.portweave",)),),
    ),
    Agent(
        "vscode",
        (".vscode",),
        (Member(".vscode/mcp.json", ("servers", "portweave"), {"type": "stdio", **_ENTRY}),),
    ),
    Agent(
        "cursor", (".cursor",), (Member(".cursor/mcp.json", ("mcpServers", "portweave"), _ENTRY),)
    ),
    Agent(
        "zed", (".zed",), (Member(".zed/settings.json", ("context_servers", "portweave"), _ENTRY),)
    ),
    Agent(
        "opencode",
        ("opencode.json", ".opencode"),
        (
            Member(
                "opencode.json",
                ("mcp", "portweave"),
                {"type": "local", "command": ["portweave", "mcp"], "enabled": True},
            ),
        ),
    ),
)
NAMES = tuple(agent.name for agent in AGENTS)


def guides(exists: "Callable[[str], bool]") -> "list[Piece]":
    """Return what all agents read: the section, and the skill.

    Args:
        exists: Whether a file of the project exists.
    """
    file = "AGENTS.md" if exists("AGENTS.md") or not exists("CLAUDE.md") else "CLAUDE.md"
    return [
        Section(file, SECTION, MARKDOWN),
        Whole(".claude/skills/portweave/SKILL.md", SKILL, MARKDOWN),
    ]


def chosen(names: tuple[str, ...], exists: "Callable[[str], bool]") -> tuple[Agent, ...]:
    """Return the agents that are named, or that the project uses.

    Args:
        names: Names of agents; empty for those that the project uses.
        exists: Whether a file of the project exists.
    """
    if names:
        return tuple(agent for agent in AGENTS if agent.name in names)
    return tuple(a for a in AGENTS if not a.signs or any(exists(sign) for sign in a.signs))
