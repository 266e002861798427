"""Pure. Errors of starting, running and ending a stack (PW09)."""

from portweave.errors import PortweaveError


class StackRunningError(PortweaveError):
    """The stack of this worktree is running already.

    What to do: `portweave down` first, or `up` without `--abort-on-exit` and `--exit-code-from`.
    """

    code = "PW0901"

    def __init__(self, namespace: str, pid: int) -> None:
        # If the record is unreadable, `pid` is 0, which kill(2) takes for the caller's group.
        super().__init__(
            f"the stack {namespace} of this worktree is running already"
            + (f" (pid {pid})" if pid else ", and its record cannot be read"),
            hint=("portweave up without these options attaches to it", "portweave down stops it"),
            namespace=namespace,
            pid=pid,
        )


class PortHeldError(PortweaveError):
    """A variable chooses a port that is in use.

    What to do: unset the variable, or choose another port.

    Args:
        service: The service that would get the port.
        port: Its number.
        holder: What has the port now.
    """

    code = "PW0902"

    def __init__(self, service: str, port: int, holder: str) -> None:
        super().__init__(
            f"{service} is to use port {port}, but that is the port of {holder}",
            hint="look for the variable that says so in .env and in the environment: "
            "portweave show tells its name",
            service=service,
            port=port,
        )


class ServiceFailedError(PortweaveError):
    """A service failed for good, and nothing else runs.

    What to do: read the last lines of the service, and the reason, above the error.

    Args:
        service: The service.
        reason: Why it failed.
        others: Other services that failed, or that wait for one that failed.
        hint: What to do; empty if unknown.
    """

    code = "PW0903"

    def __init__(
        self, service: str, reason: str, others: tuple[str, ...] = (), *, hint: str = ""
    ) -> None:
        also = f"; also failed or blocked: {', '.join(others)}" if others else ""
        super().__init__(
            f"{service} failed: {reason}{also}",
            hint=hint or (),
            service=service,
            reason=reason,
        )
        count = 1 + len(others)
        what = f"{count} services failed or are blocked" if others else f"{service} failed"
        # Of each failure, a terminal has shown a line with the reason.
        self.told = f"{what}: portweave why {service}", ""


class ProcessesLeftError(PortweaveError):
    """A process of a service cannot be ended, not even by SIGKILL.

    What to do: it hangs in the kernel; the message names it.
    """

    code = "PW0904"

    def __init__(self, processes: list[str]) -> None:
        super().__init__(
            f"still alive after SIGKILL: {'; '.join(processes)}",
            hint="a process in an uninterruptible call ends when that call does (ps -o stat,wchan)",
            processes=processes,
        )


class NothingToStartError(PortweaveError):
    """There is nothing to start.

    What to do: give services a `command`, name them, or give their `--profile`.
    """

    code = "PW0905"


class StackMovedError(PortweaveError):
    """The folder of a running stack was moved, removed or replaced.

    What to do: `portweave down`, then `up` where the folder is.

    Args:
        namespace: The stack's name.
        root: Where its folder was at the start.
        now: Where its folder is; empty if it was removed.
        is_replaced: Whether another folder lies at `root`.
    """

    code = "PW0906"

    def __init__(self, namespace: str, root: str, now: str, *, is_replaced: bool = False) -> None:
        where = f"which is {now} by now" if now else "which is there no longer"
        if is_replaced:
            where = (
                f"which is {now} by now; another folder lies in its place"
                if now
                else "and another folder lies in its place by now"
            )
        stop = f"portweave down --stack {namespace} stops it"
        start = "then portweave up -d starts one where the folder is"
        super().__init__(
            f"the stack {namespace} runs since its folder was {root}, {where}:"
            " nothing of it can be started there",
            hint=(stop, start) if now or is_replaced else stop,
            namespace=namespace,
            worktreeRoot=root,
            now=now or None,
        )


class StackInUseError(PortweaveError):
    """A running stack uses what `prune` would release, or `teardown` remove.

    What to do: stop the stack; `portweave prune --force` does that itself.

    Args:
        namespace: The stack's name.
        root: Its worktree.
        pid: Process id of its supervisor.
        before_teardown: Whether `teardown` was to run.
    """

    code = "PW0951"

    def __init__(
        self, namespace: str, root: str, pid: int, *, before_teardown: bool = False
    ) -> None:
        use, hint = " on the ports that are to be given back", "portweave prune --force stops it"
        if before_teardown:
            use, hint = ", and may use what teardown removes", "portweave down stops it"
        super().__init__(
            f"the stack {namespace} of {root} is running (pid {pid}){use}",
            hint=f"{hint} first",
            namespace=namespace,
            pid=pid,
        )


class StackNotEndedError(PortweaveError):
    """A stack was asked to end, and has not ended.

    What to do: the message names its pid.

    Args:
        namespace: The stack's name.
        root: Its worktree.
        pid: Process id of its supervisor.
        why: What it did instead, as the rest of the sentence.
    """

    code = "PW0952"

    def __init__(self, namespace: str, root: str, pid: int, why: str) -> None:
        super().__init__(
            f"the stack {namespace} of {root} (pid {pid}) {why}",
            hint=f"what keeps it is seen with: ps --forest -g {pid}; its ports stay with it",
            namespace=namespace,
            pid=pid,
        )


class StacksRunningError(PortweaveError):
    """Running stacks use what `clean` would remove.

    What to do: stop them, as the hint says.

    Args:
        stacks: Each as `shop/main (/code/shop, pid 4100)`.
        way_out: The command that stops them.
    """

    code = "PW0956"

    def __init__(self, stacks: list[str], way_out: str) -> None:
        what = "a stack is" if len(stacks) == 1 else f"{len(stacks)} stacks are"
        super().__init__(
            f"nothing was removed: {what} running: {', '.join(stacks)}",
            hint=f"{way_out} stops {'it' if len(stacks) == 1 else 'them'}",
            stacks=stacks,
        )


class NotRemovedError(PortweaveError):
    """`clean` could not remove everything.

    What to do: the message says what is left, and why.

    Args:
        failures: Each with its reason.
    """

    code = "PW0957"

    def __init__(self, failures: list[str]) -> None:
        super().__init__(
            f"not removed: {'; '.join(failures)}",
            hint="portweave clean may be run again",
            failures=failures,
        )


class StartHookError(PortweaveError):
    """A hook that runs before the services has failed, so none of them was started.

    What to do: read its output with `portweave logs setup` or `logs beforeUp`, then `up` again.

    Args:
        hook: `setup` or `beforeUp`.
        reason: Why it failed.
        hint: What to do; empty if unknown.
    """

    code = "PW0907"

    def __init__(self, hook: str, reason: str, *, hint: str = "") -> None:
        super().__init__(
            f"{hook} failed: {reason}; no service was started",
            hint=hint or f"portweave logs {hook} shows its output; up runs it again",
            hook=hook,
            reason=reason,
        )


class LateHookError(PortweaveError):
    """A hook that runs after the services are ready, or after they have ended, has failed.

    What to do: read its output with `portweave logs afterReady` or `logs afterDown`.

    Args:
        hook: `afterReady` or `afterDown`.
        reason: Why it failed.
        hint: What to do; empty if unknown.
    """

    code = "PW0908"

    def __init__(self, hook: str, reason: str, *, hint: str = "") -> None:
        rest = "the services go on" if hook == "afterReady" else "all services have ended"
        super().__init__(
            f"{hook} failed: {reason}; {rest}",
            hint=hint or f"portweave logs {hook} shows its output",
            hook=hook,
            reason=reason,
        )


class WorktreeFilesError(PortweaveError):
    """A file that git does not carry could not be copied or linked into a worktree.

    What to do: the message names the file and the reason; `portweave setup --force` tries again.

    Args:
        path: The file.
        reason: Why.
        hint: What to do; empty if unknown.
    """

    code = "PW0909"

    def __init__(self, path: str, reason: str, *, hint: str = "") -> None:
        super().__init__(
            f"cannot bring {path} into this worktree: {reason}",
            hint=hint or (),
            path=path,
            reason=reason,
        )


class TeardownError(PortweaveError):
    """The hook `teardown` has failed.

    What to do: read its output above, correct the cause, then `portweave teardown` again.

    Args:
        reason: Why.
    """

    code = "PW0910"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"teardown failed: {reason}",
            hint="portweave teardown --list shows the teardowns of removed worktrees",
            reason=reason,
        )
