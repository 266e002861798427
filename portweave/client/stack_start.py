"""Start the stack of a worktree, or join it if it runs already: all of `up` but its processes."""

import os
import pickle

from portweave import __version__, errors
from portweave.allocator.ports.blocks import has_moved
from portweave.allocator.socket_paths import (
    foreign_folder_warnings,
    socket_path,
    sockets_of,
)
from portweave.allocator.state_folder import place_mark
from portweave.allocator.worktree import logs_dir
from portweave.client.stack_ended import StackEndedError
from portweave.encoding import colours
from portweave.encoding.terminal_escapes import escaped
from portweave.encoding.value import replace, value
from portweave.planning.allocation_text import stack_banner
from portweave.planning.planned_stack import check_profiles, plan_request
from portweave.planning.port_conflicts import check_chosen_ports
from portweave.planning.stack_request import DEFAULT_TIMEOUT_S
from portweave.planning.url_names import proxy_words
from portweave.supervisor.proxy.process.proxy_files import routes_dir
from portweave.supervisor.registry.stack_lock import StackLock
from portweave.supervisor.registry.stack_records import (
    is_held,
    new_record,
    stack_key,
    stacks_dir,
)
from portweave.supervisor.services.lifetime import FOREVER, Terms
from portweave.supervisor.services.plan import time_to_ready_s
from portweave.supervisor.services.terminal_policy import TerminalPolicy
from portweave.supervisor.services.work_order import Options, RouteSettings, WorkOrder
from portweave.system.interrupts import Raised, at_end
from portweave.system.live_line import mode_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from portweave.client.progress import Progress
    from portweave.planning.project import Project
    from portweave.planning.stack_request import StackRequest
    from portweave.supervisor.services.plan import StackPlan


@value
class RunOptions:
    """How one `up` command runs or follows a stack. The stack does not keep this.

    Attributes:
        detached: Whether the stack continues without the command.
        abort_on_exit: Whether the end of one service stops the stack.
        exit_code_from: The instance whose exit status becomes the command's; None for none.
        timeout_s: How long to wait for the services, from `--timeout`; None if it was not given.
        fail_fast: Whether to return as soon as one service cannot become ready.
        verbose: Whether to report more.
        plain: Whether the command line refuses colours.
        quiet: Whether to report errors alone.
        as_json: Whether the command prints data for programs.
        terms: What ends a detached stack without a command.
    """

    detached: bool = False
    abort_on_exit: bool = False
    exit_code_from: str | None = None
    timeout_s: float | None = None
    fail_fast: bool = False
    verbose: bool = False
    plain: bool = False
    quiet: bool = False
    as_json: bool = False
    terms: Terms = FOREVER


class StackStart:
    """A stack that this command starts, or joins if it runs already.

    Args:
        request: What `up` was asked for.
        options: How this command runs or follows the stack.

    Raises:
        PortweaveError: The stack cannot be planned.
        StackMovedError: A stack runs here since before the worktree was moved.

    Attributes:
        folder: The folder of stack records.
        key: The stack's name in that folder.
        tag: The start of the mark in the environment of each of its processes.
    """

    def __init__(self, request: "StackRequest", options: RunOptions) -> None:
        self._request = request
        self._options = options
        self._make_plan()
        self._environ = request.environ
        self.folder = stacks_dir(self._environ)
        # A worktree that was moved while its stack runs has the stack of its former path.
        identity = self._planned.allocated.project.worktree.key
        self.key = stack_key(identity.worktree_root, identity.namespace)
        self.tag = os.urandom(16).hex()

    def _make_plan(self) -> None:
        planned = plan_request(self._request, prepare=_bring_files)
        self._planned, self._plan = planned, planned.plan
        definitions = planned.allocated.project.definitions
        check_profiles(definitions, self._request.options.profiles)
        wanted = self._plan.wanted
        self._started = [i.name for i in self._plan.instances if i.name in wanted]
        source = self._options.exit_code_from
        if source is not None and source not in self._started:
            raise errors.UsageError(
                f"--exit-code-from names {source}, which is not started",
                hint=f"started are {', '.join(self._started)}",
            )

    def lock(self) -> StackLock | None:
        """Take the stack's lock; None if the stack runs already.

        Raises:
            PortHeldError: A port that a variable chose is in use by another stack.
            StackEndedError: The stack ended while we looked.
            StackRunningError: It runs, and the options need a stack of this command's own.
        """
        if sockets_of(self._environ, self.folder, self.key) and not is_held(self.folder, self.key):
            # Its record and lock were deleted, but its supervisor still listens.
            from portweave.supervisor.registry.record_recovery import restored

            restored(self.folder, self.key, self._environ)
        try:
            lock = StackLock(self.folder, self.key)
        except errors.StackRunningError:
            if self._options.exit_code_from or self._options.abort_on_exit:
                from portweave.client.join_stack import record_of

                if record_of(self.folder, self.key, self._timeout_s()) is None:
                    raise StackEndedError from None
                raise
            self._plan_if_moved()
            return None
        try:
            self._plan_if_moved()
            plan = self._plan
            stack = plan.root, plan.namespace
            ports = self._planned.allocated.ports
            found = check_chosen_ports(plan.instances, ports, stack, self.folder)
            self._plan = replace(plan, warnings=(*plan.warnings, *found))
        except BaseException:
            lock.close()
            raise
        return lock

    def _plan_if_moved(self) -> None:
        """Plan again if the worktree's block has moved.

        The block stays in place while the stack's lock is held. Before that, another first `up`
        with more instances may have moved it.
        """
        allocated = self._planned.allocated
        project = allocated.project
        if has_moved(project.registry, allocated.entry, project.names, self._environ):
            self._make_plan()

    def work_order(self, lock: StackLock, guardian: int, began_s: float) -> bytes:
        """Write the stack's record, and return the order for the supervisor, pickled.

        Args:
            lock: From `lock`.
            guardian: Pid of the guardian.
            began_s: When the command began, on the monotonic clock.
        """
        detached = self._options.detached
        self._keep_teardown()
        socket = socket_path(self._environ, self.folder, self.key)
        logs = logs_dir(self._plan.root, self._plan.namespace)
        warnings = [*foreign_folder_warnings(self._environ, socket), *_log_warnings(logs)]
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
        # A signal that ends this process now shall leave no record behind.
        at_end(lock.remove_record)
        source = self._options.exit_code_from
        is_silent = detached or self._options.quiet or self._request.options.only_setup
        options = Options(
            abort_on_exit=self._options.abort_on_exit or source is not None,
            exit_code_from=source,
            colour=self._has_colours(),
            style=self._style(),
            verbose=self._options.verbose,
            banner="" if is_silent else self.banner(),
            tag=self.tag,
            journal=lock.journal,
            logs=logs,
            guardian=guardian,
            terminal_policy=self._terminal_policy(),
            socket=socket,
            detached=detached,
            version=__version__,
            quiet=self._options.quiet,
            waiting=mode_of(
                self._environ,
                is_terminal=os.isatty(2),
                as_json=self._options.as_json,
                quiet=self._options.quiet or detached,
            ),
            naming=self._route_settings(guardian),
            terms=self._options.terms,
        )
        return pickle.dumps(WorkOrder(plan, options, began_s, self._planned.request.as_json()))

    def _keep_teardown(self) -> None:
        """Keep the hook `teardown` for the time after the worktree."""
        allocated = self._planned.allocated
        folder = f"{os.path.dirname(self.folder)}/worktrees/{self.key}"
        hooks = allocated.project.definitions.hooks
        if any(hook.name == "teardown" for hook in hooks) or os.path.lexists(folder):
            # Imported here: most stacks have none.
            from portweave.planning.teardown_keeping import keep_teardown

            keep_teardown(allocated, self._environ)

    def _route_settings(self, owner: int) -> RouteSettings | None:
        names = self._planned.request.names
        if names is None or self._request.options.only_setup:
            return None
        return RouteSettings(routes_dir(self._environ), owner, names.port, names.scheme)

    def _style(self) -> colours.Style:
        """How the command's output looks."""
        return colours.style_of(
            self._environ,
            out_is_terminal=os.isatty(1),
            err_is_terminal=os.isatty(2),
            refused=self._options.plain,
        )

    def banner(self) -> str:
        """Return the text that is shown before the first service starts, ready for its output."""
        plan = self._plan
        reused = self._planned.allocated.reused
        if os.isatty(2):
            return self._header(reused=reused)
        text = stack_banner(
            plan.project,
            os.path.basename(plan.root),
            plan.namespace,
            [
                (i.name, i.port, i.url)
                for i in plan.instances
                if i.name in plan.wanted and not i.hook
            ],
            [*plan.warnings, *(f"not started: {name} ({why})" for name, why in plan.left_out)],
            reused=reused,
        )
        return escaped(text)

    def _header(self, *, reused: bool) -> str:
        # Imported here: a pipe does without.
        from portweave.encoding.text_style import render
        from portweave.planning.stack_header import header

        style = self._style()
        try:
            columns = os.get_terminal_size(2).columns or 80
        except OSError:
            columns = 80
        colours_of_names = style.names if style.words else ()
        lines = header(self._plan, colours_of_names, style.marks, columns, reused=reused)
        return "".join(f"{render(line, colour=style.words)}\n" for line in lines)

    def proxy_command(self) -> tuple[str, ...]:
        """Return the command that starts the proxy; empty if none is needed, or one runs."""
        if self._request.options.only_setup:
            return ()
        if all(instance.hostname is None for instance in self._plan.instances):
            return ()
        return tuple(proxy_words(self._environ))

    def _terminal_policy(self) -> TerminalPolicy:
        is_terminal = not self._options.detached and os.isatty(1)
        in_ci = self._environ.get("CI", "") not in ("", "0", "false")
        return TerminalPolicy(
            terminals=(is_terminal or self._options.detached) and not in_ci,
            colours=is_terminal and self._has_colours(),
        )

    def _has_colours(self) -> bool:
        return colours.are_kept(
            self._environ, is_terminal=os.isatty(1), refused=self._options.plain
        )

    def join(self) -> "list[dict[str, object]]":
        """Start the missing services of the running stack.

        A detached command then waits until they are ready. Another follows the stack to its end.

        Returns:
            The instances, as rows of `ps`; none after following.

        Raises:
            StackEndedError: The stack has ended; nothing was started in it.
            PortweaveError: A service cannot become ready, or the stack does not answer.
        """
        from portweave.client.join_stack import join

        with Raised():
            return join(
                self._planned,
                self._started,
                folder=self.folder,
                key=self.key,
                timeout_s=self._timeout_s(),
                progress=self._progress(),
                follows=not self._options.detached,
                fail_fast=self._options.fail_fast,
                plain=self._options.plain,
                terms=self._options.terms,
            )

    def await_ready(self) -> "list[dict[str, object]]":
        """Wait until all started services are ready; return the instances as rows of `ps`.

        Raises:
            PortweaveError: A service cannot become ready, or the stack does not answer.
        """
        from portweave.client.join_stack import await_ready

        timeout_s, fail_fast = self._timeout_s(), self._options.fail_fast
        with Raised():
            return await_ready(
                self.folder,
                self.key,
                self._started,
                timeout_s,
                self._progress(),
                fail_fast=fail_fast,
            )

    def _progress(self) -> "Progress":
        from portweave.client.progress import Progress

        instances = self._plan.instances
        return Progress(
            [instance.service for instance in instances],
            self._started,
            self._style(),
            # The error of a command that does not follow the stack names them.
            tells_blocked=not self._options.detached,
        )

    def _timeout_s(self) -> float:
        return ready_timeout_s(self._options.timeout_s, self._plan, self._started)


def ready_timeout_s(given_s: float | None, plan: "StackPlan", names: "Collection[str]") -> float:
    """Return how long to wait for instances together, in seconds.

    Without `--timeout`: as long as they may take one after the other, but at least the default.

    Args:
        given_s: From `--timeout`; None if it was not given.
        plan: The plan of the stack.
        names: Names of the instances.
    """
    if given_s is not None:
        return given_s
    return max(DEFAULT_TIMEOUT_S, time_to_ready_s(plan.instances, names))


def _bring_files(project: "Project") -> None:
    """Bring what git does not carry into a new worktree."""
    worktree, include = project.worktree, ".worktreeinclude"
    if worktree.root == worktree.main_root:
        return
    if project.definitions.worktree is None and not any(
        os.path.exists(f"{root}/{include}") for root in (worktree.root, worktree.main_root)
    ):
        return
    # Imported here: most worktrees get nothing.
    from portweave.client.verb_queries import say
    from portweave.planning.worktree_files import bring_files

    for line in bring_files(project).lines():
        say(line)


def _log_warnings(logs: str) -> list[str]:
    """A warning if something else lies where the folder of the logs belongs."""
    if os.path.isdir(logs) or not os.path.lexists(logs):
        return []
    return [f"warning: no logs are kept: {logs} is not a folder; remove it"]
