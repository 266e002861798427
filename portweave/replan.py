"""Plan a running stack anew, from what it was started from, and hand the plan to its supervisor."""

import os

from portweave.allocator.jsontext import is_list, is_object
from portweave.asking import say
from portweave.client import Client, find_stack
from portweave.errors import OtherProtocolError, UsageError
from portweave.joining import await_names
from portweave.launch import as_json, environ_of, plan_of, proxy_port
from portweave.supervisor.moves import check_place
from portweave.supervisor.paths import PROTOCOL
from portweave.webnames import ensure_proxy

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

    from portweave.args import Args
    from portweave.supervisor.core.plan import StackPlan

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
    """Have a running stack become as its definitions say.

    Args:
        args: What was given.
        environ: Names the folder in which the records of stacks lie.
        scale: Instances of services, where nothing else is to change.
        dry_run: Whether only to tell what would be done.

    Returns:
        The answer of `/supervisor/apply`; of a dry run with `ports`, those that what is new would
        have if it came now.

    Raises:
        PortweaveError: The definitions are wrong, or the stack cannot be asked.
    """
    record = find_stack(args, environ)
    if record.protocol != PROTOCOL:
        raise OtherProtocolError(record.namespace, record.version)
    check_place(record, os.path.realpath("."))
    client = Client(record)
    try:
        origin = client.call("/supervisor/origin")
        if not is_object(origin):
            raise UsageError("the stack does not tell what it was started from")
        if args.text("config") is not None and args.text("stack") is None:
            # As `up` would: the file that is named now is the stack's from here on.
            origin["config"] = args.text("config")
            origin["workingDir"] = os.getcwd()
        if scale is not None:
            before = origin.get("scale")
            origin["scale"] = {**(before if is_object(before) else {}), **scale}
        prepared, plan = plan_of(origin, may_be_idle=scale is not None, dry_run=dry_run)
        if plan.namespace != record.namespace or plan.root != record.root:
            raise UsageError(f"these definitions are those of {plan.root}, not of the stack")
        known = {service.name for service in prepared.project.definitions.services}
        if not dry_run and proxy_port(origin) is not None:
            # Not by the supervisor: whoever descends from it ends with the stack.
            ensure_proxy(environ_of(origin))
        if scale is not None:
            start = [i.name for i in plan.instances if i.service in scale]
            wishes: dict[str, object] = {"only": sorted(known & scale.keys()), "start": start}
        else:
            wishes = {"startNew": sorted(plan.wanted)}
        wishes |= {"dryRun": dry_run, "origin": origin}
        answer = client.call("/supervisor/apply", as_json(plan), wishes)
        if dry_run:
            return _with_ports(answer, plan)
        await_names(client)
        return answer
    finally:
        client.close()


def _with_ports(answer: object, plan: "StackPlan") -> object:
    change = answer.get("change") if is_object(answer) else None
    added = change.get("added") if is_object(change) else None
    if not is_object(answer) or not is_list(added):
        return answer
    ports = {i.name: i.port for i in plan.instances if i.port is not None and i.name in added}
    return {**answer, "ports": ports}


def tell(answer: object, *, would: bool = False) -> bool:
    """Tell what a plan changes; False where it changes nothing."""
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
