"""Join a running stack: start the services that it lacks, wait until they are ready, follow it."""

import os
import sys
import time

from portweave import errors
from portweave.client.client import (
    ANSWER_S,
    LAST_RUN,
    PATIENCE_S,
    Client,
)
from portweave.client.progress import Progress
from portweave.client.stack_ended import StackEndedError
from portweave.client.verb_queries import (
    say,
)
from portweave.client.wait_verdict import brief, check, timed_out
from portweave.encoding import colours
from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.encoding.value import replace
from portweave.errors import PortweaveError
from portweave.planning.definition_set import (
    DefinitionSet,
    definitions_from_json,
    is_stale,
    request_like,
    without,
)
from portweave.planning.planned_stack import (
    PlannedRequest,
    plan_as_json,
    plan_request,
    plan_set,
    scaled,
)
from portweave.planning.port_conflicts import check_chosen_ports
from portweave.planning.stack_request import StackRequest
from portweave.planning.url_names import ensure_proxy
from portweave.supervisor.registry.stack_records import (
    StackRecord,
    is_alive,
    is_held,
    read_record,
    stacks_dir,
)
from portweave.supervisor.services.lifetime import FOREVER, Terms
from portweave.system import still_waiting
from portweave.system.processes import ancestors_of
from portweave.system.still_waiting import still

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Sequence

    from portweave.planning.allocation import AllocatedProject
    from portweave.supervisor.services.plan import StackPlan

# The supervisor waits no longer than this for a proxy that starts.
_NAMES_S = 10.0
_PAUSE_S = 0.005
# The supervisor notices a late service at the same moment. Its verdict may take this long.
_VERDICT_S = 1.0


def record_of(folder: str, key: str, patience_s: float) -> StackRecord | None:
    """Find the record of a stack that runs or starts; return None if there is none.

    Args:
        folder: The folder of stack records.
        key: The stack's name in that folder.
        patience_s: How long to wait for the record of the process that holds the lock, or for the
            end of processes that a killed stack left behind.

    Raises:
        StackUnreachableError: Both took longer.
    """
    until_s = time.monotonic() + patience_s
    while True:
        record = read_record(folder, key)
        if record is not None and is_alive(record):
            return record
        if not is_held(folder, key):
            return None
        if time.monotonic() >= until_s:
            pid = record.pid if record is not None else 0
            raise errors.StackUnreachableError(
                key, pid, "what is left of the last run is being ended"
            )
        still(LAST_RUN)
        time.sleep(_PAUSE_S)


def await_ready(
    folder: str,
    key: str,
    names: "Sequence[str]",
    timeout_s: float,
    progress: Progress,
    *,
    fail_fast: bool,
) -> "list[dict[str, object]]":
    """Wait until the instances of a stack that has just been started are ready.

    Args:
        folder: The folder of stack records.
        key: The stack's name in that folder.
        names: Names of the instances.
        timeout_s: How long to wait.
        progress: Reports the services.
        fail_fast: Whether to return as soon as one instance cannot become ready.

    Returns:
        The instances, as rows of `ps`.

    Raises:
        NotReadyError: An instance cannot become ready.
        StackUnreachableError: The supervisor does not answer.
        WaitTimeoutError: An instance takes too long.
    """
    began_s = time.monotonic()
    try:
        record = record_of(folder, key, timeout_s)
        if record is None:
            raise errors.StackGoneError(key, 0)
        # On a busy machine a new supervisor may take long until it listens.
        client = Client(record, timeout_s)
        try:
            rows = _await(client, names, timeout_s, progress, fail_fast=fail_fast)
            warnings = client.call("/supervisor/warnings")
        finally:
            client.close()
    except KeyboardInterrupt:
        say("the stack goes on starting; portweave down stops it")
        raise
    except errors.StackUnreachableError as error:
        raise timed_out(error, "ready", began_s, timeout_s) from None
    for warning in warnings if is_list(warnings) else ():
        say(str(warning))
    took_s = time.monotonic() - began_s
    say(f"all ready in {took_s:.1f} s; portweave logs -f shows what they print, down stops them")
    progress.report_urls(rows)
    return rows


def join(
    planned: PlannedRequest,
    names: "Sequence[str]",
    *,
    folder: str,
    key: str,
    timeout_s: float,
    progress: Progress,
    follows: bool,
    fail_fast: bool = False,
    plain: bool = False,
    terms: Terms = FOREVER,
) -> "list[dict[str, object]]":
    """Start the missing instances of a running stack; then wait for them, or follow the stack.

    Args:
        planned: The request of this command, planned.
        names: Names of the instances that must run.
        folder: The folder of stack records.
        key: The stack's name in that folder.
        timeout_s: How long to wait for the stack, and for the instances.
        progress: Reports the services.
        follows: Whether to show output until the stack ends, in place of waiting.
        fail_fast: Whether to return as soon as one instance cannot become ready.
        plain: Whether the command line refuses colours.
        terms: What shall end the stack without a command.

    Returns:
        The instances, as rows of `ps`; none after following.

    Raises:
        StackEndedError: The stack has ended; nothing was started in it.
        PortweaveError: As of `await_ready`.
    """
    began_ns = time.time_ns()
    client = _reached(folder, key, timeout_s)
    record = client.record

    def ask(method: str, *params: object) -> object:
        try:
            return client.call(method, *params)
        except (errors.StackGoneError, errors.SupervisorError) as error:
            if error.code not in (errors.StackGoneError.code, errors.StackStoppingError.code):
                raise
            _await_end(folder, key, timeout_s, error)
            raise StackEndedError from None

    try:
        while True:
            running = definitions_from_json(ask("/supervisor/origin"))
            planned = _with_names(planned, running)
            request, allocated = planned.request, planned.allocated
            if request.names is not None:
                ensure_proxy(request.environ)
            missing, names = _without_taken(planned, names, running)
            changes: dict[str, object] = {
                "addOnly": True,
                "start": list(names),
                "again": list(request.options.services),
            }
            if (whole := _extended(running, request, missing)) is not None:
                changes["origin"] = whole.as_json()
            warnings = _check_ports(missing, allocated, record)
            answer = ask("/supervisor/apply", plan_as_json(missing), changes)
            # Another client may have changed the stack since we read its definitions.
            if not is_stale(answer):
                break
        for warning in warnings:
            say(warning)
        started = answer.get("started") if is_object(answer) else None
        change = answer.get("change") if is_object(answer) else None
        where = f"the stack {record.project}/{record.namespace} (pid {record.pid}) runs already"
        if is_list(started) and started:
            say(f"{where}; started: {', '.join(map(str, started))}")
        else:
            say(f"{where}, with all that was asked for")
        if told := _join_lifetime(client, terms):
            say(told)
        if _differs(change):
            report_changes(client)
        if follows:
            _follow(client, names, planned.plan, began_ns, progress, plain=plain)
            return []
        return _await(client, names, timeout_s, progress, fail_fast=fail_fast)
    finally:
        client.close()


def _join_lifetime(client: Client, terms: Terms) -> str:
    """Tell the stack what shall end it; return what the user is told about that."""
    try:
        around = ancestors_of(os.getpid())
        return str(client.call("/supervisor/join", terms.as_json(), around) or "")
    except errors.SupervisorError:
        # An older portweave runs the stack: nothing ends it.
        return ""


def _reached(folder: str, key: str, timeout_s: float) -> Client:
    """Connect to the stack.

    Raises:
        StackEndedError: The stack has ended.
        StackUnreachableError: The stack does not answer.
        WaitTimeoutError: It does not answer in time.
    """
    began_s = time.monotonic()
    try:
        record = record_of(folder, key, timeout_s)
        if record is None:
            raise StackEndedError
        return Client(record, timeout_s)
    except errors.StackGoneError as error:
        _await_end(folder, key, timeout_s, error)
        raise StackEndedError from None
    except errors.StackUnreachableError as error:
        raise timed_out(error, "ready", began_s, timeout_s) from None


def _await_end(folder: str, key: str, timeout_s: float, error: PortweaveError) -> None:
    """Wait until no process runs the stack; raise the error if that takes too long."""
    until_s = time.monotonic() + timeout_s
    if is_held(folder, key):
        say("the stack is being stopped; it is started again when it has ended")
    while is_held(folder, key):
        if time.monotonic() >= until_s:
            raise error
        still("the end of the stack, which is being stopped")
        time.sleep(_PAUSE_S)


def _with_names(planned: PlannedRequest, running: DefinitionSet) -> PlannedRequest:
    """Plan again with the names of the running stack, or without, if the stack has none."""
    if running.names == planned.request.names:
        return planned
    return plan_request(planned.request.with_names(running.names))


def _without_taken(
    planned: PlannedRequest, names: "Sequence[str]", running: DefinitionSet
) -> "tuple[StackPlan, list[str]]":
    """Leave out the services that an earlier request of the stack defines too.

    `up` still waits for such a service if it was asked for.

    Args:
        planned: The request of this command, planned.
        names: Names of the instances that must run.
        running: The requests of the running stack.

    Returns:
        The rest of the plan, and the names of the instances to start or wait for.
    """
    plan, request = planned.plan, planned.request
    own = request_like(running.requests, request)
    taken: dict[str, str] = {}
    for other in running.requests:
        if other is own:
            break
        file = os.path.relpath(other.files[0], plan.root) if other.files else ""
        taken |= dict.fromkeys(other.defined, file)
    in_plan = {instance.service for instance in plan.instances}
    doubles = [name for name in request.defined if name in taken and name in in_plan]
    if doubles:
        where = " and ".join(dict.fromkeys(taken[name] for name in doubles if taken[name]))
        say(
            f"{', '.join(doubles)}: as in {where}, which was there first; a stack has one of a name"
        )
    plan = without(plan, doubles)
    left = {instance.name for instance in plan.instances}
    return plan, [name for name in names if name in left or name in doubles]


def _extended(
    running: DefinitionSet, request: StackRequest, missing: "StackPlan"
) -> DefinitionSet | None:
    """Add a request to those of the running stack; None if nothing is to be added.

    Args:
        running: The requests of the running stack.
        request: The request of this command.
        missing: The instances that the stack lacks.
    """
    own = request_like(running.requests, request)
    if own is None:
        requests = (*running.requests, request)
        return replace(running, requests=requests) if missing.instances else None
    scale = request.options.scale
    if not scale:
        return None
    (new,) = scaled(replace(running, requests=(own,)), scale).requests
    return running.replaced(own, new)


def _check_ports(
    plan: "StackPlan", allocated: "AllocatedProject", record: StackRecord
) -> list[str]:
    stack = record.root, record.namespace
    folder = stacks_dir(allocated.project.environ)
    return check_chosen_ports(plan.instances, allocated.ports, stack, folder, record.ports)


def _follow(
    client: Client,
    names: "Sequence[str]",
    plan: "StackPlan",
    began_ns: int,
    progress: Progress,
    *,
    plain: bool,
) -> None:
    """Show the output and the states of instances until the stack has ended."""
    from portweave.allocator.worktree import logs_dir
    from portweave.logreading.query import (
        Folder,
        Query,
    )
    from portweave.logreading.view import (
        Follower,
        Printer,
    )

    wait = still_waiting.current()
    client.send("/supervisor/events")
    if wait is not None:
        client.send("/supervisor/waiting", list(names))
    is_terminal = sys.stdout.isatty()
    printer = Printer(
        sys.stdout.fileno(),
        terminal=is_terminal,
        colour=colours.are_kept(os.environ, is_terminal=is_terminal, refused=plain),
        style=colours.style_of(
            os.environ,
            out_is_terminal=is_terminal,
            err_is_terminal=os.isatty(2),
            refused=plain,
        ),
        prefix=True,
        times=False,
        as_json=False,
        before_write=None if wait is None else lambda part: wait.before_output(is_part=part),
    )
    folder = Folder(logs_dir(plan.root, plan.namespace))

    def take(event: object) -> None:
        if wait is not None and is_object(event) and event.get("event") == "waiting":
            wait.take(event)
        else:
            progress.take(event)

    def goes_on() -> bool:
        if wait is not None:
            wait.tick()
        return client.poll(take)

    try:
        query = Query(since_ns=began_ns)
        Follower(lambda: [folder], list(names), query, printer, goes_on).run()
        printer.close()
        say("the stack has ended")
    except KeyboardInterrupt:
        printer.close()
        say("no longer attached; the stack goes on, portweave down stops it")
        raise


def report_changes(client: Client) -> None:
    """Report whether the definition files or `.env` have changed since the stack was planned.

    The plan uses the stack's own variables, not the variables of this shell.

    Args:
        client: Connected to the stack's supervisor.
    """
    running = definitions_from_json(client.call("/supervisor/origin"))
    if running.by_program:
        return
    try:
        plan = plan_set(running, may_be_idle=True, dry_run=True).plan
    except PortweaveError as error:
        say(f"the definitions cannot be read any more, the stack goes on without: {error.message}")
        return
    answer = client.call("/supervisor/apply", plan_as_json(plan), {"dryRun": True})
    if differing := _differs(answer.get("change") if is_object(answer) else None):
        say(f"defined otherwise by now: {', '.join(differing)}; portweave reload applies it")


def _differs(change: object) -> list[str]:
    """Return the instances that run with another plan."""
    if not is_object(change):
        return []
    differing: list[str] = []
    for kind in ("restarted", "updated", "removed"):
        names = change.get(kind)
        differing += list(map(str, names)) if is_list(names) or is_object(names) else []
    return differing


def _await(
    client: Client,
    names: "Sequence[str]",
    timeout_s: float,
    progress: Progress,
    *,
    fail_fast: bool,
) -> "list[dict[str, object]]":
    client.send("/supervisor/events")
    began_s = time.monotonic()
    try:
        answer = client.call(
            "/supervisor/wait",
            list(names),
            "ready",
            timeout_s + _VERDICT_S,
            not fail_fast,
            each=progress.take,
            patience_s=timeout_s + ANSWER_S,
            watched=(list(names), "ready"),
        )
    except errors.StackUnreachableError as error:
        raise timed_out(error, "ready", began_s, timeout_s) from None
    rows = _rows_of(answer)
    progress.report_rest(rows)
    try:
        check(rows, "ready", timeout_s)
    except errors.NotReadyError as error:
        # The last hint is for what goes on starting, if anything does.
        waits = error.hints[-1] if error.hints else ""
        error.told = brief(rows), waits if waits.startswith("portweave wait ") else ""
        raise
    await_names(client)
    # Asked again: the rows now have the URLs with names.
    answer = client.call("/supervisor/wait", list(names), "ready", 0, patience_s=PATIENCE_S)
    return _rows_of(answer)


def _rows_of(answer: object) -> "list[dict[str, object]]":
    return [row for row in answer if is_object(row)] if is_list(answer) else []


def await_names(client: Client) -> None:
    """Wait until the names lead to the services; report those that do not."""
    found = client.call("/supervisor/names", patience_s=_NAMES_S + PATIENCE_S)
    warnings = found.get("warnings") if is_object(found) else None
    for text in warnings if is_list(warnings) else ():
        say(str(text))
