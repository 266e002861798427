"""`portweave up`: run the stack of this worktree in the foreground."""

import gc
import os
import sys
import time

from portweave import colours
from portweave.args import Args, Operands, Option
from portweave.errors import PortHeldError, StackMovedError, StackRunningError, UsageError
from portweave.launch import check_profiles, origin_of, plan_of, project_of, wishes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portweave.prepare import Prepared, Project
    from portweave.stackplan import Wishes
    from portweave.supervisor.core.outlook import Outlook
    from portweave.supervisor.core.plan import StackPlan
    from portweave.supervisor.paths import Hold
    from portweave.supervisor.work import Naming

OPTIONS = (
    Option("-d", "--detach", about="return when all are ready; the stack goes on"),
    Option("--timeout", metavar="SECONDS", about="how long a service may take to be ready (60)"),
    Option(
        "--restart",
        metavar="POLICY",
        values=("no", "on-failure", "always"),
        about="no, on-failure[:N] or always, for all services",
    ),
    Option(
        "--scale",
        metavar="NAME=N",
        many=True,
        values="counts",
        about="run N instances of a service",
    ),
    Option(
        "--profile",
        metavar="NAME",
        many=True,
        values="profiles",
        about="start the services of a profile too",
    ),
    Option("--no-deps", about="do not start what the named services depend on"),
    Option("--watch", about="restart a service when a file of its folder changes"),
    Option("--no-proxy", about="no names, and no proxy for them"),
    Option("--abort-on-exit", about="stop all when one service ends"),
    Option(
        "--exit-code-from",
        metavar="SERVICE",
        values="services",
        about="exit as this service does, when one ends",
    ),
    Option("--dry-run", about="say what would be started, and in which order"),
)
USAGE = "[options] [SERVICE …]"
OPERANDS = Operands("services", many=True)
HELP = """
Start the services of this worktree, or those that are named and what they depend on; show what
they print; stop them all on Ctrl-C, dependents first. A second Ctrl-C kills them. With -d the stack
goes on without a terminal, until portweave down.

Where the stack runs already, start what is missing and follow it; Ctrl-C then ends the following.

Each service finds its port in PORT, the ports of the others in their variables, and its URL in
PORTWEAVE_URL: http://NAME.PROJECT.localhost:1355, in a linked worktree
http://NAME.WORKTREE.PROJECT.localhost:1355. The proxy that passes these on is started with the
first stack, and ends 30 s after the last one. With --no-proxy, or PORTWEAVE_PROXY=0 in the
environment, there is none, and the URL is http://127.0.0.1:PORT. With PORTWEAVE_TLS=1 it speaks
HTTPS, and all these URLs begin so; services find its CA in NODE_EXTRA_CA_CERTS and SSL_CERT_FILE.

Exit status: 0 when all ended well, 1 when a service failed for good, 130 after Ctrl-C, 143 after
SIGTERM, with --exit-code-from that of the service.
"""


def run(args: Args) -> int:
    """Run the stack until it ends, or detached, or attach to the one that runs."""
    began_s = time.monotonic()
    # What is imported from here on stays: to look through it for garbage would only take time.
    gc.disable()
    if args.rest:
        raise UsageError(
            "up takes names of services, not a command",
            hint="portweave run -- COMMAND runs a command",
        )
    if args.flag("dry_run"):
        origin = origin_of(args, os.environ)
        return _dry_run(project_of(origin), wishes_of(origin), args)
    if args.flag("detach"):
        return _run_detached(args, began_s)
    from portweave.supervisor.guardian import Supervisor
    from portweave.supervisor.start import supervise, warm_up

    supervisor = Supervisor(warm_up, supervise)
    try:
        origin = origin_of(args, os.environ)
        _refuse_moved(origin)
        prepared, plan = plan_of(origin)
        stack = _Launch(args, origin, prepared, plan)
        hold = stack.take()
        work = stack.work(hold, os.getpid(), began_s) if hold is not None else b""
    except BaseException:
        supervisor.dismiss()
        raise
    if hold is None:
        supervisor.dismiss()
        return stack.join(follow=True)
    with hold:
        return supervisor.start(work, hold, stack.tag, stack.proxy())


def _run_detached(args: Args, began_s: float) -> int:
    from portweave.environment import MARKS
    from portweave.supervisor.start import Detached

    for option in ("abort_on_exit", "exit_code_from"):
        if args.flag(option):
            flag = option.replace("_", "-")
            raise UsageError(f"--{flag} needs a stack in the foreground, not --detach")
    clean = {name: value for name, value in os.environ.items() if name not in MARKS}
    guardian = Detached(clean)
    try:
        origin = origin_of(args, os.environ)
        _refuse_moved(origin)
        prepared, plan = plan_of(origin)
        stack = _Launch(args, origin, prepared, plan)
        hold = stack.take()
        if hold is not None:
            with hold:
                work = stack.work(hold, guardian.pid, began_s, detached=True)
                sys.stderr.write(_banner(prepared, plan))
                sys.stderr.flush()
                proxy = stack.proxy()
                guardian.start(work, stack.folder, stack.key, stack.tag, hold, proxy)
    except BaseException:
        guardian.dismiss()
        raise
    if hold is None:
        guardian.dismiss()
        return stack.join(follow=False)
    return stack.await_ready()


def _refuse_moved(origin: "Mapping[str, object]") -> None:
    """See that no stack runs here since before the worktree was moved to where it is.

    Raises:
        StackMovedError: One does: two would run in one folder.
    """
    from portweave.launch import environ_of
    from portweave.supervisor.moves import moved_here
    from portweave.supervisor.paths import stacks_dir

    config, place = origin["config"], str(origin["workingDir"])
    start = os.path.realpath(os.path.join(place, os.path.dirname(str(config)) if config else ""))
    environ = environ_of(origin)
    if moved := moved_here(stacks_dir(environ), start, environ):
        stack, now = moved
        raise StackMovedError(stack.namespace, stack.root, now)


class _Launch:
    """A stack that is to be run, or to be joined.

    Args:
        args: What was given.
        origin: The same, as it is kept with the stack.
        prepared: The worktree with its ports.
        plan: What is to run.

    Attributes:
        folder: Where the records of stacks lie.
        key: The stack's name there.
        tag: What the marks of its processes begin with.
    """

    def __init__(
        self, args: Args, origin: dict[str, object], prepared: "Prepared", plan: "StackPlan"
    ) -> None:
        from portweave.supervisor.paths import stack_key, stacks_dir

        self._args = args
        self._origin = origin
        self._prepared = prepared
        self._plan = plan
        self._environ = prepared.project.environ
        self.folder = stacks_dir(self._environ)
        self.key = stack_key(plan.root, plan.namespace)
        self.tag = os.urandom(16).hex()
        check_profiles(prepared.project.definitions, args.texts("profile"))
        self._started = [i.name for i in plan.instances if i.name in plan.wanted]
        source = args.text("exit_code_from")
        if source is not None and source not in self._started:
            raise UsageError(
                f"--exit-code-from names {source}, which is not started",
                hint=f"started are {', '.join(self._started)}",
            )

    def take(self) -> "Hold | None":
        """The right to run it; None where somebody runs it already."""
        from portweave.supervisor.paths import Hold, is_held
        from portweave.supervisor.sockets import sockets_of

        _check_chosen_ports(self._prepared, self._plan, self.folder)
        if sockets_of(self._environ, self.folder, self.key) and not is_held(self.folder, self.key):
            # One whose record and lock were removed with their folder still listens.
            from portweave.supervisor.knocking import restored

            restored(self.folder, self.key, self._environ)
        try:
            hold = Hold(self.folder, self.key)
        except StackRunningError:
            if self._args.text("exit_code_from") or self._args.flag("abort_on_exit"):
                raise
            return None
        return hold

    def work(self, hold: "Hold", guardian: int, began_s: float, *, detached: bool = False) -> bytes:
        """What the supervisor is to do; from here on the record tells who runs the stack."""
        import pickle

        from portweave import __version__
        from portweave.allocator.processes import started_at
        from portweave.prepare import logs_dir
        from portweave.supervisor.moves import place_mark
        from portweave.supervisor.paths import StackRecord
        from portweave.supervisor.sockets import socket_path
        from portweave.supervisor.work import Options, Work

        plan = self._plan
        socket = socket_path(self._environ, self.folder, self.key)
        hold.write(
            StackRecord(
                pid=guardian,
                start=started_at(guardian) or "",
                project=plan.project,
                namespace=plan.namespace,
                root=plan.root,
                ports={i.name: i.port for i in plan.instances if i.port is not None},
                tag=self.tag,
                socket=socket,
                version=__version__,
                detached=detached,
                place=place_mark(plan.root),
            )
        )
        args, source = self._args, self._args.text("exit_code_from")
        options = Options(
            abort_on_exit=args.flag("abort_on_exit") or source is not None,
            exit_code_from=source,
            colour=self._keeps_colours(),
            coloured_names=colours.of_names(
                self._environ, is_terminal=os.isatty(1), refused=args.flag("no_color")
            ),
            verbose=args.flag("verbose"),
            banner="" if detached else _banner(self._prepared, plan),
            tag=self.tag,
            journal=hold.journal,
            logs=logs_dir(plan.root, plan.namespace),
            guardian=guardian,
            outlook=self._outlook(detached=detached),
            socket=socket,
            detached=detached,
            version=__version__,
            naming=self._naming(guardian),
        )
        return pickle.dumps(Work(plan, options, began_s, self._origin))

    def _naming(self, owner: int) -> "Naming | None":
        from portweave.launch import proxy_port, proxy_scheme
        from portweave.supervisor.proxy.station import routes_dir
        from portweave.supervisor.work import Naming

        port = proxy_port(self._origin)
        if port is None:
            return None
        return Naming(routes_dir(self._environ), owner, port, proxy_scheme(self._origin))

    def proxy(self) -> tuple[str, ...]:
        """The command of the proxy, where none runs yet and the stack wants one."""
        if all(instance.hostname is None for instance in self._plan.instances):
            return ()
        from portweave.webnames import proxy_words

        return tuple(proxy_words(self._environ))

    def _outlook(self, *, detached: bool) -> "Outlook":
        from portweave.supervisor.core.outlook import Outlook

        is_terminal = not detached and os.isatty(1)
        in_ci = self._environ.get("CI", "") not in ("", "0", "false")
        return Outlook(
            terminals=(is_terminal or detached) and not in_ci,
            colours=is_terminal and self._keeps_colours(),
        )

    def _keeps_colours(self) -> bool:
        refused = self._args.flag("no_color")
        return colours.are_kept(self._environ, is_terminal=os.isatty(1), refused=refused)

    def join(self, *, follow: bool) -> int:
        """Start what is missing in the stack that runs; attach to it, or return."""
        from portweave.joining import join, record_of

        record = record_of(self.folder, self.key)
        if record is None:
            raise StackRunningError(self.key, 0)
        rows = join(
            self._origin,
            self._plan,
            self._started,
            record,
            follow=follow,
            plain=self._args.flag("no_color"),
        )
        return 0 if follow else self._show(rows)

    def await_ready(self) -> int:
        """Wait until all that is started is ready, or can not be; the exit status."""
        from portweave.joining import await_ready

        limits_s = [i.ready.timeout_s for i in self._plan.instances if i.name in self._started]
        return self._show(await_ready(self.folder, self.key, self._started, max(limits_s)))

    def _show(self, rows: "Sequence[Mapping[str, object]]") -> int:
        if self._args.flag("json"):
            from portweave.allocator.jsontext import pretty

            print(pretty({"schemaVersion": 1, "services": list(rows)}))
        return 0


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

    check_profiles(project.definitions, args.texts("profile"))
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
