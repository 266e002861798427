"""`portweave settle`: wait until the consequences of an edit are over, and print what is new."""

import os
import sys

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.option_values import seconds_of
from portweave.client.client import find_stack
from portweave.client.verb_queries import STACK, names_of
from portweave.client.waiting import waiting
from portweave.errors import OtherProtocolError, UsageError
from portweave.supervisor.registry.stack_records import PROTOCOL

OPTIONS = (
    Option("--since", metavar="CURSOR", about="what is new since an earlier answer"),
    Option("--timeout", metavar="SECONDS", about="for how long to wait (60)"),
    STACK,
)
USAGE = "[--since CURSOR] [--timeout SECONDS] [--json] [SERVICE …]"
OPERANDS = Operands("stacked", many=True)
HELP = """
Wait until the consequences of an edit are over: services that reload have reloaded, builds are
done. Then print what is new: errors, ends of services, changes of state. Without --since, that is
what came after the newest change of a file in the services' folders, of the last minute. Files that
git ignores do not count.

The first word is the verdict. ok: all is well. new: there are errors that no answer has told since
the last ok. still: nothing is new, but a service is not ready, or its last build ended in an error.
not-settled: the time was up. An answer has at most 4,000 bytes. Its last line is a cursor for
--since; logs --brief --after takes it too.

Exit status: 0 for ok, 1 for new and still, 124 for not-settled.
"""
_ROLES = {"ok": "good", "new": "error", "still": "warning", "not-settled": "warning"}


def run(args: Args) -> int:
    """Wait, and print the answer."""
    names = names_of(args)
    timeout_s = seconds_of(args.text("timeout"))
    since = _since(args.text("since"))
    record = find_stack(args, os.environ)
    if record.protocol != PROTOCOL:
        raise OtherProtocolError(record.namespace, record.version)
    # Imported here: recognising errors takes a while to import, and wrong words are told at once.
    from portweave.settling.settle_answer import as_json, as_text
    from portweave.settling.stack_settling import StackSettling

    with waiting(args, about="the stack to settle"):
        settling = StackSettling(record, names, os.environ, since)
        try:
            answer = settling.run(timeout_s)
        finally:
            settling.close()
    if args.flag("json"):
        print(as_json(answer))
    elif sys.stdout.isatty():
        _draw(answer.verdict, as_text(answer), no_color=args.flag("no_color"))
    else:
        print(as_text(answer))
    return answer.exit_status


def _draw(verdict: str, text: str, *, no_color: bool) -> None:
    """Print an answer on a terminal: wrapped, the verdict in its colour, the cursor faint."""
    from portweave.cli.terminal_drawing import Drawing
    from portweave.encoding.text_style import Span

    drawing = Drawing(no_color=no_color)
    first, *middle, cursor = text.split("\n")
    drawing.text((Span(verdict, _ROLES[verdict]), first.removeprefix(verdict)), indent=4)
    for line in middle:
        drawing.text((line,), indent=4)
    drawing.text((Span(cursor, "dim"),), indent=4)


def _since(text: str | None) -> "tuple[dict[str, tuple[int, int]], int | None] | None":
    if text is None:
        return None
    from portweave.settling.settle_cursor import unpack_cursor

    try:
        return unpack_cursor(text)
    except ValueError:
        raise UsageError(
            f"--since takes a cursor, received {text!r}",
            hint="the last line of settle has one",
        ) from None
