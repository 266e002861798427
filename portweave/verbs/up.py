"""`portweave up`: run the stack of this worktree in the foreground."""

import gc
import os
import time

from portweave.args import Args, Option
from portweave.errors import PortHeldError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from portweave.prepare import Prepared, Project
    from portweave.stackplan import Wishes
    from portweave.supervisor.core.plan import StackPlan
    from portweave.supervisor.paths import Hold

OPTIONS = (
    Option("--timeout", metavar="SECONDS", about="how long a service may take to be ready (60)"),
    Option("--restart", metavar="POLICY", about="no, on-failure[:N] or always, for all services"),
    Option("--scale", metavar="NAME=N", many=True, about="run N instances of a service"),
    Option("--profile", metavar="NAME", many=True, about="start the services of a profile too"),
    Option("--no-deps", about="do not start what the named services depend on"),
    Option("--abort-on-exit", about="stop all when one service ends"),
    Option("--exit-code-from", metavar="SERVICE", about="exit as this service does, when one ends"),
    Option("--dry-run", about="say what would be started, and in which order"),
)
USAGE = "[options] [SERVICE …]"
HELP = """
Start the services of this worktree, or those that are named and what they depend on; show what
they print; stop them all on Ctrl-C, dependents first. A second Ctrl-C kills them.

Each service finds its port in PORT, the ports of the others in their variables, and
http://127.0.0.1:PORT in PORTWEAVE_URL.

Exit status: 0 when all ended well, 1 when a service failed for good, 130 after Ctrl-C, 143 after
SIGTERM, with --exit-code-from that of the service.
"""
_POLICIES = ("no", "on-failure", "always")


def run(args: Args) -> int:
    """Run the stack until it ends."""
    began_s = time.monotonic()
    # What is imported from here on stays: to look through it for garbage would only take time.
    gc.disable()
    scale = dict(_scale(text) for text in args.texts("scale"))
    if args.rest:
        raise UsageError(
            "up takes names of services, not a command",
            hint="portweave run -- COMMAND runs a command",
        )
    if args.flag("dry_run"):
        return _dry_run(_find_project(args, scale), _wishes(args, scale), args)
    from portweave.supervisor.guardian import Supervisor

    supervisor = Supervisor(_warm_up, _supervise)
    try:
        work, hold, tag = _make_work(_find_project(args, scale), args, scale, began_s)
    except BaseException:
        supervisor.dismiss()
        raise
    with hold:
        return supervisor.start(work, hold, tag)


def _find_project(args: Args, scale: dict[str, int]) -> "Project":
    from portweave.prepare import check_selection, find_project, working_dir

    config = args.text("config")
    count = check_selection(config, args.text("count"))
    return find_project(
        working_dir(), config=config, count=count, environ=dict(os.environ), scale=scale
    )


def _make_work(
    project: "Project", args: Args, scale: dict[str, int], began_s: float
) -> "tuple[bytes, Hold, str]":
    """What the supervisor is to do, the right to do it, and the mark of its processes."""
    import pickle

    from portweave.allocator.processes import started_at
    from portweave.prepare import prepare
    from portweave.stackplan import make_plan
    from portweave.supervisor.paths import Hold, StackRecord, stack_key, stacks_dir
    from portweave.supervisor.work import Options, Work

    prepared = prepare(project)
    plan = make_plan(prepared, _wishes(args, scale), project.environ)
    source = args.text("exit_code_from")
    started = [i.name for i in plan.instances if i.name in plan.wanted]
    if source is not None and source not in started:
        raise UsageError(
            f"--exit-code-from names {source}, which is not started",
            hint=f"started are {', '.join(started)}",
        )
    folder = stacks_dir(project.environ)
    _check_chosen_ports(prepared, plan, folder)
    hold = Hold(folder, stack_key(plan.root, plan.namespace))
    pid, tag = os.getpid(), os.urandom(16).hex()
    hold.write(
        StackRecord(
            pid=pid,
            start=started_at(pid) or "",
            project=plan.project,
            namespace=plan.namespace,
            root=plan.root,
            ports={i.name: i.port for i in plan.instances if i.port is not None},
            tag=tag,
        )
    )
    options = Options(
        abort_on_exit=args.flag("abort_on_exit") or source is not None,
        exit_code_from=source,
        colour=_may_colour(args, project.environ),
        verbose=args.flag("verbose"),
        banner=_banner(prepared, plan),
        tag=tag,
        journal=hold.journal,
        guardian=pid,
    )
    return pickle.dumps(Work(plan, options, began_s)), hold, tag


def _warm_up() -> None:
    """Import what the supervisor needs: in its own process, while the parent does the rest."""
    from importlib import import_module

    for name in ("pickle", "anyio._backends._asyncio", "portweave.supervisor.run"):
        import_module(name)


def _supervise(work: bytes) -> int:
    import pickle

    import anyio

    from portweave.supervisor.run import run as run_stack

    # From our own parent, by a socket that nobody else has.
    return anyio.run(run_stack, pickle.loads(work))  # noqa: S301


def _wishes(args: Args, scale: dict[str, int]) -> "Wishes":
    from portweave.stackplan import Wishes, restart_policy

    restart = args.text("restart")
    if restart is None and (args.flag("abort_on_exit") or args.text("exit_code_from")):
        # The first end of a service is to end all: it is not started again before.
        restart = "no"
    return Wishes(
        services=tuple(args.operands),
        profiles=tuple(args.texts("profile")),
        scale=scale,
        with_needs=not args.flag("no_deps"),
        restart=None if restart is None else restart_policy(*_restart(restart)),
        timeout_s=_seconds(args.text("timeout")),
    )


def _scale(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not (name and number.isascii() and number.isdigit() and len(number) <= 3):
        raise UsageError(f"--scale takes NAME=N, received {text!r}", hint="as in --scale web=3")
    return name, int(number)


def _restart(text: str) -> tuple[str, int | None]:
    policy, colon, limit = text.partition(":")
    takes_limit = policy == "on-failure" and limit.isascii() and limit.isdigit()
    if policy not in _POLICIES or (colon and not takes_limit):
        raise UsageError(
            f"--restart takes no, on-failure, on-failure:N or always, received {text!r}"
        )
    return policy, int(limit) if limit else None


def _seconds(text: str | None) -> float:
    if text is None:
        return 60.0
    from portweave.procfiles.duration import parse

    seconds = parse(text)
    if not seconds:
        raise UsageError(f"--timeout takes a time such as 90, 90s or 1m30s, received {text!r}")
    return seconds


def _may_colour(args: Args, environ: "Mapping[str, str]") -> bool:
    """Not where NO_COLOR is set (no-color.org), nor on a terminal that has none."""
    refused = args.flag("no_color") or environ.get("NO_COLOR")
    return not refused and environ.get("TERM", "") != "dumb"


def _check_chosen_ports(prepared: "Prepared", plan: "StackPlan", folder: str) -> None:
    """Refuse a port that the user chose and that a live stack has already, this one included."""
    from portweave.supervisor.paths import live_stacks

    taken = {
        port: f"{name} of the live stack {stack.project}/{stack.namespace} ({stack.root})"
        for stack in live_stacks(folder)
        if stack.root != plan.root
        for name, port in stack.ports.items()
    }
    seen: dict[int, str] = {}
    for instance in plan.instances:
        port = instance.port
        if port is None:
            continue
        is_chosen = port != prepared.ports.get(instance.name)
        holder = seen.get(port) or (taken.get(port) if is_chosen else None)
        if holder is not None:
            raise PortHeldError(instance.name, port, holder)
        seen[port] = f"{instance.name} of this stack"


def _banner(prepared: "Prepared", plan: "StackPlan") -> str:
    from portweave.show import stack_banner

    return stack_banner(
        plan.project,
        os.path.basename(plan.root),
        plan.namespace,
        [(i.name, i.port, i.url) for i in plan.instances if i.name in plan.wanted],
        [*plan.warnings, *(f"not started: {name} ({why})" for name, why in plan.left_out)],
        reused=prepared.reused,
    )


def _dry_run(project: "Project", wishes: "Wishes", args: Args) -> int:
    """Say what would be started, in which order; nothing is allocated, written or started."""
    from portweave.allocator.model import Entry
    from portweave.allocator.plan import entry_of
    from portweave.allocator.registry import load
    from portweave.procfiles.graph import start_order
    from portweave.stackplan import select

    wanted, left_out = select(project.definitions, wishes)
    entry: Entry | None = entry_of(load(project.registry), project.key)
    ports = {} if entry is None else entry.ports
    rows = [
        {
            "name": service.name,
            "command": service.command,
            "port": ports.get(service.name) if service.env_var is not None else None,
            "instances": wishes.scale.get(service.name, service.scale),
            "dependsOn": {other.name: other.condition for other in service.depends_on},
        }
        for service in start_order(project.definitions)
        if service.name in wanted
    ]
    if args.flag("json"):
        import json

        print(json.dumps({"schemaVersion": 1, "services": rows}, ensure_ascii=False, indent=2))
        return 0
    print(f"would start, in this order ({len(rows)} services):")
    by_name = {service.name: service for service in project.definitions.services}
    for row in rows:
        service = by_name[str(row["name"])]
        if service.env_var is None:
            where = "no port"
        else:
            where = f"port {row['port']}" if row["port"] else "a port of a new block"
        count = f" x {row['instances']}" if row["instances"] != 1 else ""
        command = (
            service.command if isinstance(service.command, str) else " ".join(service.command or ())
        )
        print(f"  {service.name}{count} ({where}): {command}")
        for other in service.depends_on:
            print(f"    after {other.name} is {other.condition}")
    for name, why in left_out:
        print(f"not started: {name} ({why})")
    return 0
