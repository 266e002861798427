"""`portweave graph`: show the dependencies of services."""

import json
import os

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.cli.verbs.check import read
from portweave.errors import UsageError
from portweave.procfiles.graph import as_dot, as_json, as_mermaid, as_text

_FORMATS = {"text": as_text, "mermaid": as_mermaid, "dot": as_dot}

OPTIONS: tuple[Option, ...] = (
    Option(
        "--format",
        metavar="FORMAT",
        values=("text", "mermaid", "dot", "json"),
        about="text (the default), mermaid, dot or json",
    ),
)
USAGE = "[--format FORMAT]"
HELP = "Show the services in the order in which they start, and what each waits for."


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
    if asked == "json":
        print(json.dumps(as_json(definitions), indent=2, ensure_ascii=False))
    else:
        print(_FORMATS[asked](definitions))
    return 0
