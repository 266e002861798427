"""Pure. Errors of commands that ask a running stack (PW10)."""

from portweave.errors import PortweaveError


class NoStackError(PortweaveError):
    """No stack runs here.

    What to do: `portweave up -d` starts it; `portweave ls` shows where stacks run.
    """

    code = "PW1001"

    def __init__(self, where: str) -> None:
        super().__init__(
            f"no stack is running {where}",
            hint=("portweave up -d starts it", "portweave ls shows the stacks of this machine"),
        )


class StackUnreachableError(PortweaveError):
    """A stack runs, but does not answer in time.

    What to do: try again; the message says why.

    Args:
        namespace: The stack's name.
        pid: Process id of its supervisor.
        why: How it failed to answer.
    """

    code = "PW1002"

    def __init__(self, namespace: str, pid: int, why: str) -> None:
        super().__init__(
            f"the stack {namespace} runs (pid {pid}), but does not answer: {why}",
            hint=("try again in a moment", "portweave logs shows what its services do meanwhile"),
            namespace=namespace,
            pid=pid,
        )


class OtherProtocolError(PortweaveError):
    """Another version of portweave started the stack.

    What to do: `portweave down`, then `up -d`.
    """

    code = "PW1003"

    def __init__(self, namespace: str, version: str) -> None:
        super().__init__(
            f"the stack {namespace} was started by portweave {version or '(unknown)'}, "
            "which understands ps, logs and down only",
            hint="portweave down, then portweave up -d, starts it with this version",
            namespace=namespace,
            version=version,
        )


class UnknownServiceError(PortweaveError):
    """The running stack has no such service.

    What to do: the hint names the nearest; `portweave reload` takes over new definitions.
    """

    code = "PW1004"

    def __init__(self, name: str, known: "list[str]") -> None:
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=1)
        super().__init__(
            f"the running stack has no service {name!r}",
            hint=f"did you mean {near[0]}?" if near else f"its services are {', '.join(known)}",
            service=name,
        )


class StackStoppingError(PortweaveError):
    """Nothing can be started in a stack that is being stopped.

    What to do: wait until it has ended.
    """

    code = "PW1005"

    def __init__(self, namespace: str) -> None:
        super().__init__(
            f"the stack {namespace} is being stopped",
            hint="portweave down waits until it has ended",
            namespace=namespace,
        )


class WaitTimeoutError(PortweaveError):
    """Services did not become ready, or did not end, in time.

    What to do: the message says why; `portweave why` says more.

    Args:
        goal: `ready`, or anything else for the end of services.
        states: Each service that is late, with its state.
        timeout_s: How long the command waited, in seconds.
        last_lines: Last lines of the services' output.
        hints: What to do; empty for a general hint.
    """

    code = "PW1006"
    exit_status = 124

    def __init__(
        self,
        goal: str,
        states: "list[str]",
        timeout_s: float,
        last_lines: "list[str] | tuple[()]" = (),
        *,
        hints: tuple[str, ...] = (),
    ) -> None:
        what = "ready" if goal == "ready" else "at an end"
        longer = (
            "portweave ps shows where they stand; portweave wait waits on,"
            " and --timeout gives them longer"
        )
        super().__init__(
            "\n  ".join([f"not {what} after {timeout_s:g} s: {'; '.join(states)}", *last_lines]),
            hint=hints or longer,
        )


class NotReadyError(PortweaveError):
    """A service is not ready, and will not be.

    What to do: the message has its last lines and the reason.

    Args:
        states: Each service that is not ready, with its state.
        last_lines: Last lines of the services' output.
        starting: Services that may still become ready.
        hints: What to do.
    """

    code = "PW1007"

    def __init__(
        self,
        states: "list[str]",
        last_lines: "list[str]",
        starting: "list[str]",
        *,
        hints: tuple[str, ...] = (),
    ) -> None:
        message = "\n  ".join([f"not ready: {'; '.join(states)}", *last_lines])
        if starting:
            waits = f"portweave wait {' '.join(starting)} waits for what goes on starting"
            hints = (*hints, waits)
        super().__init__(message, hint=hints)


class SupervisorError(PortweaveError):
    """A supervisor refused a request.

    What to do: the message says why.

    Args:
        message: The supervisor's message.
        code: The supervisor's code, if it gave one.
        hints: The supervisor's hints.
        exit_status: The exit status of the command.
        facts: Further fields for `--json`.
    """

    code = "PW1008"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        hints: "tuple[str, ...]",
        exit_status: int,
        facts: "dict[str, object]",
    ) -> None:
        super().__init__(message, hint=hints, **facts)
        self.code = code
        self.exit_status = exit_status


class NoTerminalError(PortweaveError):
    """`attach` cannot type at a service that has no terminal, or does not run.

    What to do: `tty: true` in its definition gives it a terminal.
    """

    code = "PW1009"

    def __init__(self, instance: str, *, runs: bool) -> None:
        if runs:
            super().__init__(
                f"{instance} has no terminal to type at",
                hint="tty: true in its definition gives it one",
                service=instance,
            )
        else:
            super().__init__(f"{instance} is not running", service=instance)


class StackStandsStillError(PortweaveError):
    """A supervisor was stopped by a signal (SIGSTOP), so it neither answers nor ends.

    What to do: `kill -CONT`, as the hint says.
    """

    code = "PW1010"

    def __init__(self, namespace: str, pids: "list[int]") -> None:
        numbers = " ".join(map(str, pids))
        super().__init__(
            f"the stack {namespace} cannot act: pid {numbers} was stopped by a signal",
            hint=f"kill -CONT {numbers} lets it go on",
            namespace=namespace,
        )


class RecordLostError(PortweaveError):
    """The record of a running stack was removed, and cannot be put back.

    What to do: make the state folder writable.

    Args:
        key: Project and worktree of the stack.
        pid: Process id of its supervisor.
        folder: The folder of records.
    """

    code = "PW1011"

    def __init__(self, key: str, pid: int, folder: str) -> None:
        super().__init__(
            f"the stack {key} runs (pid {pid}), but its record was removed from {folder},"
            " and it cannot put it back",
            hint=f"see that {folder} can be written, then try again",
            pid=pid,
            folder=folder,
        )


class StackGoneError(StackUnreachableError):
    """A stack ended after the command had found it.

    What to do: `portweave up -d` starts it again.
    """

    code = "PW1012"

    def __init__(self, namespace: str, pid: int) -> None:
        PortweaveError.__init__(
            self,
            f"the stack {namespace} (pid {pid}) has just ended",
            hint="portweave up -d starts it again",
            namespace=namespace,
            pid=pid,
        )
