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
    names_of,
)
from portweave.errors import UsageError

OPTIONS = (STACK, *WAIT)
USAGE = "[--wait [--timeout SECONDS]] [--json] [SERVICE …]"
OPERANDS = Operands("stacked", many=True)
HELP = """
Stop services of the running stack and start them again, whatever state they are in; without names
all of them, dependents stopping first and starting last. With --wait it returns when they are
ready, with the exit status of `portweave wait`. A service starts with the definition that the stack
has. Where the definition files or .env say otherwise by now, restart says so, and `portweave
reload` applies it.
"""


def run(args: Args) -> int:
    """Restart them."""
    return act_and_wait(
        args, "/supervisor/restart", names_of(args), did="restarting", nothing="nothing to restart"
    )


def act_and_wait(args: Args, method: str, *params: object, did: str, nothing: str) -> int:
    """Do something with services as `act` does, and with `--wait` wait until they are ready.

    Args:
        args: What was given.
        method: As `/supervisor/restart`.
        params: Its parameters; the first has the services.
        did: In words, such as `restarted`.
        nothing: What is told where there was nothing to do.

    Raises:
        NotReadyError: One of them cannot become ready.
        UsageError: A time without `--wait`.
        WaitTimeoutError: They are not ready in time.
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
