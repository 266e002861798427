"""`portweave wait`: wait until services are ready, or have ended."""

import os
import time

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.option_values import seconds_of
from portweave.client.client import (
    ANSWER_S,
    PATIENCE_S,
    ask,
)
from portweave.client.verb_queries import (
    STACK,
    instance_of,
    names_of,
    rows_of,
    say,
)
from portweave.client.wait_verdict import check, timed_out
from portweave.client.waiting import waiting
from portweave.encoding.json_text import pretty
from portweave.errors import StackUnreachableError, UsageError

OPTIONS = (
    STACK,
    Option(
        "--for",
        metavar="ready|exit",
        dest="goal",
        values=("ready", "exit"),
        about="what to wait for (ready)",
    ),
    Option("--timeout", metavar="SECONDS", about="for how long (60)"),
)
# For commands that can wait until started services are ready.
WAIT = (
    Option("--wait", about="return when they are ready"),
    Option("--timeout", metavar="SECONDS", about="for how long to wait (60)"),
)
USAGE = "[--for ready|exit] [--timeout SECONDS] [--json] [SERVICE …]"
OPERANDS = Operands("stacked", many=True)
HELP = """
Wait until services of the running stack are ready, or, with --for exit, until they have ended and
will not restart. A oneshot service is ready when it has completed. Without names, wait waits for
all started services. An unhealthy service is not ready: wait waits for it.

Exit status: 0 when all have reached it; 1 if one cannot (it failed, or a failed service blocks it);
124 if one has not reached it in time.
"""


def run(args: Args) -> int:
    """Wait for the services."""
    goal = args.text("goal") or "ready"
    if goal not in ("ready", "exit"):
        raise UsageError(f"--for takes ready or exit, received {goal!r}")
    await_goal(args, names_of(args), goal, seconds_of(args.text("timeout")))
    return 0


def await_goal(args: Args, names: object, goal: str, timeout_s: float) -> None:
    """Wait for services, and print their states.

    Args:
        args: The command line.
        names: The services; none for all that were started.
        goal: `ready` or `exit`.
        timeout_s: How long to wait.

    Raises:
        NotReadyError: A service cannot reach the goal.
        StackUnreachableError: The supervisor does not answer.
        WaitTimeoutError: A service has not reached the goal in time.
    """
    began_s = time.monotonic()
    try:
        with waiting(args):
            answer = ask(
                args,
                os.environ,
                "/supervisor/wait",
                names,
                goal,
                timeout_s,
                patience_s=timeout_s + ANSWER_S,
                reach_s=PATIENCE_S if args.text("timeout") is None else timeout_s,
                watched=(names, goal),
            )
    except StackUnreachableError as error:
        raise timed_out(error, goal, began_s, timeout_s) from None
    rows = rows_of(answer)
    check(rows, goal, timeout_s)
    if args.flag("json"):
        print(pretty({"schemaVersion": 1, "services": rows}))
    else:
        for row in rows:
            say(f"{instance_of(row)} is {row.get('text')}")
