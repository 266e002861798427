"""`portweave up`: run the stack of this worktree in the foreground."""

import gc
import os
import sys
import time

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.encoding import colours
from portweave.errors import StackMovedError, StackRunningError, UsageError
from portweave.planning.stack_request import (
    EndedError,
    check_profiles,
    origin_of,
    patience_s,
    plan_of,
    project_of,
    wishes_of,
)
from portweave.system.interrupts import (
    Raised,
    at_end,
    clear_at_end,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portweave.planning.allocation import (
        Prepared,
        Project,
    )
    from portweave.planning.stack_plan import StartOptions
    from portweave.supervisor.registry.stack_lock import StackLock
    from portweave.supervisor.services.plan import StackPlan
    from portweave.supervisor.services.terminal_policy import TerminalPolicy
    from portweave.supervisor.services.work_order import RouteSettings

OPTIONS = (
    Option("-d", "--detach", about="return when all are ready; the stack goes on"),
    Option(
        "--timeout",
        metavar="SECONDS",
        about="how long a service, and with -d all, may take to be ready (60)",
    ),
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
    Option("--fail-fast", about="with -d: return as soon as a service cannot become ready"),
    Option("--dry-run", about="say what would be started, and in which order"),
)
USAGE = "[options] [SERVICE …]"
OPERANDS = Operands("services", many=True)
HELP = """
Start the services of this worktree, or those that are named and what they depend on; show what
they print; stop them all on Ctrl-C, dependents first. A second Ctrl-C kills them. With -d the stack
goes on without a terminal, until portweave down. It returns when each service is ready or cannot
become ready; with --fail-fast when the first cannot, while the others go on starting. --timeout
bounds the whole wait: what is not ready by then goes on starting, is named, and the exit status is
124. Without it services may take as long as their definitions say, one after the other.
portweave wait waits on.

Where the stack runs already, start what is missing and follow it; Ctrl-C then ends the following.

Each service finds its port in PORT, the ports of the others in their variables, and its URL in
PORTWEAVE_URL: http://NAME.PROJECT.localhost:1355, in a linked worktree
http://NAME.WORKTREE.PROJECT.localhost:1355. The proxy that passes these on is started with the
first stack, and ends 30 s after the last one. With --no-proxy, or PORTWEAVE_PROXY=0 in the
environment, there is none, and the URL is http://127.0.0.1:PORT. With PORTWEAVE_TLS=1 it speaks
HTTPS, and all these URLs begin so; services find its CA in NODE_EXTRA_CA_CERTS, SSL_CERT_FILE,
CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE and AWS_CA_BUNDLE.

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
    if args.flag("fail_fast") and not args.flag("detach"):
        raise UsageError(
            "--fail-fast needs --detach",
            hint="--abort-on-exit stops a stack in the foreground when one service ends",
        )
    start = _run_detached if args.flag("detach") else _run_attached
    while True:
        try:
            return start(args, began_s)
        except EndedError:
            # The stack that was to be joined was about to end, and has.
            continue


def _run_attached(args: Args, began_s: float) -> int:
    from portweave.supervisor.shutdown.guardian import SupervisorProcess
    from portweave.supervisor.start import supervise, warm_up
    from portweave.system.clean_environment import MARKS
    from portweave.system.processes import clear_variables

    # A look for marks is to find services only, also where we are started within one.
    clear_variables(MARKS)
    supervisor = SupervisorProcess(warm_up, supervise)
    at_end(supervisor.dismiss)
    try:
        origin = origin_of(args, os.environ)
        _refuse_moved(origin)
        stack = _Launch(args, origin)
        lock = stack.take()
        work = stack.work(lock, os.getpid(), began_s) if lock is not None else b""
    except BaseException:
        supervisor.dismiss()
        raise
    if lock is None:
        supervisor.dismiss()
        return stack.join(follow=True)
    with lock:
        return supervisor.start(work, lock, stack.tag, stack.proxy())


def _run_detached(args: Args, began_s: float) -> int:
    from portweave.supervisor.start import DetachedGuardian
    from portweave.system.clean_environment import MARKS

    for option in ("abort_on_exit", "exit_code_from"):
        if args.flag(option):
            flag = option.replace("_", "-")
            raise UsageError(f"--{flag} needs a stack in the foreground, not --detach")
    clean = {name: value for name, value in os.environ.items() if name not in MARKS}
    guardian = DetachedGuardian(clean)
    at_end(guardian.dismiss)
    try:
        origin = origin_of(args, os.environ)
        _refuse_moved(origin)
        stack = _Launch(args, origin)
        lock = stack.take()
        if lock is not None:
            with lock:
                work = stack.work(lock, guardian.pid, began_s, detached=True)
                sys.stderr.write(stack.banner())
                sys.stderr.flush()
                proxy = stack.proxy()
                # From here on it is the guardian's.
                clear_at_end()
                guardian.start(work, stack.folder, stack.key, stack.tag, lock, proxy)
    except BaseException:
        guardian.dismiss()
        raise
    if lock is None:
        guardian.dismiss()
        return stack.join(follow=False)
    return stack.await_ready()


def _refuse_moved(origin: "Mapping[str, object]") -> None:
    """See that no stack runs here since before the worktree was moved to where it is.

    Raises:
        StackMovedError: One does: two would run in one folder.
    """
    from portweave.planning.stack_request import environ_of
    from portweave.supervisor.registry.moved_folder import moved_here
    from portweave.supervisor.registry.stack_records import stacks_dir

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

    Raises:
        PortweaveError: It cannot be planned.

    Attributes:
        folder: Where the records of stacks lie.
        key: The stack's name there.
        tag: What the marks of its processes begin with.
    """

    def __init__(self, args: Args, origin: dict[str, object]) -> None:
        from portweave.supervisor.registry.stack_records import stack_key, stacks_dir

        self._args = args
        self._origin = origin
        self._make_plan()
        self._environ = self._prepared.project.environ
        self.folder = stacks_dir(self._environ)
        self.key = stack_key(self._plan.root, self._plan.namespace)
        self.tag = os.urandom(16).hex()

    def _make_plan(self) -> None:
        args = self._args
        self._prepared, self._plan = prepared, plan = plan_of(self._origin)
        check_profiles(prepared.project.definitions, args.texts("profile"))
        self._started = [i.name for i in plan.instances if i.name in plan.wanted]
        source = args.text("exit_code_from")
        if source is not None and source not in self._started:
            raise UsageError(
                f"--exit-code-from names {source}, which is not started",
                hint=f"started are {', '.join(self._started)}",
            )

    def take(self) -> "StackLock | None":
        """The right to run it; None where somebody runs it already."""
        from portweave.encoding.value import replace
        from portweave.planning.port_conflicts import check_claims
        from portweave.supervisor.registry.socket_paths import sockets_of
        from portweave.supervisor.registry.stack_lock import StackLock
        from portweave.supervisor.registry.stack_records import is_held

        if sockets_of(self._environ, self.folder, self.key) and not is_held(self.folder, self.key):
            # One whose record and lock were removed with their folder still listens.
            from portweave.supervisor.registry.record_recovery import restored

            restored(self.folder, self.key, self._environ)
        try:
            lock = StackLock(self.folder, self.key)
        except StackRunningError:
            if self._args.text("exit_code_from") or self._args.flag("abort_on_exit"):
                from portweave.client.join_stack import record_of

                if record_of(self.folder, self.key, self._patience_s()) is None:
                    raise EndedError from None
                raise
            self._settle()
            return None
        try:
            self._settle()
            plan = self._plan
            stack = plan.root, plan.namespace
            found = check_claims(plan.instances, self._prepared.ports, stack, self.folder)
            self._plan = replace(plan, warnings=(*plan.warnings, *found))
        except BaseException:
            lock.close()
            raise
        return lock

    def _settle(self) -> None:
        """Plan with the ports that the worktree has for good.

        From the moment that somebody has the right to run the stack its block stands still. Before,
        it may have moved under our plan: for another first `up`, with more instances.
        """
        from portweave.allocator.ports.blocks import has_moved

        project, entry = self._prepared.project, self._prepared.entry
        if has_moved(project.registry, entry, project.names, self._environ):
            self._make_plan()

    def work(
        self, lock: "StackLock", guardian: int, began_s: float, *, detached: bool = False
    ) -> bytes:
        """What the supervisor is to do; from here on the record tells who runs the stack."""
        import pickle

        from portweave import __version__
        from portweave.allocator.running_stacks import place_mark
        from portweave.encoding.value import replace
        from portweave.planning.allocation import logs_dir
        from portweave.supervisor.registry.socket_paths import (
            foreign_folder_warnings,
            socket_path,
        )
        from portweave.supervisor.registry.stack_records import new_record
        from portweave.supervisor.services.work_order import (
            Options,
            WorkOrder,
        )

        socket = socket_path(self._environ, self.folder, self.key)
        warnings = foreign_folder_warnings(self._environ, socket)
        plan = self._plan = replace(self._plan, warnings=(*self._plan.warnings, *warnings))
        lock.write(
            new_record(
                plan,
                guardian,
                self.tag,
                socket,
                ports={i.name: i.port for i in plan.instances if i.port is not None},
                detached=detached,
                place=place_mark(plan.root),
            )
        )
        # A signal that ends us now leaves no record behind.
        at_end(lock.remove_record)
        args, source = self._args, self._args.text("exit_code_from")
        options = Options(
            abort_on_exit=args.flag("abort_on_exit") or source is not None,
            exit_code_from=source,
            colour=self._keeps_colours(),
            coloured_names=colours.of_names(
                self._environ, is_terminal=os.isatty(1), refused=args.flag("no_color")
            ),
            verbose=args.flag("verbose"),
            banner="" if detached else self.banner(),
            tag=self.tag,
            journal=lock.journal,
            logs=logs_dir(plan.root, plan.namespace),
            guardian=guardian,
            terminal_policy=self._terminal_policy(detached=detached),
            socket=socket,
            detached=detached,
            version=__version__,
            naming=self._naming(guardian),
        )
        return pickle.dumps(WorkOrder(plan, options, began_s, self._origin))

    def _naming(self, owner: int) -> "RouteSettings | None":
        from portweave.planning.stack_request import (
            proxy_port,
            proxy_scheme,
        )
        from portweave.supervisor.proxy.process.proxy_files import routes_dir
        from portweave.supervisor.services.work_order import RouteSettings

        port = proxy_port(self._origin)
        if port is None:
            return None
        return RouteSettings(routes_dir(self._environ), owner, port, proxy_scheme(self._origin))

    def banner(self) -> str:
        """What is told of it when it begins."""
        return _banner(self._prepared, self._plan)

    def proxy(self) -> tuple[str, ...]:
        """The command of the proxy, where none runs yet and the stack wants one."""
        if all(instance.hostname is None for instance in self._plan.instances):
            return ()
        from portweave.planning.url_names import proxy_words

        return tuple(proxy_words(self._environ))

    def _terminal_policy(self, *, detached: bool) -> "TerminalPolicy":
        from portweave.supervisor.services.terminal_policy import TerminalPolicy

        is_terminal = not detached and os.isatty(1)
        in_ci = self._environ.get("CI", "") not in ("", "0", "false")
        return TerminalPolicy(
            terminals=(is_terminal or detached) and not in_ci,
            colours=is_terminal and self._keeps_colours(),
        )

    def _keeps_colours(self) -> bool:
        refused = self._args.flag("no_color")
        return colours.are_kept(self._environ, is_terminal=os.isatty(1), refused=refused)

    def join(self, *, follow: bool) -> int:
        """Start what is missing in the stack that runs; attach to it, or return."""
        from portweave.client.join_stack import join

        with Raised():
            rows = join(
                self._origin,
                self._prepared,
                self._plan,
                self._started,
                folder=self.folder,
                key=self.key,
                timeout_s=self._patience_s(),
                follows=follow,
                fail_fast=self._args.flag("fail_fast"),
                plain=self._args.flag("no_color"),
            )
        return 0 if follow else self._show(rows)

    def await_ready(self) -> int:
        """Wait until all that is started is ready, or can not be; the exit status."""
        from portweave.client.join_stack import await_ready

        names, timeout_s = self._started, self._patience_s()
        fail_fast = self._args.flag("fail_fast")
        with Raised():
            rows = await_ready(self.folder, self.key, names, timeout_s, fail_fast=fail_fast)
        return self._show(rows)

    def _patience_s(self) -> float:
        return patience_s(self._args, self._plan, self._started)

    def _show(self, rows: "Sequence[Mapping[str, object]]") -> int:
        if self._args.flag("json"):
            from portweave.encoding.json_write import pretty

            print(pretty({"schemaVersion": 1, "services": list(rows)}))
        return 0


def _banner(prepared: "Prepared", plan: "StackPlan") -> str:
    from portweave.planning.allocation_text import stack_banner

    return stack_banner(
        plan.project,
        os.path.basename(plan.root),
        plan.namespace,
        [(i.name, i.port, i.url) for i in plan.instances if i.name in plan.wanted],
        [*plan.warnings, *(f"not started: {name} ({why})" for name, why in plan.left_out)],
        reused=prepared.reused,
    )


def _dry_run(project: "Project", wishes: "StartOptions", args: Args) -> int:
    """Say what would be started, in which order; nothing is allocated, written or started."""
    from portweave.allocator.ports.assign import entry_of
    from portweave.allocator.ports.model import Entry
    from portweave.allocator.ports.registry import load
    from portweave.planning.stack_plan import select
    from portweave.procfiles.graph import start_order

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
