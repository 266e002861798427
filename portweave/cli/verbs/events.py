"""`portweave events`: print changes of state in a stack as they happen."""

import os
import sys

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.option_values import whole_number_of
from portweave.client.client import ask
from portweave.client.verb_queries import (
    STACK,
    names_of,
)
from portweave.encoding.json_text import (
    compact,
    is_object,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PAST_EVENTS = 20
_GOOD = ("ready", "completed")
_BAD = ("backoff", "failed", "blocked", "unhealthy")
OPTIONS = (
    Option("-n", "--lines", metavar="N", about="begin with the last N events (20; --json: 0)"),
    STACK,
)
USAGE = "[-n N] [--json] [SERVICE …]"
OPERANDS = Operands("stacked", many=True)
HELP = """
Print the last changes of state of the running stack's services, then each new one, until the stack
ends or you press Ctrl-C. -n 0 prints new ones only.

--json prints one object a line: time, event, name, instance, fullName, state, previous, pid, port,
restarts, exitCode, reason, text. It begins with new events, unless -n asks for past ones.
"""


def run(args: Args) -> int:
    """Print the events."""
    names = names_of(args)
    as_json = args.flag("json")
    past = whole_number_of(args.text("lines"), "-n", 0 if as_json else PAST_EVENTS)
    show: Callable[[Mapping[str, object]], None]
    if as_json:
        show = _show_json
    elif sys.stdout.isatty():
        show = _drawn(no_color=args.flag("no_color"))
    else:
        show = _show_text

    def take(event: object) -> None:
        if is_object(event):
            show(event)
            sys.stdout.flush()

    ask(args, os.environ, "/supervisor/events", names, past, each=take, patience_s=None)
    return 0


def _show_json(event: "Mapping[str, object]") -> None:
    print(compact(event))


def _show_text(event: "Mapping[str, object]") -> None:
    print(f"{event.get('time')} {_text_of(event)}")


def _text_of(event: "Mapping[str, object]") -> str:
    if "state" not in event:
        # The terminal or the pipe was too slow for all events.
        return f"{event.get('event')}: {event.get('count')}"
    return str(event.get("text") or f"{event.get('name')} is {event.get('state')}")


def _drawn(*, no_color: bool) -> "Callable[[Mapping[str, object]], None]":
    """Return a function that shows an event on a terminal: local time, a mark, and its text."""
    from time import localtime, strftime

    from portweave.cli.terminal_drawing import Drawing
    from portweave.encoding.marks import marks_of
    from portweave.encoding.text_style import Span
    from portweave.encoding.timestamps import parse

    drawing = Drawing(no_color=no_color)
    today = strftime("%Y-%m-%d")
    marks = marks_of(os.environ)

    def show(event: "Mapping[str, object]") -> None:
        at_s = parse(str(event.get("time")), 0.0)
        day, _, clock = strftime("%Y-%m-%d %H:%M:%S", localtime(at_s)).partition(" ")
        moment = clock if day == today else f"{day} {clock}"
        state, text = str(event.get("state")), _text_of(event)
        mark = marks.good if state in _GOOD else marks.bad if state in _BAD else marks.info
        said = Span(text, state) if state in _BAD else text
        drawing.text(
            (Span(moment, "dim"), "  ", Span(mark, state), " ", said), indent=len(moment) + 4
        )

    return show
