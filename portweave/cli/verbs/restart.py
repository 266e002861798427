"""`portweave restart`: stop services of a running stack and start them again."""

import os

from portweave.arguments.args import (
    Args,
    Operands,
)
from portweave.cli.option_values import seconds_of
from portweave.cli.verbs.wait import (
    WAIT,
    await_goal,
)
from portweave.client.client import (
    Client,
    find_stack,
)
from portweave.client.verb_queries import (
    STACK,
    act,
    be_quiet,
    names_of,
)
from portweave.client.waiting import QUIET
from portweave.errors import UsageError

OPTIONS = (STACK, *WAIT, QUIET)
USAGE = "[--wait [--timeout SECONDS]] [--quiet] [--json] [SERVICE …]"
OPERANDS = Operands("stacked", many=True)
HELP = """
Stop services of the running stack and start them again, in any state. Without names it restarts all
services; dependents stop first and start last. With --wait it returns when they are ready, with the
exit status of `portweave wait`. A service starts with the definition that the stack has. If the
definition files or .env have changed since, restart reports it; `portweave reload` applies it.
"""


def run(args: Args) -> int:
    """Restart the services."""
    if args.flag("quiet"):
        be_quiet()
    return act_and_wait(
        args, "/supervisor/restart", names_of(args), did="restarting", nothing="nothing to restart"
    )


def act_and_wait(args: Args, method: str, *params: object, did: str, nothing: str) -> int:
    """Change services as `act` does; with `--wait`, wait until they are ready.

    Args:
        args: The command line.
        method: The supervisor's method, such as `/supervisor/restart`.
        params: Its parameters; the first has the services.
        did: The verb of the report, such as `restarted`.
        nothing: The report if no service changed.

    Returns:
        The exit status.

    Raises:
        NotReadyError: A service cannot become ready.
        UsageError: `--timeout` was given without `--wait`.
        WaitTimeoutError: A service is not ready in time.
    """
    timeout_s = seconds_of(args.text("timeout"))
    waits = args.flag("wait")
    if args.text("timeout") is not None and not waits:
        raise UsageError("--timeout says how long --wait waits, which was not given")
    status = act(args, method, *params, did=did, nothing=nothing, quiet=waits)
    report_changed_definitions(args)
    if waits:
        await_goal(args, params[0], "ready", timeout_s)
    return status


def report_changed_definitions(args: Args) -> None:
    """Report definitions that have changed since the stack was planned."""
    # Planning takes longer than the request. The services start meanwhile.
    from portweave.client.join_stack import report_changes

    client = Client(find_stack(args, os.environ))
    try:
        report_changes(client)
    finally:
        client.close()
