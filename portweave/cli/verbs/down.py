"""`portweave down`: stop a stack, and check that no process of it is left."""

import os
import time

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.cli.option_values import seconds_of
from portweave.client.client import (
    Client,
    all_stacks,
    find_stack,
)
from portweave.client.verb_queries import (
    STACK,
    be_quiet,
    names_of,
    say,
)
from portweave.client.waiting import QUIET, waiting
from portweave.encoding.json_text import (
    is_list,
    is_object,
    pretty,
)
from portweave.errors import (
    LateHookError,
    NoStackError,
    PortweaveError,
    ProcessesLeftError,
    StackStandsStillError,
    StackUnreachableError,
    UsageError,
)
from portweave.maintenance.dead_stacks import finish_dead_stacks
from portweave.supervisor.registry.stack_records import (
    is_alive,
    is_held,
    stack_around,
    stack_key,
    stacks_dir,
)
from portweave.supervisor.shutdown.stop_stack import (
    end_stack,
    stopped_among,
)
from portweave.system.still_waiting import still

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.supervisor.registry.stack_records import StackRecord

OPTIONS = (
    STACK,
    Option("-a", "--all", about="all stacks of this machine"),
    Option("-t", "--timeout", metavar="SECONDS", about="the longest time a service has to end"),
    QUIET,
)
USAGE = "[--all] [-t SECONDS] [--quiet] [--json]"
HELP = """
Stop the stack of this worktree, dependents first, and wait until no process that its services
started is alive. This also stops a stack in the foreground of another terminal.

Exit status: 0 if nothing is left, also if no stack was running; 1 if processes could not be ended,
which down names.
"""
# How long to wait for the socket. Without it, down uses signals.
_REACHED_S = 3.0
# For a stack that can only be signalled: it does not report its progress.
_PATIENCE_S = 30.0
# From the supervisor's last message to the end of its guardian.
_GUARDIAN_S = 10.0
_PAUSE_S = 0.005


def run(args: Args) -> int:
    """Stop the stack, or all stacks."""
    if args.flag("quiet"):
        be_quiet()
    names = names_of(args)
    if names:
        raise UsageError(
            f"down stops the whole stack, not {names[0]}", hint=f"portweave stop {names[0]}"
        )
    given = args.text("timeout")
    grace_s = None if given is None else seconds_of(given, "-t", zero=True)
    folder = stacks_dir(os.environ)
    with waiting(args, verb="stopping", about="the stack"):
        return _run(args, folder, grace_s)


def _run(args: Args, folder: str, grace_s: float | None) -> int:
    if args.flag("all"):
        stacks = all_stacks(os.environ)
        where = "on this machine"
    else:
        try:
            stacks = [find_stack(args, os.environ)]
        except NoStackError as error:
            if args.text("stack") is not None:
                raise
            stacks, where = [], error.message.partition("running ")[2]
            # A stack that was about to end when this command began may have ended by now.
            for line in finish_dead_stacks(os.environ):
                say(line)
            # A killed stack may have left processes that could not be ended.
            if remains := stack_around(folder, os.path.realpath("."), os.environ, held=False):
                raise ProcessesLeftError(
                    [f"what the stack {remains.project}/{remains.namespace} has left"]
                ) from None
        else:
            where = ""
    if not stacks and not args.flag("json"):
        say(f"no stack is running {where}")
    left = _stop(folder, stacks, grace_s, quiet=args.flag("json"))
    if left:
        raise ProcessesLeftError(left)
    if args.flag("json"):
        ended = [
            {"project": s.project, "namespace": s.namespace, "worktreeRoot": s.root} for s in stacks
        ]
        print(pretty({"schemaVersion": 1, "stopped": ended}))
    return 0


def _stop(
    folder: str, stacks: "list[StackRecord]", grace_s: float | None, *, quiet: bool
) -> list[str]:
    """Stop stacks in parallel; return the processes that are left, in words.

    Raises:
        PortweaveError: One stack does not stop. The others have been stopped.
    """
    left: list[str] = []
    failure: PortweaveError | None = None
    for record, request in [(record, _StopRequest(record, grace_s)) for record in stacks]:
        try:
            left += request.wait(folder)
        except PortweaveError as error:
            if failure is not None:
                say(failure.message, is_error=True)
            failure = error
        else:
            if not quiet:
                name = f"{record.project}/{record.namespace}"
                say(f"{name} {request.summary or 'stopped'}")
    if failure is not None:
        raise failure
    return left


class _StopRequest:
    """A request to stop one stack.

    Args:
        record: The stack.
        grace_s: The longest time that a service has to end; None for its own.

    Attributes:
        summary: The line with which the stack sums up its end; empty where it could not.
    """

    def __init__(self, record: "StackRecord", grace_s: float | None) -> None:
        self._record = record
        self._client: Client | None = None
        self._asked = 0
        self.summary = ""
        try:
            self._client = Client(record, _REACHED_S)
            self._asked = self._client.send("/supervisor/down", grace_s)
        except StackUnreachableError:
            # The socket may be missing, but the supervisor still obeys signals.
            self._client = None

    def wait(self, folder: str) -> list[str]:
        """Wait for the end of the stack; return the processes that are left, in words.

        Raises:
            LateHookError: The hook `afterDown` has failed.
            StackNotEndedError: The stack does not end in time.
            StackStandsStillError: The stack cannot end: its processes are stopped by a signal.
            StackUnreachableError: Its guardian does not end.
        """
        record = self._record
        answer: object = None
        patience_s = _GUARDIAN_S
        if self._client is None:
            end_stack(folder, record, _PATIENCE_S)
        else:
            try:
                answer = self._client.answer(self._asked, watched=())
            except StackUnreachableError:
                # It ended before it answered, or was killed. Its guardian ends what is left.
                patience_s += _longest_end_s(folder, record)
            finally:
                self._client.close()
        _await_end(folder, record, patience_s)
        hook = answer.get("failedHook") if is_object(answer) else None
        if is_object(hook):
            raise LateHookError(str(hook.get("name")), str(hook.get("reason")))
        rest = answer.get("left") if is_object(answer) else None
        if is_object(answer):
            self.summary = str(answer.get("summary", ""))
        name = f"{record.project}/{record.namespace}"
        return [f"{name}: {text}" for text in rest] if is_list(rest) else []


def _longest_end_s(folder: str, record: "StackRecord") -> float:
    """Return how long the guardian may take to end the services, by the stack's journal."""
    from portweave.supervisor.processes.shutdown_order import (
        KILL_PATIENCE_S,
        MOST_EXTRA_S,
    )
    from portweave.supervisor.processes.started_journal import read_journal

    journal = read_journal(f"{folder}/{stack_key(record.root, record.namespace)}.journal")
    graces_s = [rule.grace_s for rule in journal.rules.values()]
    return max(graces_s, default=0.0) + MOST_EXTRA_S + KILL_PATIENCE_S


def _await_end(folder: str, record: "StackRecord", patience_s: float) -> None:
    """Wait until no process runs the stack."""
    key = stack_key(record.root, record.namespace)
    until_s = time.monotonic() + patience_s
    while is_held(folder, key) or is_alive(record):
        if time.monotonic() >= until_s:
            asleep = stopped_among(record.pid)
            if asleep:
                raise StackStandsStillError(record.namespace, asleep)
            raise StackUnreachableError(record.namespace, record.pid, "its guardian has not ended")
        still("the guardian")
        time.sleep(_PAUSE_S)
