"""Call the supervisor of a stack: JSON-RPC 2.0, one message a line, over its control socket.

Calls block. The module imports little, so a command that only makes a call takes little longer than
the interpreter's start.
"""

import _socket
import os
import time
from errno import ECONNREFUSED, ECONNRESET, ENOENT

from portweave import errors
from portweave.allocator.socket_paths import listener_at
from portweave.allocator.state_folder import place_mark
from portweave.encoding.json_text import (
    compact,
    is_list,
    is_object,
    loads,
)
from portweave.errors import PortweaveError
from portweave.supervisor.registry.stack_records import (
    PROTOCOL,
    StackRecord,
    check_readable,
    is_alive,
    is_held,
    live_stacks,
    read_record,
    stack_around,
    stack_key,
    stacks_dir,
)
from portweave.system import still_waiting

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol, TypeVar

    from portweave.arguments.args import Args

    class Named(Protocol):
        """A value with a project and a namespace."""

        @property
        def project(self) -> str:
            """Its project."""
            ...

        @property
        def namespace(self) -> str:
            """Its namespace."""
            ...

    N = TypeVar("N", bound=Named)

_CHUNK_BYTES = 65_536
_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.1
# A live supervisor answers at once, or reports every few seconds what it waits for. On a busy
# machine it may take a while to listen. It checks its socket every few seconds.
PATIENCE_S = 15.0
# Errors of connect(2) that may pass with time; others do not.
_PASSES = {
    ENOENT: "its control socket is not there; it is starting, or puts the socket back",
    ECONNREFUSED: "nothing listens on its control socket yet; it is starting, or ending",
    ECONNRESET: "it is ending",
}
# How long after its time limit the answer to a wait may come: its last verdict takes two seconds.
ANSWER_S = 3.0
# What a command waits for while a process cleans up after a stack that was killed.
LAST_RUN = "the end of what the last run has left"
_BUSY = "it is busy: too many clients wait for it"
_SILENT = "it is busy: it has said nothing for {:g} s"


class Client:
    """A connection to a supervisor.

    Args:
        record: The record of its stack.
        patience_s: How long to wait for a live supervisor. It may start, be busy, or be about to
            restore its socket.

    Raises:
        StackGoneError: The supervisor has ended.
        StackUnreachableError: The supervisor does not answer.
    """

    def __init__(self, record: StackRecord, patience_s: float = PATIENCE_S) -> None:
        self.record = record
        self._last_id = 0
        # The id of the request for what is waited for.
        self._watching: int | None = None
        self._rest = b""
        self._lines: list[bytes] = []
        if not record.socket:
            raise self._unreachable("it has no control socket")
        self._socket = self._connect(patience_s)

    def _connect(self, patience_s: float) -> _socket.socket:
        until_s = time.monotonic() + patience_s
        pause_s = _FIRST_PAUSE_S
        while True:
            connecting = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
            connecting.settimeout(patience_s)
            try:
                connecting.connect(self.record.socket)
            except (BlockingIOError, TimeoutError):
                connecting.close()
                why = _BUSY
            except OSError as error:
                connecting.close()
                why = _PASSES.get(error.errno or 0, "")
                if not why:
                    raise self._unreachable(error.strerror or str(error)) from error
            else:
                return connecting
            if not is_alive(self.record):
                raise errors.StackGoneError(self.record.namespace, self.record.pid)
            if time.monotonic() >= until_s:
                raise self._silent(why)
            still_waiting.still(f"the supervisor ({why})")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def call(
        self,
        method: str,
        *params: object,
        each: "Callable[[object], None] | None" = None,
        patience_s: float | None = PATIENCE_S,
        watched: "Sequence[object] | None" = None,
    ) -> object:
        """Send a request and wait for its answer; see `send` and `answer`."""
        asked = self.send(method, *params)
        return self.answer(asked, each=each, patience_s=patience_s, watched=watched)

    def answer(
        self,
        asked: int,
        *,
        each: "Callable[[object], None] | None" = None,
        patience_s: float | None = PATIENCE_S,
        watched: "Sequence[object] | None" = None,
    ) -> object:
        """Wait for the answer to a request.

        Args:
            asked: The id of the request, from `send`.
            each: Receives each item that the supervisor sends before the answer, such as an event.
                These may also be items for other requests.
            patience_s: How long the supervisor may be silent; None for any time.
            watched: The parameters of `/supervisor/waiting`, by which a command that waits shows
                what it waits for; None to show nothing.

        Returns:
            The first value of the answer; None without a value.

        Raises:
            StackUnreachableError: The supervisor has ended, or is silent for too long.
            SupervisorError: It refused.
        """
        self._socket.settimeout(patience_s)
        wait = still_waiting.current()
        if wait is None or watched is None:
            return self._answer(asked, each, wait)
        wait.when_long(lambda: self._watch(watched))
        try:
            return self._answer(asked, each, wait)
        finally:
            wait.when_long(None)

    def _answer(
        self,
        asked: int,
        each: "Callable[[object], None] | None",
        wait: "still_waiting.Wait | None",
    ) -> object:
        while True:
            message = self._next_message()
            if message.get("method") == "$/stream":
                values = message.get("params")
                if not is_list(values):
                    continue
                if values[0] == self._watching:
                    if wait is not None:
                        wait.take(values[1])
                elif each is not None:
                    each(values[1])
            elif message.get("id", asked) in (asked, None):
                # An answer to a message that could not be read has no id.
                return _value_of(message)

    def _watch(self, watched: "Sequence[object]") -> None:
        """Have the supervisor stream what is waited for."""
        patience_s = self._socket.gettimeout()
        self._watching = self.send("/supervisor/waiting", *watched)
        self._socket.settimeout(patience_s)

    def has_news(self, within_s: float) -> bool:
        """Whether the supervisor sends a message within a time."""
        from select import select

        return bool(self._lines or select([self._socket], [], [], within_s)[0])

    def reply(self, asked: int, patience_s: float) -> "Mapping[str, object]":
        """Wait for the message that answers a call to a service, with values or with an error.

        Args:
            asked: The id of the request, from `send`.
            patience_s: How long the answer may take.

        Raises:
            StackUnreachableError: The supervisor has ended, or is silent for too long.
        """
        self._socket.settimeout(patience_s)
        while (message := self._next_message()).get("id") != asked:
            continue
        return message

    def send(self, method: str, *params: object, meta: "Mapping[str, object] | None" = None) -> int:
        """Send a request without waiting for its answer; return its id.

        Args:
            method: The method, such as `/supervisor/ps`.
            params: Its parameters.
            meta: Fields of the request's `meta`; None for none.
        """
        self._last_id += 1
        fields: dict[str, object] = {"jsonrpc": "2.0", "id": self._last_id, "method": method}
        fields["params"] = list(params)
        if meta is not None:
            fields["meta"] = dict(meta)
        # `poll` may have made the socket non-blocking.
        self._socket.settimeout(PATIENCE_S)
        try:
            self._socket.sendall(compact(fields).encode("utf-8", "surrogateescape") + b"\n")
        except ConnectionError:
            raise errors.StackGoneError(self.record.namespace, self.record.pid) from None
        except OSError as error:
            raise self._unreachable(error.strerror or str(error)) from error
        return self._last_id

    def poll(self, each: "Callable[[object], None]") -> bool:
        """Read the items that the supervisor has streamed so far, without waiting.

        Args:
            each: Receives each item.

        Returns:
            Whether the connection is still open.
        """
        self._socket.setblocking(False)
        try:
            while True:
                message = self._next_message()
                values = message.get("params")
                if message.get("method") == "$/stream" and is_list(values):
                    each(values[1])
        except BlockingIOError:
            return True
        except errors.StackUnreachableError:
            return False

    def take_first(self, each: "Callable[[object], None]") -> None:
        """Wait for the first item that the supervisor streams for a request of `send`.

        Args:
            each: Receives the item.

        Raises:
            StackUnreachableError: The supervisor has ended.
            SupervisorError: It refused.
        """
        self._socket.settimeout(None)
        message = self._next_message()
        values = message.get("params")
        if message.get("method") == "$/stream" and is_list(values):
            each(values[1])
        else:
            _value_of(message)

    def fileno(self) -> int:
        """Return the descriptor of the connection."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _next_message(self) -> "dict[str, object]":
        while not self._lines:
            wait, patience_s = still_waiting.current(), self._socket.gettimeout()
            if (
                wait is not None
                and patience_s != 0
                and not wait.until_readable(self._socket.fileno(), patience_s)
            ):
                raise self._silent(_SILENT.format(patience_s))
            try:
                data = self._socket.recv(_CHUNK_BYTES)
            except BlockingIOError:
                raise
            except TimeoutError:
                raise self._silent(_SILENT.format(self._socket.gettimeout())) from None
            except ConnectionError:
                data = b""
            except OSError as error:
                raise self._unreachable(error.strerror or str(error)) from error
            if not data:
                raise errors.StackGoneError(self.record.namespace, self.record.pid)
            *self._lines, self._rest = (self._rest + data).split(b"\n")
        message = loads(self._lines.pop(0).decode("utf-8", "surrogateescape"))
        return message if is_object(message) else {}

    def _silent(self, why: str) -> PortweaveError:
        from portweave.supervisor.shutdown.stop_stack import stopped_among

        if asleep := stopped_among(self.record.pid):
            return errors.StackStandsStillError(self.record.namespace, asleep)
        return self._unreachable(why)

    def _unreachable(self, why: str) -> "errors.StackUnreachableError":
        return errors.StackUnreachableError(self.record.namespace, self.record.pid, why)


def _value_of(message: "Mapping[str, object]") -> object:
    error = message.get("error")
    if is_object(error):
        data = error.get("data")
        fields = data.get("fields") if is_object(data) else None
        fields = fields if is_object(fields) else {}
        hints, facts, status = fields.get("hints"), fields.get("facts"), fields.get("exitStatus")
        raise errors.SupervisorError(
            str(error.get("message", "")),
            code=str(fields.get("code", errors.SupervisorError.code)),
            hints=tuple(map(str, hints)) if is_list(hints) else (),
            exit_status=status if isinstance(status, int) else 1,
            facts=facts if is_object(facts) else {},
        )
    values = message.get("result")
    return values[0] if is_list(values) and values else None


def find_stack(args: "Args", environ: "Mapping[str, str]") -> StackRecord:
    """Find the live stack of a command: the stack that it names, or this worktree's.

    Raises:
        NoStackError: No stack runs there.
        RecordLostError: A stack runs, but its record is missing.
        StateUnwritableError: The records cannot be read.
        UsageError: `--stack` fits several stacks.
    """
    config = args.text("config")
    start = os.path.realpath(os.path.dirname(config) if config else ".")
    return stack_at(args.text("stack"), start, environ)


def stack_at(named: str | None, start: str, environ: "Mapping[str, str]") -> StackRecord:
    """Find the live stack with a name, or of a worktree; it raises as `find_stack` does.

    Args:
        named: The name, as `[PROJECT/]NAMESPACE`; None for the worktree's stack.
        start: A folder in the worktree; an absolute path without links.
        environ: The variables of the user. They name the folder of stack records.
    """
    folder = check_readable(stacks_dir(environ))
    if named is not None:
        return named_as(all_stacks(environ), named)
    record = settled(folder, stack_around(folder, start, environ))
    if record is None:
        # Only before the error that no stack runs: this takes longer.
        from portweave.supervisor.registry.moved_folder import moved_here
        from portweave.supervisor.registry.record_recovery import restored_around

        moved = moved_here(folder, start, environ)
        record = moved[0] if moved else restored_around(folder, start, environ)
    if record is None:
        raise errors.NoStackError(f"in {start}")
    if record.place and place_mark(record.root) not in ("", record.place):
        _warn_of_replaced_folder(record)
    return record


def _warn_of_replaced_folder(record: StackRecord) -> None:
    from sys import stderr

    text = (
        f"[portweave] {record.root} is another folder now than when the stack"
        f" {record.project}/{record.namespace} began in it; portweave down stops that stack"
    )
    print(text, file=stderr)  # noqa: T201


def settled(
    folder: str, record: StackRecord | None, patience_s: float = PATIENCE_S
) -> StackRecord | None:
    """Return the record of the process that runs a stack now, if another process's is still there.

    A process that takes the stack's lock writes its record a moment later. A process that cleans up
    after a killed stack releases the lock soon.

    Args:
        folder: The folder of stack records.
        record: The record of a stack whose lock is held.
        patience_s: How long to wait.

    Returns:
        The record; None if no process runs the stack any more.
    """
    if record is None or is_alive(record):
        return record
    key = stack_key(record.root, record.namespace)
    until_s = time.monotonic() + patience_s
    while is_held(folder, key):
        found = read_record(folder, key) or record
        # A supervisor whose guardian was killed still answers.
        if is_alive(found) or time.monotonic() >= until_s or listener_at(found.socket) is not None:
            return found
        still_waiting.still(LAST_RUN)
        time.sleep(_FIRST_PAUSE_S)
    return None


def all_stacks(environ: "Mapping[str, str]") -> list[StackRecord]:
    """Return the live stacks of this machine.

    Raises:
        StateUnwritableError: The records cannot be read.
    """
    folder = check_readable(stacks_dir(environ))
    found = live_stacks(folder)
    if not found:
        from portweave.supervisor.registry.record_recovery import all_restored

        found = all_restored(folder, environ)
    return found


def named_as(stacks: "Sequence[N]", named: str) -> "N":
    """Find the stack that `[PROJECT/]NAMESPACE` names; the namespace may lack its hash.

    Raises:
        NoStackError: No stack has the name.
        UsageError: Several stacks have it.
    """
    project, _, namespace = named.rpartition("/")
    found = [
        stack
        for stack in stacks
        if _is_called(stack.namespace, namespace) and project in ("", stack.project)
    ]
    # A namespace written in full means only that one.
    found = [stack for stack in found if stack.namespace == namespace] or found
    if not found:
        raise errors.NoStackError(f"as {named}")
    if len(found) > 1:
        names = ", ".join(f"{stack.project}/{stack.namespace}" for stack in found)
        raise errors.UsageError(
            f"--stack {named} fits several stacks: {names}", hint="name the project too"
        )
    return found[0]


def _is_called(namespace: str, name: str) -> bool:
    # `fix-login` for `fix-login-1a2b3c4d`.
    return bool(name) and name in (namespace, namespace.rpartition("-")[0])


def ask(
    args: "Args",
    environ: "Mapping[str, str]",
    method: str,
    *params: object,
    each: "Callable[[object], None] | None" = None,
    patience_s: float | None = PATIENCE_S,
    reach_s: float = PATIENCE_S,
    watched: "Sequence[object] | None" = None,
) -> object:
    """Call the supervisor of a command's stack; see `Client.call`.

    Args:
        args: The command line.
        environ: The variables of the user. They name the folder of stack records.
        method: The method.
        params: Its parameters.
        each: Receives each item before the answer.
        patience_s: How long the supervisor may be silent.
        reach_s: How long to wait for a connection.
        watched: As of `Client.answer`.

    Raises:
        OtherProtocolError: A portweave with another protocol started the stack.
    """
    record = find_stack(args, environ)
    if record.protocol != PROTOCOL:
        raise errors.OtherProtocolError(record.namespace, record.version)
    client = Client(record, reach_s)
    try:
        return client.call(method, *params, each=each, patience_s=patience_s, watched=watched)
    finally:
        client.close()
