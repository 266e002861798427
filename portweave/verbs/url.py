"""`portweave url`: where one service is reached."""

import os
import sys

from portweave.args import Args, Option
from portweave.errors import UsageError
from portweave.prepare import check_selection, find_project, prepare, working_dir
from portweave.webnames import domain_of, hostname_of, url_of

OPTIONS: tuple[Option, ...] = ()
USAGE = "SERVICE [--json]"
HELP = """
Print the URL of SERVICE (web, or web.2): by its name where a proxy runs and has a route to it, else
by its port.

The worktree gets its ports on first use, as with `run`; here nothing is said of it.
"""


def run(args: Args) -> int:
    """Print the URL."""
    name, port, url = find(args, "url")
    if args.flag("json"):
        from portweave.allocator.jsontext import pretty

        print(pretty({"schemaVersion": 1, "service": name, "port": port, "url": url}))
    else:
        print(url)
    return 0


def find(args: Args, verb: str) -> tuple[str, int, str]:
    """The service that the words name: its name, its port and its URL.

    Raises:
        UsageError: They do not name one that has a port.
    """
    words = args.operands + (args.rest or [])
    if len(words) != 1:
        raise UsageError(
            f"{verb} takes the name of one service"
            if not words
            else f"unexpected argument '{words[1]}'",
            hint=f"portweave {verb} SERVICE",
        )
    (name,) = words
    config = args.text("config")
    project = find_project(
        working_dir(),
        config=config,
        count=check_selection(config, args.text("count")),
        environ=dict(os.environ),
    )
    instances = project.instances()
    if name not in instances:
        from portweave.procfiles.graph import unknown_service

        raise unknown_service(name, list(instances))
    service, number = instances[name]
    if service.env_var is None:
        raise UsageError(f"{name} has no port", hint="its definition says port: false")
    prepared = prepare(project, look_for_strangers=False)
    for warning in prepared.warnings:
        print(f"[portweave] {warning}", file=sys.stderr)
    port = prepared.effective_port(service) if number == 1 else prepared.ports[name]
    domain_name = domain_of(project.name, project.worktree, os.environ)
    hostname = hostname_of(service, number, domain_name)
    return name, port, url_of(hostname, port, project.worktree, os.environ)
