"""Plan a running stack again from its requests, and send the plan to its supervisor."""

import os

from portweave import errors
from portweave.client.client import (
    Client,
    find_stack,
)
from portweave.client.join_stack import await_names
from portweave.client.verb_queries import say
from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.encoding.value import replace
from portweave.planning.definition_set import (
    DefinitionSet,
    definitions_from_json,
    is_stale,
    request_of_file,
)
from portweave.planning.planned_stack import plan_as_json, plan_set, scaled
from portweave.planning.port_conflicts import check_chosen_ports
from portweave.planning.url_names import ensure_proxy
from portweave.supervisor.registry.moved_folder import check_place
from portweave.supervisor.registry.stack_records import PROTOCOL, stacks_dir

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portweave.arguments.args import Args
    from portweave.planning.allocation import AllocatedProject
    from portweave.supervisor.registry.stack_records import StackRecord
    from portweave.supervisor.services.plan import StackPlan

_KINDS = (
    ("added", "starts", "would start"),
    ("restarted", "restarts", "would restart"),
    ("updated", "goes on with other rules:", "would go on with other rules:"),
    ("removed", "stops", "would stop"),
)


def apply(
    args: "Args",
    environ: "Mapping[str, str]",
    *,
    scale: "Mapping[str, int] | None" = None,
    dry_run: bool = False,
) -> object:
    """Change a running stack to match its definitions.

    Args:
        args: The command line.
        environ: The variables of this shell. They name the folder of stack records.
        scale: Numbers of instances by service, to change nothing else; None to change all.
        dry_run: Whether to change nothing.

    Returns:
        The answer of `/supervisor/apply`. A dry run adds `ports`, which new instances would get.

    Raises:
        PortweaveError: The definitions are wrong, or the stack does not answer.
    """
    record = find_stack(args, environ)
    if record.protocol != PROTOCOL:
        raise errors.OtherProtocolError(record.namespace, record.version)
    check_place(record, os.path.realpath("."))
    client = Client(record)
    config = args.text("config") if args.text("stack") is None else None
    try:
        # Another client may have changed the stack since we read its definitions.
        while is_stale(answer := _apply(client, environ, config, scale, dry_run=dry_run)):
            continue
        if not dry_run:
            await_names(client)
        return answer
    finally:
        client.close()


def _apply(
    client: Client,
    environ: "Mapping[str, str]",
    config: str | None,
    scale: "Mapping[str, int] | None",
    *,
    dry_run: bool,
) -> object:
    record = client.record
    running = definitions_from_json(client.call("/supervisor/origin"))
    if running.by_program:
        raise errors.UsageError(
            "the stack is of no definition file: a program has started it, and says what it is of",
            hint="end the program, and start it again",
        )
    if config is not None:
        running = _with_file(running, config, os.getcwd(), is_kept=scale is not None)
    planned = plan_set(scaled(running, scale or {}), may_be_idle=scale is not None, dry_run=dry_run)
    allocated, plan = planned.allocated, planned.plan
    for one in allocated:
        root = one.project.worktree.key.worktree_root
        if (root, one.entry.namespace) != (record.root, record.namespace):
            raise errors.UsageError(f"these definitions belong to {root}, not to the stack")
    known = {s.name for one in allocated for s in one.project.definitions.services}
    warnings = _check_ports(plan, allocated, record, environ, scale)
    definitions = planned.definitions if scale is not None else planned.kept
    first = definitions.requests[0]
    if not dry_run and first.names is not None:
        # Not the supervisor: a proxy below it would end with the stack.
        ensure_proxy(first.environ)
    changes: dict[str, object] = {"dryRun": dry_run, "origin": definitions.as_json()}
    if scale is not None:
        changes["only"] = sorted(known & scale.keys())
        changes["start"] = [i.name for i in plan.instances if i.service in scale]
    else:
        changes["startNew"] = sorted(plan.wanted)
    answer = client.call("/supervisor/apply", plan_as_json(plan), changes)
    if not is_stale(answer):
        for warning in warnings:
            say(warning)
    return _with_ports(answer, plan) if dry_run else answer


def _with_file(running: DefinitionSet, config: str, folder: str, *, is_kept: bool) -> DefinitionSet:
    """Plan a stack from another definition file, which the command line names.

    As with `up`, the stack is planned from this file alone from now on.

    Args:
        running: The requests of the running stack.
        config: The definition file, relative to `folder`.
        folder: The working directory.
        is_kept: Whether the set stays as it is if the file is one of its own.
    """
    path = os.path.normpath(os.path.join(os.path.realpath(folder), config))
    own = request_of_file(running.requests, path)
    if own is not None and is_kept:
        return running
    first = running.requests[0]
    options = replace((own or first).options, with_proxy=first.options.with_proxy)
    # The stack keeps its names.
    request = replace(
        own or first, config=config, working_dir=folder, names=first.names, options=options
    )
    return replace(running, requests=(request,))


def _check_ports(
    plan: "StackPlan",
    allocated: "Sequence[AllocatedProject]",
    record: "StackRecord",
    environ: "Mapping[str, str]",
    scale: "Mapping[str, int] | None",
) -> list[str]:
    """Check that instances to start may have the ports that variables name; return warnings."""
    ports: dict[str, int] = {}
    for one in allocated:
        ports |= one.ports
    planned = {i.name: i for i in plan.instances if scale is None or i.service in scale}
    kept = {
        name: port
        for name, port in record.ports.items()
        if (name in planned and planned[name].port == port)
        # Of a service that the command does not scale.
        or (scale is not None and not {name, name.rpartition(".")[0]} & scale.keys())
    }
    stack = record.root, record.namespace
    return check_chosen_ports(planned.values(), ports, stack, stacks_dir(environ), kept)


def _with_ports(answer: object, plan: "StackPlan") -> object:
    change = answer.get("change") if is_object(answer) else None
    added = change.get("added") if is_object(change) else None
    if not is_object(answer) or not is_list(added):
        return answer
    ports = {i.name: i.port for i in plan.instances if i.port is not None and i.name in added}
    return {**answer, "ports": ports}


def report(answer: object, *, would: bool = False) -> bool:
    """Print what a plan changes; return whether it changes anything."""
    change = answer.get("change") if is_object(answer) else None
    if not is_object(answer) or not is_object(change):
        return False
    ports = answer.get("ports")
    is_something = False
    for kind, verb, would_verb in _KINDS:
        found = change.get(kind)
        items: list[str] = []
        if is_object(found):
            items = [
                f"{name} ({', '.join(map(str, keys))})" if is_list(keys) else name
                for name, keys in found.items()
            ]
        elif is_list(found):
            items = list(map(str, found))
            if kind == "added" and is_object(ports):
                items = [f"{n} on {ports[n]}" if n in ports else n for n in items]
        for item in items:
            is_something = True
            name, _, keys = item.partition(" ")
            say(f"{name} {would_verb if would else verb} {keys}".rstrip())
    unchanged = change.get("unchanged")
    if is_something and is_list(unchanged) and unchanged:
        say(f"unchanged: {', '.join(map(str, unchanged))}")
    return is_something
