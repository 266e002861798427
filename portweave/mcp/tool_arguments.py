"""Pure. Read the arguments of a tool: each is checked once, against the schema in `tool_table`."""

from portweave.encoding.json_text import is_list, is_object
from portweave.encoding.value import value
from portweave.errors import UsageError
from portweave.mcp.tool_table import (
    LEAST_TOKENS,
    LONGEST_TIMEOUT_S,
    MOST_TOKENS,
    TIMEOUT_S,
    TOKENS,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping


@value
class Arguments:
    """The arguments of a call.

    Attributes:
        worktree: The folder that the call names; empty for none.
        services: Names of services; empty for all.
        timeout_s: How long to wait, in seconds.
        budget_bytes: The largest size of the answer, text and structure together.
        cursor: Where an earlier answer ended; empty for none.
        grep: A regular expression; empty for none.
        action: What `control` does; empty for other tools.
        service: The service of `exec`; empty for other tools.
        command: The command of `exec`; empty for other tools.
        is_all: Whether all stacks of the machine are meant.
    """

    worktree: str = ""
    services: tuple[str, ...] = ()
    timeout_s: float = TIMEOUT_S
    budget_bytes: int = 4 * TOKENS
    cursor: str = ""
    grep: str = ""
    action: str = ""
    service: str = ""
    command: str = ""
    is_all: bool = False


def read(given: "Mapping[str, object]", schema: "Mapping[str, object]") -> Arguments:
    """Read the arguments of a call.

    Args:
        given: The arguments.
        schema: The `inputSchema` of the tool.

    Raises:
        UsageError: One is unknown, missing or of another type.
    """
    properties = schema["properties"]
    assert is_object(properties)
    for name in given:
        if name not in properties:
            known = ", ".join(properties)
            raise UsageError(
                f"there is no argument {name[:100]!r}", hint=f"the arguments are {known}"
            )
    required = schema.get("required")
    for needed in required if is_list(required) else ():
        if given.get(str(needed)) in (None, ""):
            raise UsageError(f"the argument {needed!r} is missing")
    choices = properties.get("action")
    actions = choices.get("enum") if is_object(choices) else None
    action = _text(given, "action")
    if action and is_list(actions) and action not in actions:
        raise UsageError(f"action takes {', '.join(map(str, actions))}, received {action[:100]!r}")
    tokens = _number(given, "tokens", TOKENS)
    return Arguments(
        worktree=_text(given, "worktree"),
        services=_names(given.get("services")),
        timeout_s=min(_number(given, "timeout", TIMEOUT_S), LONGEST_TIMEOUT_S),
        budget_bytes=4 * int(min(max(tokens, LEAST_TOKENS), MOST_TOKENS)),
        cursor=_text(given, "cursor"),
        grep=_text(given, "grep"),
        action=action,
        service=_name(_text(given, "service")),
        command=_text(given, "command"),
        is_all=_flag(given, "all"),
    )


def _text(given: "Mapping[str, object]", name: str) -> str:
    found = given.get(name)
    if found is None:
        return ""
    if not isinstance(found, str) or "\0" in found:
        raise UsageError(f"{name} takes a text")
    return found


def _number(given: "Mapping[str, object]", name: str, default: float) -> float:
    found = given.get(name)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 < found < 1e9:
        raise UsageError(f"{name} takes a number above 0")
    return float(found)


def _flag(given: "Mapping[str, object]", name: str) -> bool:
    found = given.get(name)
    if found not in (None, True, False):
        raise UsageError(f"{name} takes true or false")
    return found is True


def _names(found: object) -> tuple[str, ...]:
    if found is None:
        return ()
    if isinstance(found, str):
        # Models often give a single name without its list.
        found = [found]
    if not is_list(found):
        raise UsageError("services takes a list of names")
    names: list[str] = []
    for name in found:
        if not isinstance(name, str) or not name:
            raise UsageError("services takes a list of names")
        names.append(_name(name))
    return tuple(dict.fromkeys(names))


def _name(name: str) -> str:
    """Check that a name cannot be read as an option of a command line."""
    if name.startswith("-") or "\0" in name:
        raise UsageError(f"{name[:100]!r} is no name of a service")
    return name
