"""What commands share that only query a supervisor: options, rows, messages."""

import os
import sys

from portweave import errors
from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.encoding.json_text import (
    is_list,
    is_object,
    pretty,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STACK = Option(
    "--stack",
    metavar="[PROJECT/]NAMESPACE",
    values="stacks",
    about="the stack of another worktree (see ls)",
)
_is_quiet = False
# In messages; logs have the whole line.
_LONGEST_LINE = 500


def names_of(args: Args, *, at_least_one: str = "") -> list[str]:
    """Return the services that a command line names.

    Args:
        args: The command line.
        at_least_one: What a service is named for, if there must be one; empty if not.

    Raises:
        UsageError: No service is named, or a command follows `--`.
    """
    if args.rest:
        raise errors.UsageError(f"unexpected argument '{args.rest[0]}'")
    if at_least_one and not args.operands:
        raise errors.UsageError(
            f"no service named: which one is {at_least_one}?", hint="portweave ps shows them"
        )
    return list(args.operands)


def act(
    args: Args, method: str, *params: object, did: str, nothing: str, quiet: bool = False
) -> int:
    """Call a supervisor's method for services, and report which services it changed.

    Args:
        args: The command line.
        method: The method, such as `/supervisor/restart`.
        params: Its parameters.
        did: The verb of the report, such as `restarted`.
        nothing: The report if no service changed.
        quiet: Whether to leave out JSON, because the command writes it later.

    Returns:
        The exit status.
    """
    # Imported here: commands that ask no supervisor print messages too.
    from portweave.client.client import ask

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
    """Return the rows of an answer."""
    return [row for row in answer if is_object(row)] if is_list(answer) else []


def instance_of(row: "Mapping[str, object]") -> str:
    """Return the instance of a row: `web`, or `web.2`."""
    name, number = row.get("name"), row.get("instance")
    return f"{name}.{number}" if isinstance(number, int) and number > 1 else str(name)


def be_quiet() -> None:
    """Print no messages from now on but errors."""
    global _is_quiet
    _is_quiet = True


def say(text: str, *, is_error: bool = False) -> None:
    """Print a message to stderr; each of its lines gets the prefix.

    Args:
        text: The message.
        is_error: Whether to print it even after `be_quiet`.
    """
    if _is_quiet and not is_error:
        return
    sys.stderr.write("".join(f"[portweave] {line}\n" for line in text.split("\n")))
    sys.stderr.flush()


def cells(values: "Sequence[object]") -> tuple[str, ...]:
    """Return values as cells of a table; `-` for a missing value."""
    return tuple("-" if value is None or value == "" else str(value) for value in values)


def shown_line(line: object) -> str:
    """Return a line of a service's output, shortened: a bundle may print one of 100 kB."""
    text = str(line)
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 1]}…"
