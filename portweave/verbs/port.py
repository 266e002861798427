"""`portweave port`: the port of one service."""

import os
import sys

from portweave.args import Args, Option
from portweave.errors import UsageError
from portweave.prepare import check_selection, find_project, prepare, working_dir

OPTIONS: tuple[Option, ...] = ()
USAGE = "SERVICE [--json]"
HELP = """
Print the port that SERVICE (web, or web.2) listens on: its own one of the worktree's block, or
what its variable says in .env or in the environment.

The worktree gets its ports on first use, as with `run`; here nothing is said of it.
"""


def run(args: Args) -> int:
    """Print the port."""
    words = args.operands + (args.rest or [])
    if len(words) != 1:
        raise UsageError(
            "port takes the name of one service"
            if not words
            else f"unexpected argument '{words[1]}'",
            hint=f"portweave port {USAGE}",
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
    if args.flag("json"):
        print(f'{{"schemaVersion": 1, "service": "{name}", "port": {port}}}')
    else:
        print(port)
    return 0
