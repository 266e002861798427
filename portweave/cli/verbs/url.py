"""`portweave url`: where one service is reached."""

import os

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.selection import (
    Selected,
    choose,
)
from portweave.errors import NoLinkError
from portweave.planning.url_names import (
    hostname_of,
    settled_names,
    url_of,
)
from portweave.planning.web_services import why_no_link

OPTIONS: tuple[Option, ...] = ()
USAGE = "SERVICE [--json]"
OPERANDS = Operands("services")
HELP = """
Print the URL of SERVICE (web, or web.2): by its name where a proxy runs and has a route to it, else
by its port. A service that does not speak HTTP has none (PW1118): one that is known, as postgres
is, or whose only probe is tcp or exec; unless its definition has a hostname.

The worktree gets its ports on first use, as with `run`; here nothing is said of it.
"""


def run(args: Args) -> int:
    """Print the URL."""
    chosen = choose(args, "url", USAGE)
    url = url_of_chosen(chosen)
    if args.flag("json"):
        from portweave.encoding.json_write import pretty

        shown = {"service": chosen.name, "port": chosen.port, "url": url}
        print(pretty({"schemaVersion": 1, **shown}))
    else:
        print(url)
    return 0


def url_of_chosen(chosen: Selected) -> str:
    """Where an instance is reached now.

    Raises:
        NoLinkError: It does not speak HTTP, as far as is known.
    """
    if why := why_no_link(chosen.service):
        raise NoLinkError(chosen.name, why, chosen.port)
    project = chosen.allocated.project
    names = settled_names(project.name, project.worktree, os.environ, keep=False)
    hostname = hostname_of(chosen.service, chosen.number, names.domain)
    return url_of(hostname, chosen.port, project.worktree, os.environ)
