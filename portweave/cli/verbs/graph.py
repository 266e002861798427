"""`portweave graph`: show the dependencies of services."""

import json
import os
import sys

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.cli.verbs.check import read
from portweave.errors import UsageError
from portweave.procfiles.graph import as_dot, as_json, as_mermaid, as_text, trees

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.cli.terminal_drawing import Node
    from portweave.procfiles.graph import Branch
    from portweave.procfiles.model import Definitions

_FORMATS = {"text": as_text, "mermaid": as_mermaid, "dot": as_dot}

OPTIONS: tuple[Option, ...] = (
    Option(
        "--format",
        metavar="FORMAT",
        values=("text", "mermaid", "dot", "json"),
        about="text (the default on a pipe), mermaid, dot or json",
    ),
)
USAGE = "[--format FORMAT]"
HELP = """
Show the services in the order in which they start, and what each waits for. On a terminal they are
trees: a service stands below the last of its dependencies to start. --format text prints lines.
"""
# A deeper tree leaves too little room for the texts.
_LEVEL_WIDTH = 4
_LEAST_ROOM = 24


def run(args: Args) -> int:
    """Print the graph."""
    if args.operands or args.rest:
        raise UsageError(
            f"graph takes no operands, received '{(args.operands + (args.rest or []))[0]}'"
        )
    asked = args.text("format") or ("json" if args.flag("json") else "text")
    if asked != "json" and asked not in _FORMATS:
        raise UsageError(f"--format must be text, mermaid, dot or json, received {asked}")
    definitions, _ = read(args, "graph", os.getcwd())
    if asked == "text" and args.text("format") is None and sys.stdout.isatty():
        _draw(definitions, no_color=args.flag("no_color"))
    elif asked == "json":
        print(json.dumps(as_json(definitions), indent=2, ensure_ascii=False))
    else:
        print(_FORMATS[asked](definitions))
    return 0


def _draw(definitions: "Definitions", *, no_color: bool) -> None:
    """Draw trees on the terminal; print a line for each service if it is too narrow for them."""
    # Imported here: a pipe does not need it.
    from portweave.cli.terminal_drawing import Drawing
    from portweave.encoding.marks import is_utf8
    from portweave.encoding.text_style import Span

    drawing = Drawing(no_color=no_color)
    roots = trees(definitions)
    deepest = max((root.depth for root in roots), default=0)
    if drawing.width is not None and drawing.width < deepest * _LEVEL_WIDTH + _LEAST_ROOM:
        for line in as_text(definitions).split("\n"):
            drawing.text((line,), indent=_LEVEL_WIDTH)
        return
    arrow, dot = ("←", " · ") if is_utf8(os.environ) else ("<-", ", ")

    def node_of(branch: "Branch") -> "Node":
        line: list[str | Span] = [Span(branch.service.name, "strong")]
        if branch.service.oneshot:
            line.append(Span(" (oneshot)", "dim"))
        if branch.waits:
            waits = dot.join(f"{other.name} {other.condition}" for other in branch.waits)
            line.append(Span(f" {arrow} {waits}", "dim"))
        return line, [node_of(below) for below in branch.below]

    drawing.trees(map(node_of, roots))
