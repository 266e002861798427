"""Pure. The tools that agents see: names, descriptions, schemas, annotations.

All of them are in the context of a model at all times, so together they stay below 6 kB.
"""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from typing import TypeAlias

    Schema: TypeAlias = dict[str, object]

# What `up` may take by default, in seconds.
TIMEOUT_S = 60.0
# The longest time that a call may wait, in seconds.
LONGEST_TIMEOUT_S = 3600.0
# The size of an answer unless a call asks for more: 1,000 tokens of four bytes.
TOKENS = 1000
LEAST_TOKENS = 200
MOST_TOKENS = 25_000
ACTIONS = ("start", "stop", "restart", "down")
EXEC = "exec"

INSTRUCTIONS = (
    "portweave runs this worktree's services with ports and URLs of their own. Call `ensure` first,"
    " and take URLs from it; never guess a port, and never start a server by hand. After an edit"
    " call `settle`; it waits for the rebuild and returns what is new. If a service is in trouble"
    " call `why`."
)

_WORKTREE: "Schema" = {
    "type": "string",
    "description": "Folder of the worktree, if not this one",
}
_SERVICES: "Schema" = {"type": "array", "items": {"type": "string"}, "description": "Default: all"}
_TIMEOUT: "Schema" = {"type": "number", "description": "Seconds; default 60"}
_TOKENS: "Schema" = {"type": "integer", "description": "Size of the answer; default 1000"}


def tools(*, with_exec: bool) -> "list[dict[str, object]]":
    """Return the tools as `tools/list` names them.

    Args:
        with_exec: Whether `exec` is among them.
    """
    return [tool for tool in _TOOLS if with_exec or tool["name"] != EXEC]


def _tool(
    name: str,
    about: str,
    properties: "dict[str, Schema]",
    *,
    required: tuple[str, ...] = (),
    reads: bool = False,
    destroys: bool = False,
    again: bool = False,
    result: "dict[str, Schema]",
) -> "dict[str, object]":
    """Make a row of `tools/list`.

    Args:
        name: Its name.
        about: Its description.
        properties: Its parameters, without `worktree`.
        required: Parameters that a call must have.
        reads: Whether it changes nothing.
        destroys: Whether it may destroy what it is used on.
        again: Whether a second call changes nothing more.
        result: Fields of its structured result, besides `worktree`.
    """
    schema: Schema = {"type": "object", "properties": {**properties, "worktree": _WORKTREE}}
    if required:
        schema["required"] = list(required)
    hints: dict[str, object] = {"readOnlyHint": reads}
    if not reads:
        hints |= {"destructiveHint": destroys, "idempotentHint": again}
    return {
        "name": name,
        "description": about,
        "inputSchema": {**schema, "additionalProperties": False},
        "outputSchema": {
            "type": "object",
            "properties": {"worktree": {"type": "string"}, **result},
            "required": ["worktree"],
        },
        "annotations": {**hints, "openWorldHint": destroys},
    }


_TEXT: "Schema" = {"type": "string"}
_LIST: "Schema" = {"type": "array"}

_TOOLS = (
    _tool(
        "ensure",
        "Have the stack of a worktree run: set it up, start what is missing, wait until all is"
        " ready. Returns a verdict, and state and URL of each service. Call it first, and whenever"
        " in doubt; it changes nothing where all is ready.",
        {"services": _SERVICES, "timeout": _TIMEOUT},
        again=True,
        result={"verdict": _TEXT, "services": _LIST},
    ),
    _tool(
        "status",
        "State, port and URL of each service now, without waiting. `all`: one line for each stack"
        " of this machine.",
        {"services": _SERVICES, "all": {"type": "boolean"}},
        reads=True,
        result={"services": _LIST, "stacks": _LIST},
    ),
    _tool(
        "logs",
        "Output of services in brief: first errors with their surroundings, then the newest lines,"
        " repeated ones once. Pass the `cursor` of the last answer to get only what is new.",
        {
            "services": _SERVICES,
            "cursor": _TEXT,
            "grep": {"type": "string", "description": "Only lines with this regular expression"},
            "tokens": _TOKENS,
        },
        reads=True,
        result={"lines": _LIST, "cursor": _TEXT},
    ),
    _tool(
        "why",
        "Why a service is not ready, crashes or ended: cause, place in the source, last lines, what"
        " changed since it last worked, what to do. Without names: all services in trouble.",
        {"services": _SERVICES, "tokens": _TOKENS},
        reads=True,
        result={"services": _LIST},
    ),
    _tool(
        "settle",
        "Wait after an edit until rebuilds and restarts are over. Returns only what is new since"
        " `cursor`: errors, exits, changes of state. Verdict: ok, new, still or not-settled.",
        {"services": _SERVICES, "cursor": _TEXT, "timeout": _TIMEOUT},
        reads=True,
        result={"verdict": _TEXT, "cursor": _TEXT},
    ),
    _tool(
        "control",
        "Start, stop or restart services (default: all), or take the whole stack down. Waits until"
        " it is done.",
        {
            "action": {"type": "string", "enum": list(ACTIONS)},
            "services": _SERVICES,
            "timeout": _TIMEOUT,
        },
        required=("action",),
        result={"services": _LIST},
    ),
    _tool(
        EXEC,
        "Run a shell command with the environment and in the folder of a service, such as a"
        " migration or a test that needs its variables.",
        {"service": _TEXT, "command": _TEXT, "timeout": _TIMEOUT, "tokens": _TOKENS},
        required=("service", "command"),
        destroys=True,
        result={"exitStatus": {"type": "integer"}, "output": _TEXT},
    ),
)
