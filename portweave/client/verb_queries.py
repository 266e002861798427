"""What the commands that only ask a supervisor share."""

import os
import sys

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.client.client import ask
from portweave.encoding.json_write import (
    is_list,
    is_object,
    pretty,
)
from portweave.errors import UsageError

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STACK = Option(
    "--stack",
    metavar="[PROJECT/]NAMESPACE",
    values="stacks",
    about="the stack of another worktree (see ls)",
)
# In a message; logs have all of it.
_LONGEST_LINE = 500


def names_of(args: Args, *, at_least_one: str = "") -> list[str]:
    """The services that a command names.

    Args:
        args: What was given.
        at_least_one: What they are named for, where there has to be one.

    Raises:
        UsageError: There is none, or a command behind `--`.
    """
    if args.rest:
        raise UsageError(f"unexpected argument '{args.rest[0]}'")
    if at_least_one and not args.operands:
        raise UsageError(
            f"no service named: which one is {at_least_one}?", hint="portweave ps shows them"
        )
    return list(args.operands)


def act(
    args: Args, method: str, *params: object, did: str, nothing: str, quiet: bool = False
) -> int:
    """Ask a supervisor to do something with services, and tell of those that it is done with.

    Args:
        args: What was given.
        method: As `/supervisor/restart`.
        params: Its parameters.
        did: In words, such as `restarted`.
        nothing: What is told where there was nothing to do.
        quiet: Whether no JSON is written yet: there is more to do.
    """
    rows = rows_of(ask(args, os.environ, method, *params))
    if args.flag("json") and quiet:
        return 0
    if args.flag("json"):
        sys.stdout.write(pretty({"schemaVersion": 1, "services": rows}) + "\n")
    elif rows:
        say(f"{did} {', '.join(instance_of(row) for row in rows)}")
    else:
        say(nothing)
    return 0


def rows_of(answer: object) -> "list[dict[str, object]]":
    """The rows of an answer."""
    return [row for row in answer if is_object(row)] if is_list(answer) else []


def instance_of(row: "Mapping[str, object]") -> str:
    """The instance that a row is about: `web`, or `web.2`."""
    name, number = row.get("name"), row.get("instance")
    return f"{name}.{number}" if isinstance(number, int) and number > 1 else str(name)


def say(text: str) -> None:
    """Tell the user, a line each."""
    sys.stderr.write("".join(f"[portweave] {line}\n" for line in text.split("\n")))
    sys.stderr.flush()


def cells(values: "Sequence[object]") -> tuple[str, ...]:
    """Values as fields of a table; `-` for those that are not there."""
    return tuple("-" if value is None or value == "" else str(value) for value in values)


def shown_line(line: object) -> str:
    """A line that a service has printed, cut: that of a bundle has hundreds of kilobytes."""
    text = str(line)
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 1]}…"
