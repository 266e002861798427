"""`portweave down`: stop a stack, and see that nothing of it is left."""

import os
import time

from portweave.allocator.jsontext import is_list, is_object, pretty
from portweave.args import Args, Option
from portweave.asking import STACK, names_of, say
from portweave.client import Client, find_stack
from portweave.errors import NoStackError, ProcessesLeftError, StackUnreachableError, UsageError
from portweave.launch import seconds_of
from portweave.supervisor.ending import end_stack
from portweave.supervisor.paths import is_held, live_stacks, stack_key, stacks_dir

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.supervisor.paths import StackRecord

OPTIONS = (
    STACK,
    Option("-a", "--all", about="all stacks of this machine"),
    Option("-t", "--timeout", metavar="SECONDS", about="the longest time a service has to end"),
)
USAGE = "[--all] [-t SECONDS] [--json]"
HELP = """
Stop the stack of this worktree, dependents first, and wait until nothing that its services caused
is alive. A stack that runs in the foreground of another terminal ends there too.

Exit status: 0 when nothing is left, also when nothing was running; 1, naming them, when processes
could not be ended.
"""
# A supervisor that stops says so every few seconds.
_PATIENCE_S = 30.0
# From its last word to the end of its guardian.
_GUARDIAN_S = 10.0
_PAUSE_S = 0.005


def run(args: Args) -> int:
    """Stop it, or all."""
    names = names_of(args)
    if names:
        raise UsageError(
            f"down stops the whole stack, not {names[0]}", hint=f"portweave stop {names[0]}"
        )
    given = args.text("timeout")
    grace_s = None if given is None else seconds_of(given, "-t")
    folder = stacks_dir(os.environ)
    if args.flag("all"):
        stacks = live_stacks(folder)
        where = "on this machine"
    else:
        try:
            stacks = [find_stack(args, os.environ)]
        except NoStackError as error:
            if args.text("stack") is not None:
                raise
            stacks, where = [], error.message.partition("running ")[2]
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
    """Stop stacks, all at once; what is left of them, in words."""
    left: list[str] = []
    clients: list[tuple[StackRecord, Client | None]] = []
    for record in stacks:
        try:
            client = Client(record)
            client.send("/supervisor/down", grace_s)
        except StackUnreachableError:
            # It may have no socket any more, but who runs it still listens to signals.
            client = None
        clients.append((record, client))
    for record, client in clients:
        name = f"{record.project}/{record.namespace}"

        def tell(event: object) -> None:
            if not quiet and is_object(event) and event.get("text"):
                say(str(event["text"]))

        try:
            if client is None:
                end_stack(folder, record, _PATIENCE_S)
            else:
                answer = client.call("/supervisor/down", grace_s, each=tell, patience_s=_PATIENCE_S)
                rest = answer.get("left") if is_object(answer) else None
                left += [f"{name}: {text}" for text in rest] if is_list(rest) else []
        except StackUnreachableError:
            # It was quicker than its answer, or it was killed: its guardian ends what is left.
            pass
        _await_end(folder, record)
        if not quiet:
            say(f"{name} stopped")
    return left


def _await_end(folder: str, record: "StackRecord") -> None:
    """Wait until nobody runs the stack."""
    key = stack_key(record.root, record.namespace)
    until_s = time.monotonic() + _GUARDIAN_S
    while is_held(folder, key):
        if time.monotonic() >= until_s:
            raise StackUnreachableError(record.namespace, record.pid, "its guardian has not ended")
        time.sleep(_PAUSE_S)
