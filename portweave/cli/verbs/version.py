"""`portweave version`: print the version."""

from portweave import __version__
from portweave.arguments.args import (
    Args,
    Option,
)

OPTIONS: tuple[Option, ...] = ()
USAGE = ""
HELP = "Print the version of portweave."


def run(args: Args) -> int:
    """Print the version; with `--json` as an object."""
    print(
        f'{{"schemaVersion": 1, "version": "{__version__}"}}' if args.flag("json") else __version__
    )
    return 0
