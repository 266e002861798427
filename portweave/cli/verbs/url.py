"""`portweave url`: print the URL of one service."""

import os

from portweave import errors
from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.selection import (
    SelectedInstance,
    select_instance,
)
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
Print the URL of SERVICE (web, or web.2). The URL has the service's name if a proxy runs and has a
route to it, or else its port. A service that does not speak HTTP has no URL (PW1118), unless its
definition has a hostname. That holds for known programs, such as postgres, and for a service with a
tcp or exec probe alone.

The worktree gets its ports on first use, as with `run`, but url does not report it.
"""


def run(args: Args) -> int:
    """Print the URL."""
    selected = select_instance(args, "url", USAGE)
    url = url_of_selected(selected)
    if args.flag("json"):
        from portweave.encoding.json_text import pretty

        shown = {"service": selected.name, "port": selected.port, "url": url}
        print(pretty({"schemaVersion": 1, **shown}))
    else:
        print(url)
    return 0


def url_of_selected(selected: SelectedInstance) -> str:
    """Return the URL that reaches an instance now.

    Raises:
        NoLinkError: The instance does not speak HTTP, as far as portweave knows.
    """
    if why := why_no_link(selected.service):
        raise errors.NoLinkError(selected.name, why, selected.port)
    project = selected.allocated.project
    names = settled_names(project.name, project.worktree, os.environ, keep=False)
    hostname = hostname_of(selected.service, selected.number, names.domain)
    return url_of(hostname, selected.port, project.worktree, os.environ)
