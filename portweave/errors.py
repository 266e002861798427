"""Pure. Every error that a user can meet, each with its stable code.

The codes PW0101 to PW0802 that npm portweave has keep their meanings and texts; ours continue each
family and add PW09 supervision, PW10 control socket, PW11 routes and proxy, PW12 calls, PW13
export. A code is never used for two things. `portweave.cli.main` alone turns an error into text and
an exit status.

This module is on the path of every command, so it imports nothing.
"""

LONGEST_MESSAGE = 2000
_MOST_HINTS = 50


def shortened(text: str) -> str:
    """A text of at most `LONGEST_MESSAGE` characters; one that is longer ends by saying so."""
    if len(text) <= LONGEST_MESSAGE:
        return text
    mark = f" … ({len(text)} characters in all)"
    return text[: LONGEST_MESSAGE - len(mark)] + mark


def _bounded(hints: "tuple[str, ...]") -> "tuple[str, ...]":
    shown = tuple(map(shortened, hints[:_MOST_HINTS]))
    left_out = len(hints) - _MOST_HINTS
    return (*shown, f"… and {left_out} more") if left_out > 0 else shown


class PortweaveError(Exception):
    """An error with a code, a message that says what happened and where, and hints at the way out.

    Attributes:
        code: `PW` and four digits, stable for ever.
        message: What happened, where (file, line, service, port, pid); may have several lines, and
            at most `LONGEST_MESSAGE` characters.
        hints: What to do, or what was probably meant; one line each, bounded likewise.
        facts: Further fields for `--json`, such as `file`, `line`, `column`, `path`, `service`,
            `pid`, `port`.
        exit_status: What the command ends with.
        always_text: Whether it is put into words even with `--json`.
    """

    code = "PW0000"
    exit_status = 1
    always_text = False

    def __init__(self, message: str, *, hint: str | tuple[str, ...] = (), **facts: object) -> None:
        message = shortened(message)
        super().__init__(message)
        self.message = message
        self.hints: tuple[str, ...] = _bounded((hint,) if isinstance(hint, str) else hint)
        self.facts = facts

    def as_json(self) -> dict[str, object]:
        """The error as the value of `{"error": …}`; `hint` is absent where there is none."""
        fields: dict[str, object] = {"code": self.code, "message": self.message}
        if self.hints:
            fields["hint"] = "\n".join(self.hints)
        return fields | self.facts


# PW01: definition files


class DefinitionsMissingError(PortweaveError):
    """There is no definition file where one was looked for."""

    code = "PW0101"

    def __init__(self, path: str, *, hint: str | tuple[str, ...] = ()) -> None:
        # The words of npm portweave, which prints this name whatever the file was to be.
        super().__init__(f"no portweave.config.json at {path}", hint=hint, file=path)


class DefinitionsInvalidError(PortweaveError):
    """A definition file cannot be read, is not what its format allows, or says what cannot be."""

    code = "PW0102"


# PW02: the worktree


class OffsetError(PortweaveError):
    """`PORTWEAVE_OFFSET` is no offset."""

    code = "PW0202"


class PinTakenError(PortweaveError):
    """`PORTWEAVE_OFFSET` names ports that cannot be had."""

    code = "PW0203"

    def __init__(
        self,
        message: str,
        *,
        port: int | None = None,
        holder: str = "",
        by_listener: bool = False,
    ) -> None:
        super().__init__(
            f"{message} by {holder}" if holder else message,
            hint="choose another PORTWEAVE_OFFSET, or none",
            **({} if port is None else {"port": port}),
        )
        self.port = port
        self.by_listener = by_listener


# PW03: the registry


class RegistryLockedError(PortweaveError):
    """Somebody else held the registry for too long."""

    code = "PW0301"

    def __init__(self, lock_dir: str, attempts: int, holder: str, pid: int | None) -> None:
        super().__init__(
            f"timed out acquiring registry lock at {lock_dir} after {attempts} retries",
            hint=f"it is held by {holder}",
            **({} if pid is None else {"pid": pid}),
        )


class RegistryDamagedError(PortweaveError):
    """The registry is not what it has to be."""

    code = "PW0302"

    def __init__(self, path: str, what: str, detail: str = "") -> None:
        super().__init__(
            f"{what}",
            hint=(
                *((detail,) if detail else ()),
                (
                    "portweave doctor --fix sets it aside and rebuilds what can be rebuilt;"
                    f" the version before it is {path}.bak"
                ),
            ),
            file=path,
        )


class RegistryUnwritableError(PortweaveError):
    """The registry has no place, or cannot be written."""

    code = "PW0303"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"failed to write the registry at {path}: {why}",
            hint="XDG_CONFIG_HOME names the folder that it lies in, else HOME",
            file=path,
        )


class LeaseUnknownError(PortweaveError):
    """There is no lease of this name."""

    code = "PW0304"

    def __init__(self, lease_id: str) -> None:
        super().__init__(
            f"there is no lease {lease_id}",
            hint="it was released, its time was up or its owner has ended:"
            " portweave lease --list shows those that hold",
            lease=lease_id,
        )


class StateUnwritableError(PortweaveError):
    """The folder that portweave keeps its own state in cannot be written, or not even read."""

    code = "PW0305"

    def __init__(self, path: str, why: str, what: str = "write") -> None:
        super().__init__(
            f"failed to {what} {path}: {why}",
            hint="XDG_STATE_HOME names the folder that it lies in, else HOME",
            file=path,
        )


class BrokenWorktreeError(PortweaveError):
    """The `.git` file of a worktree or a submodule leads to no repository."""

    code = "PW0306"

    def __init__(self, root: str, why: str, way_out: str = "repair") -> None:
        hints = {
            "repair": (
                f"git -C MAIN worktree repair {root}",
                "MAIN is the main worktree or the bare repository, wherever it lies now",
            ),
            "submodule": ("git submodule update --init  in the project above makes it anew",),
        }
        super().__init__(
            f"{root}/.git leads nowhere: {why}", hint=hints.get(way_out, ()), worktreeRoot=root
        )


# PW04: the pool of ports


class PoolExhaustedError(PortweaveError):
    """There is no room for a block."""

    code = "PW0401"

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            hint="PORTWEAVE_POOL_RANGE=<start>-<end> names another pool;"
            " portweave prune gives a worktree's ports back",
        )


# PW05: environment


class PlaceholderError(PortweaveError):
    """A template names what has no value here."""

    code = "PW0501"

    def __init__(self, template: str, name: str) -> None:
        message = f'nothing is known as "{name}" in the template {template}'
        super().__init__(message, template=template)
        self.name = name


class DotenvError(PortweaveError):
    """A line of a file of variables cannot be understood; its value is never shown."""

    code = "PW0502"

    def __init__(
        self, path: str, line: int, what: str, *, hint: str | tuple[str, ...] = ()
    ) -> None:
        super().__init__(f"malformed .env line {line}: {what}", hint=hint, file=path, line=line)


class EnvFileError(PortweaveError):
    """A file of variables is missing where it has to be there, or cannot be read."""

    code = "PW0504"

    def __init__(self, path: str, why: str, *, hint: str | tuple[str, ...] = ()) -> None:
        super().__init__(f"failed to read {path}: {why}", hint=hint, file=path)


class CurrentEnvError(PortweaveError):
    """The files in a worktree's `.portweave` folder cannot be written."""

    code = "PW0505"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"failed to write {path}: {why}",
            hint="the folder .portweave at the worktree's root must be writable",
            file=path,
        )


class PortOverrideError(PortweaveError):
    """A variable that names a service's port holds something else."""

    code = "PW0503"

    def __init__(self, variable: str, service: str, value: str, *, source: str = ".env") -> None:
        super().__init__(
            f'{source} override for {variable} (service "{service}") is "{value}",'
            " which is not a valid port integer in [1, 65535]",
            service=service,
        )


class DriftError(PortweaveError):
    """A service of the definition file has no port in the worktree's block."""

    code = "PW0501"

    def __init__(self, service: str) -> None:
        super().__init__(
            f'service "{service}" has no port in the allocation — config/allocation drift detected',
            hint="portweave run -- true gives it one",
            service=service,
        )


class SystemRefusedError(PortweaveError):
    """The system refuses what portweave needs: a file, a folder, memory.

    Args:
        why: What the system says.
        path: Of the file or folder; None where it is about none.
    """

    code = "PW0506"

    def __init__(self, why: str, path: str | None, *, hint: str | tuple[str, ...] = ()) -> None:
        what = f"{path}: {why}" if path else why
        super().__init__(f"the system refuses it: {what}", hint=hint, file=path)


class UnforeseenError(PortweaveError):
    """Portweave has a fault of its own.

    Args:
        kind: Name of the exception.
        said: What it says.
    """

    code = "PW0507"

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(
            f"portweave has a fault: {kind}: {said}",
            hint="--verbose shows where; please report it with that",
        )


# PW06: command line


class UsageError(PortweaveError):
    """The command line cannot be understood."""

    code = "PW0601"


class SpawnError(PortweaveError):
    """A command cannot be started."""

    code = "PW0602"
    exit_status = 127

    def __init__(self, command: str, errno_name: str) -> None:
        super().__init__(f'failed to spawn "{command}": spawn {command} {errno_name}')
        self.errno_name = errno_name


class NoAllocationError(PortweaveError):
    """The worktree has no ports."""

    code = "PW0603"


class PanelPortError(PortweaveError):
    """The panel has no port to listen on.

    Args:
        port: Where it looked.
        why: What the system said; empty where others have them all.
    """

    code = "PW0604"

    def __init__(self, port: int, why: str = "") -> None:
        if why:
            text = f"failed to start panel server on port {port}: {why}"
        else:
            text = (
                f"panel could not find a free port near {port} — pass --port <n> to choose another"
            )
        super().__init__(text, port=port)


class PanelForbiddenError(PortweaveError):
    """A request to the panel that did not come from its own page."""

    code = "PW0605"

    def __init__(self) -> None:
        super().__init__("request forbidden")


class LaunchForbiddenError(PortweaveError):
    """The panel was asked to open a folder that is no worktree that it knows."""

    code = "PW0606"

    def __init__(self) -> None:
        super().__init__("path not allowed")


class CommandFailedError(PortweaveError):
    """A command that the panel has run for its page did not do what it is for.

    Args:
        verb: The command.
        said: What it said, in lines.
    """

    code = "PW0608"

    def __init__(self, verb: str, said: "tuple[str, ...] | list[str]") -> None:
        errors = [line.removeprefix("error: ") for line in said if line.startswith("error: ")]
        hints = [line.removeprefix("hint: ") for line in said if line.startswith("hint: ")]
        text = "\n".join(errors or said) or "it said nothing"
        super().__init__(f"{verb} failed: {text}", hint=tuple(hints))


class RemovalUnaskedError(PortweaveError):
    """Something was to be removed, and nobody could be asked."""

    code = "PW0612"

    def __init__(self) -> None:
        super().__init__(
            "nothing was removed: without a terminal nobody can be asked",
            hint="--yes agrees beforehand, --dry-run only shows what would be removed",
        )


class OutputError(PortweaveError):
    """What is to be printed, or kept, cannot be written."""

    code = "PW0613"

    def __init__(self, path: str | None, why: str) -> None:
        super().__init__(
            f"failed to write {path or 'what was to be printed'}: {why}",
            hint="what has been written of it is not all",
            file=path,
        )


# PW07: the import API


class NoServicesError(PortweaveError):
    """A program asks for ports, and nothing says how many."""

    code = "PW0701"

    def __init__(self, cwd: str, *, looked: tuple[str, ...] = ()) -> None:
        super().__init__(
            f"no portweave.config.json found by walking up from {cwd},"
            " and no { count } option was provided",
            hint=(*looked, "count=N asks for N ports without a definition file"),
            path=cwd,
        )


# PW09: supervision


class StackRunningError(PortweaveError):
    """The stack of this worktree is running already."""

    code = "PW0901"

    def __init__(self, namespace: str, pid: int) -> None:
        # Its record may be unreadable; kill(2) takes 0 for the group of whoever calls it.
        super().__init__(
            f"the stack {namespace} of this worktree is running already"
            + (f" (pid {pid})" if pid else ", and its record cannot be read"),
            hint=("portweave up without these options attaches to it", "portweave down stops it"),
            namespace=namespace,
            pid=pid,
        )


class PortHeldError(PortweaveError):
    """A port that was chosen by a variable belongs to something else that is live."""

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
    """Nothing runs any more, and a service has failed for good."""

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


class ProcessesLeftError(PortweaveError):
    """Processes of services could not be ended, not even by SIGKILL."""

    code = "PW0904"

    def __init__(self, processes: list[str]) -> None:
        super().__init__(
            f"still alive after SIGKILL: {'; '.join(processes)}",
            hint="a process in an uninterruptible call ends when that call does (ps -o stat,wchan)",
            processes=processes,
        )


class StackInUseError(PortweaveError):
    """What a stack needs was to be taken away while it runs."""

    code = "PW0951"

    def __init__(self, namespace: str, root: str, pid: int) -> None:
        super().__init__(
            f"the stack {namespace} of {root} is running (pid {pid}) on the ports that are"
            " to be given back",
            hint="portweave prune --force stops it first",
            namespace=namespace,
            pid=pid,
        )


class StackNotEndedError(PortweaveError):
    """A stack was asked to end and has not."""

    code = "PW0952"

    def __init__(self, namespace: str, root: str, pid: int, why: str) -> None:
        super().__init__(
            f"the stack {namespace} of {root} (pid {pid}) {why}",
            hint=f"what keeps it is seen with: ps --forest -g {pid}; its ports stay with it",
            namespace=namespace,
            pid=pid,
        )


class StacksRunningError(PortweaveError):
    """What running stacks use was to be removed.

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
    """Some of what was to be removed could not be.

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


class NothingToStartError(PortweaveError):
    """The definition files have services, but none that would be started."""

    code = "PW0905"


class StackMovedError(PortweaveError):
    """The folder of a running stack has been moved, removed or replaced."""

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


# PW10: the control socket


class NoStackError(PortweaveError):
    """No stack runs where one was looked for."""

    code = "PW1001"

    def __init__(self, where: str) -> None:
        super().__init__(
            f"no stack is running {where}",
            hint=("portweave up -d starts it", "portweave ls shows the stacks of this machine"),
        )


class StackUnreachableError(PortweaveError):
    """A stack runs, but does not answer within the time that a command waits for it."""

    code = "PW1002"

    def __init__(self, namespace: str, pid: int, why: str) -> None:
        super().__init__(
            f"the stack {namespace} runs (pid {pid}), but does not answer: {why}",
            hint=("try again in a moment", "portweave logs shows what its services do meanwhile"),
            namespace=namespace,
            pid=pid,
        )


class StackGoneError(StackUnreachableError):
    """A stack has ended since the command found it."""

    code = "PW1012"

    def __init__(self, namespace: str, pid: int) -> None:
        PortweaveError.__init__(
            self,
            f"the stack {namespace} (pid {pid}) has just ended",
            hint="portweave up -d starts it again",
            namespace=namespace,
            pid=pid,
        )


class RecordLostError(PortweaveError):
    """A stack runs whose record was removed, and it cannot put it back."""

    code = "PW1011"

    def __init__(self, key: str, pid: int, folder: str) -> None:
        super().__init__(
            f"the stack {key} runs (pid {pid}), but its record was removed from {folder},"
            " and it cannot put it back",
            hint=f"see that {folder} can be written, then try again",
            pid=pid,
            folder=folder,
        )


class StackStandsStillError(PortweaveError):
    """Who runs a stack has been stopped by a signal, so it neither answers nor ends."""

    code = "PW1010"

    def __init__(self, namespace: str, pids: "list[int]") -> None:
        numbers = " ".join(map(str, pids))
        super().__init__(
            f"the stack {namespace} cannot act: pid {numbers} was stopped by a signal",
            hint=f"kill -CONT {numbers} lets it go on",
            namespace=namespace,
        )


class OtherProtocolError(PortweaveError):
    """A stack was started by a portweave that this one does not understand."""

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
    """A running stack has no service of that name."""

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
    """Something is to be started in a stack that is being stopped."""

    code = "PW1005"

    def __init__(self, namespace: str) -> None:
        super().__init__(
            f"the stack {namespace} is being stopped",
            hint="portweave down waits until it has ended",
            namespace=namespace,
        )


class WaitTimeoutError(PortweaveError):
    """What was waited for has not come in time."""

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
    """Services are not ready, and will not be."""

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


class NoTerminalError(PortweaveError):
    """Something is to be typed at a service that has no terminal."""

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


class SupervisorError(PortweaveError):
    """A supervisor refused; where it said why with a code, it has that one."""

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


# PW12: calls between services


class ClusterError(PortweaveError):
    """A call could not be answered as it should be.

    Attributes:
        status: As of HTTP (RFC 9110, section 15): 4xx where the asker can do better, else 5xx.
        type: Name of the kind of error; where a handler raised it, of the class it has there.
        fields: What the error carries besides; JSON values.
        connection: Name of the connection that could not do it; None where there is none.
    """

    code = "PW1201"
    status = 500

    def __init__(
        self,
        message: str,
        *,
        connection: str | None = None,
        status: int | None = None,
        type: str = "",  # noqa: A002 (as JSON-RPC peers spell it)
        fields: "dict[str, object] | None" = None,
        hint: str | tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, hint=hint, status=status or self.status)
        self.status = status or self.status
        self.type = type or self.__class__.__name__
        self.fields = fields or {}
        self.connection = connection

    def as_json(self) -> "dict[str, object]":
        """As `PortweaveError.as_json`, with what the protocol tells of an error besides."""
        told = {"type": self.type, "connection": self.connection, "fields": self.fields}
        return {**super().as_json(), **told}


class RouteNotFound(ClusterError):  # noqa: N818 (the names that the peers' protocol has)
    """The connection has no route for the path."""

    code = "PW1202"
    status = 404
    exit_status = 66  # sysexits.h: EX_NOINPUT


class ConnectionNotFound(ClusterError):  # noqa: N818
    """No connection has the name; or the address has none, and there is no default."""

    code = "PW1203"
    status = 404
    exit_status = 68  # EX_NOHOST


class BadPath(ClusterError):  # noqa: N818
    """An address cannot be read."""

    code = "PW1204"
    status = 400
    exit_status = 64  # EX_USAGE


class RemoteError(ClusterError):
    """The handler of the other side raised.

    Attributes:
        traceback: Text of it; empty unless the other side is in development.
    """

    code = "PW1205"
    traceback = ""


class PeerDied(ClusterError):  # noqa: N818
    """The connection that was asked has ended, or will not come."""

    code = "PW1206"
    status = 503
    exit_status = 69  # EX_UNAVAILABLE


class Overloaded(ClusterError):  # noqa: N818
    """More is waiting than may wait."""

    code = "PW1207"
    status = 503
    exit_status = 75  # EX_TEMPFAIL


class RequestTimeout(ClusterError):  # noqa: N818
    """There was no answer in time."""

    code = "PW1208"
    status = 504
    exit_status = 124


class MessageTooLarge(ClusterError):  # noqa: N818
    """A load or an answer is larger than the hub takes."""

    code = "PW1209"
    status = 413
    exit_status = 65  # EX_DATAERR


class NotSerializable(ClusterError):  # noqa: N818
    """A load or an answer holds what JSON cannot, or what the other side cannot read."""

    code = "PW1210"
    exit_status = 65


class NameTaken(ClusterError):  # noqa: N818
    """The name of a connection is not free, or its token is not the right one."""

    code = "PW1211"
    status = 409


class Cancelled(ClusterError):  # noqa: N818
    """The asker has taken the request back."""

    code = "PW1212"
    status = 499


class ConfigError(ClusterError):
    """An option or a name of a cluster, or of a connection, cannot be used."""

    code = "PW1213"


class HubUnreachable(ClusterError):  # noqa: N818
    """There is no hub to join."""

    code = "PW1214"
    status = 503
    exit_status = 69


# PW11: routes and the proxy


class RouteConflictError(PortweaveError):
    """A hostname has a route already, and its owner lives.

    Attributes:
        hostname: The name.
        existing_pid: Who has it; 0 for a route that stays until it is removed.
    """

    code = "PW1101"

    def __init__(self, hostname: str, existing_pid: int) -> None:
        super().__init__(
            f'"{hostname}" is already registered by a running process (PID {existing_pid}).'
            " Use --force to override.",
            hint="portweave routes shows who has which name",
            hostname=hostname,
            pid=existing_pid,
        )
        self.hostname = hostname
        self.existing_pid = existing_pid


class RouteLockError(PortweaveError):
    """The routes could not be locked, and so not be changed."""

    code = "PW1102"

    def __init__(self, path: str, why: str, pid: int | None = None) -> None:
        super().__init__(
            "Failed to acquire route lock",
            hint=f"{path}: {why}",
            file=path,
            **({} if pid is None else {"pid": pid}),
        )


class HostnameError(PortweaveError, ValueError):
    """A text is no name of a host."""

    code = "PW1103"


class ProxyPortError(PortweaveError):
    """The proxy cannot listen on a port."""

    code = "PW1104"

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(
            f"the proxy cannot listen on {host} port {port}: {why}",
            hint="--port chooses another; portweave proxy status shows whether one runs already",
            port=port,
        )


class ProxyRunningError(PortweaveError):
    """The state folder has a proxy already."""

    code = "PW1105"

    def __init__(self, folder: str, pid: int, port: int | None = None) -> None:
        where = "" if port is None else f", and listens on port {port}"
        super().__init__(
            f"a proxy runs already for {folder} (pid {pid}){where}",
            hint="portweave proxy stop ends it",
            path=folder,
            pid=pid,
            **({} if port is None else {"port": port}),
        )


class ProxyNotStartedError(PortweaveError):
    """The proxy was started in the background, and ended at once."""

    code = "PW1106"

    def __init__(self, log: str, said: str) -> None:
        lines = [line.removeprefix("[portweave] ") for line in said.splitlines()]
        causes = [line.removeprefix("error: ") for line in lines if not line.startswith("hint: ")]
        hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
        super().__init__(
            f"the proxy did not start: {'; '.join(causes) or 'it said nothing'}",
            hint=(*hints, f"see {log}"),
        )


class RouteUnknownError(PortweaveError):
    """There is no such alias."""

    code = "PW1107"

    def __init__(self, hostname: str, owner_pid: int | None) -> None:
        owner = "" if owner_pid is None else f"; its route belongs to pid {owner_pid}"
        super().__init__(
            f"{hostname} is no alias{owner}",
            hint="portweave routes shows what there is",
            hostname=hostname,
        )


class NoBrowserError(PortweaveError):
    """There is nothing to open a URL with, or it has failed."""

    code = "PW1108"

    def __init__(self, url: str, why: str = "there is no browser to open it with") -> None:
        super().__init__(
            f"{url} was not opened: {why}", hint="the variable BROWSER names a command", url=url
        )


class HostsUnwritableError(PortweaveError):
    """The file of host names cannot be changed."""

    code = "PW1109"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"{path} cannot be changed: {why}",
            hint=f"portweave hosts | sudo tee -a {path} writes the lines with root's rights",
            file=path,
        )


class TlsMissingError(PortweaveError):
    """The libraries for HTTPS, HTTP/2 and gRPC are not installed."""

    code = "PW1111"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"HTTPS, HTTP/2 and gRPC by name need more than is installed: {why}",
            hint="pip install 'portweave[tls]', into the environment that portweave lies in",
        )


class ProxySchemeError(PortweaveError):
    """HTTPS was asked for, and the proxy that runs already speaks plain HTTP."""

    code = "PW1112"

    def __init__(self, folder: str, pid: int) -> None:
        super().__init__(
            f"the proxy that runs for {folder} (pid {pid}) speaks plain HTTP",
            hint="portweave proxy stop, then portweave proxy start --tls",
            path=folder,
            pid=pid,
        )


class ProxyAccessError(PortweaveError):
    """All users were to be served, and the proxy that runs already serves its own alone."""

    code = "PW1120"

    def __init__(self, folder: str, pid: int) -> None:
        super().__init__(
            f"the proxy that runs for {folder} (pid {pid}) serves its own user alone",
            hint="portweave proxy stop, then portweave proxy start --any-user",
            path=folder,
            pid=pid,
        )


class AuthorityError(PortweaveError):
    """The local certificate authority cannot be used."""

    code = "PW1113"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"the local CA {path} cannot be used: {why}",
            hint="remove it and its key, and a new one is made; systems that trusted it have to be"
            " told again (portweave trust)",
            file=path,
        )


class TrustUnaskedError(PortweaveError):
    """A system's trust was to be changed, and nobody could be asked."""

    code = "PW1114"

    def __init__(self) -> None:
        super().__init__(
            "nothing was changed: without a terminal nobody can be asked",
            hint="--yes agrees beforehand, --dry-run only shows what would be done",
        )


class TrustFailedError(PortweaveError):
    """A command that changes what a system trusts has failed."""

    code = "PW1115"

    def __init__(self, command: str, why: str) -> None:
        super().__init__(
            f"{command} failed: {why}", hint="what was done before it stays; trust may be run again"
        )


class NoTrustStoreError(PortweaveError):
    """How this system is told whom to trust is not known."""

    code = "PW1116"

    def __init__(self, path: str) -> None:
        super().__init__(
            "how this system is told whom to trust is not known, and no browser's store is here",
            hint=f"have it trust {path}; curl takes --cacert {path}, Node NODE_EXTRA_CA_CERTS",
            file=path,
        )


class NoLinkError(PortweaveError):
    """A service has a port, but no URL, because it does not speak HTTP as far as is known."""

    code = "PW1118"

    def __init__(self, service: str, why: str, port: int) -> None:
        super().__init__(
            f"{service} has no URL: {why}",
            hint=(
                f"portweave port {service} prints its port ({port})",
                "the key hostname in its definition gives it a name",
            ),
            service=service,
            port=port,
        )


# PW13: export


class ExportNameError(PortweaveError):
    """A service can have no name of its own in what is exported."""

    code = "PW1301"

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="rename one of them in the definition file")


class ExportFileError(PortweaveError):
    """A file of what is exported cannot be written."""

    code = "PW1302"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"{path} is not written: {why}",
            hint="choose another folder with --output; --force replaces what is there",
            path=path,
        )
