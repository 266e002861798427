"""Ask the supervisor of a stack: JSON-RPC 2.0, one message a line, over its control socket.

Blocking, and light: a command that only asks is to cost little more than the interpreter, so
nothing is imported that the question does not need.
"""

import _socket
import os
import time
from errno import ECONNREFUSED, ENOENT

from portweave.allocator.jsontext import compact, is_list, is_object
from portweave.allocator.processes import age_s
from portweave.allocator.stackmarks import place_mark
from portweave.errors import (
    NoStackError,
    OtherProtocolError,
    PortweaveError,
    StackStandsStillError,
    StackUnreachableError,
    SupervisorError,
    UsageError,
)
from portweave.fastjson import loads
from portweave.supervisor.paths import (
    PROTOCOL,
    StackRecord,
    is_same,
    live_stacks,
    readable,
    stack_around,
    stacks_dir,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol, TypeVar

    from portweave.args import Args

    class Named(Protocol):
        """What has a project and a namespace."""

        project: str
        namespace: str

    N = TypeVar("N", bound=Named)

_CHUNK_BYTES = 65_536
# A supervisor listens before it starts anything; what it has to do before takes a moment.
_LISTENS_S = 3.0
_PAUSE_S = 0.005
# One that lives answers at once, or says every few seconds what it waits for.
PATIENCE_S = 15.0


class Client:
    """A connection to a supervisor.

    Args:
        record: Of its stack; one that has just begun is waited for.
        listens_s: The age to which that is so.

    Raises:
        StackUnreachableError: It does not answer.
    """

    def __init__(self, record: StackRecord, listens_s: float = _LISTENS_S) -> None:
        self.record = record
        self._listens_s = listens_s
        self._last_id = 0
        self._rest = b""
        self._lines: list[bytes] = []
        if not record.socket:
            raise self._unreachable("it has no control socket")
        self._socket = self._connect()

    def _connect(self) -> _socket.socket:
        until_s = time.monotonic() + PATIENCE_S
        while True:
            connecting = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
            connecting.settimeout(PATIENCE_S)
            try:
                connecting.connect(self.record.socket)
            except BlockingIOError:
                # Too many wait to be let in, connect(2): soon, unless it stands still.
                connecting.close()
                if time.monotonic() >= until_s:
                    raise self._silent() from None
                time.sleep(_PAUSE_S)
            except OSError as error:
                connecting.close()
                is_early = age_s(self.record.start) < self._listens_s and is_same(self.record)
                if error.errno not in (ENOENT, ECONNREFUSED) or not is_early:
                    raise self._unreachable(error.strerror or str(error)) from error
                time.sleep(_PAUSE_S)
            else:
                return connecting

    def call(
        self,
        method: str,
        *params: object,
        each: "Callable[[object], None] | None" = None,
        patience_s: float | None = PATIENCE_S,
    ) -> object:
        """Ask, and wait for the answer: `send` and `answer` in one."""
        return self.answer(self.send(method, *params), each=each, patience_s=patience_s)

    def answer(
        self,
        asked: int,
        *,
        each: "Callable[[object], None] | None" = None,
        patience_s: float | None = PATIENCE_S,
    ) -> object:
        """Wait for the answer to a request.

        Args:
            asked: The request, from `send`.
            each: Takes what the supervisor sends before it answers, such as events; also what
                other requests have it send.
            patience_s: How long the supervisor may be silent; None for any time.

        Returns:
            The first value of the answer; None where it has none.

        Raises:
            StackUnreachableError: The supervisor has gone, or is silent for too long.
            SupervisorError: It refused.
        """
        self._socket.settimeout(patience_s)
        while True:
            message = self._next_message()
            if message.get("method") == "$/stream":
                values = message.get("params")
                if each is not None and is_list(values):
                    each(values[1])
            elif message.get("id", asked) in (asked, None):
                # What cannot be read cannot be answered by its number.
                return _value_of(message)

    def exchange(
        self,
        address: str,
        load: "list[object]",
        meta: "Mapping[str, object]",
        patience_s: float,
    ) -> "Mapping[str, object]":
        """Call a service; the message that answers, be it values or an error.

        Args:
            address: As `/api/users/7`.
            load: Values of JSON.
            meta: What travels besides, such as `timeout_ms`.
            patience_s: How long the answer may take.

        Raises:
            StackUnreachableError: The supervisor has gone, or is silent for too long.
        """
        asked = self.send(address, *load, meta=meta)
        self._socket.settimeout(patience_s)
        while (message := self._next_message()).get("id") != asked:
            continue
        return message

    def send(self, method: str, *params: object, meta: "Mapping[str, object] | None" = None) -> int:
        """Ask without waiting; the id of the request."""
        self._last_id += 1
        fields: dict[str, object] = {"jsonrpc": "2.0", "id": self._last_id, "method": method}
        fields["params"] = list(params)
        if meta is not None:
            fields["meta"] = dict(meta)
        # Also behind `poll`, which does not wait.
        self._socket.settimeout(PATIENCE_S)
        try:
            self._socket.sendall(compact(fields).encode("utf-8", "surrogateescape") + b"\n")
        except OSError as error:
            raise self._unreachable(error.strerror or str(error)) from error
        return self._last_id

    def poll(self, each: "Callable[[object], None]") -> bool:
        """Take what the supervisor has sent unasked until now, without waiting.

        Args:
            each: Takes each item.

        Returns:
            Whether the supervisor is still there.
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
        except StackUnreachableError:
            return False

    def take_first(self, each: "Callable[[object], None]") -> None:
        """Wait for the first item that the supervisor sends for a request of `send`.

        Args:
            each: Takes it.

        Raises:
            StackUnreachableError: The supervisor has gone.
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
        """The descriptor of the connection."""
        return self._socket.fileno()

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _next_message(self) -> "dict[str, object]":
        while not self._lines:
            try:
                data = self._socket.recv(_CHUNK_BYTES)
            except BlockingIOError:
                raise
            except TimeoutError:
                raise self._silent() from None
            except OSError as error:
                raise self._unreachable(error.strerror or str(error)) from error
            if not data:
                raise self._unreachable("it has ended")
            *self._lines, self._rest = (self._rest + data).split(b"\n")
        message = loads(self._lines.pop(0).decode("utf-8", "surrogateescape"))
        return message if is_object(message) else {}

    def _silent(self) -> PortweaveError:
        from portweave.supervisor.ending import stopped_among

        if asleep := stopped_among(self.record.pid):
            return StackStandsStillError(self.record.namespace, asleep)
        return self._unreachable("it is silent")

    def _unreachable(self, why: str) -> StackUnreachableError:
        return StackUnreachableError(self.record.namespace, self.record.pid, why)


def _value_of(message: "Mapping[str, object]") -> object:
    error = message.get("error")
    if is_object(error):
        data = error.get("data")
        fields = data.get("fields") if is_object(data) else None
        fields = fields if is_object(fields) else {}
        hints, facts, status = fields.get("hints"), fields.get("facts"), fields.get("exitStatus")
        raise SupervisorError(
            str(error.get("message", "")),
            code=str(fields.get("code", SupervisorError.code)),
            hints=tuple(map(str, hints)) if is_list(hints) else (),
            exit_status=status if isinstance(status, int) else 1,
            facts=facts if is_object(facts) else {},
        )
    values = message.get("result")
    return values[0] if is_list(values) and values else None


def find_stack(args: "Args", environ: "Mapping[str, str]") -> StackRecord:
    """The live stack that a command is about: of this worktree, or the one that it names.

    Raises:
        NoStackError: None runs there.
        RecordLostError: One does, but its record is gone.
        StateUnwritableError: Whether one does cannot be told.
        UsageError: `--stack` fits several.
    """
    config = args.text("config")
    start = os.path.realpath(os.path.dirname(config) if config else ".")
    return stack_at(args.text("stack"), start, environ)


def stack_at(named: str | None, start: str, environ: "Mapping[str, str]") -> StackRecord:
    """The live stack that is named, or the one of a worktree; errors as of `find_stack`.

    Args:
        named: As `[PROJECT/]NAMESPACE`; None for that of the worktree.
        start: Where in the worktree to look; an absolute path without links.
        environ: Says where the records lie.
    """
    folder = readable(stacks_dir(environ))
    if named is not None:
        return named_as(all_stacks(environ), named)
    record = stack_around(folder, start, environ)
    if record is None:
        # Only where somebody would be told that there is none.
        from portweave.supervisor.knocking import restored_around
        from portweave.supervisor.moves import moved_here

        moved = moved_here(folder, start, environ)
        record = moved[0] if moved else restored_around(folder, start, environ)
    if record is None:
        raise NoStackError(f"in {start}")
    if record.place and place_mark(record.root) not in ("", record.place):
        _tell_of_replaced(record)
    return record


def _tell_of_replaced(record: StackRecord) -> None:
    from sys import stderr

    text = (
        f"[portweave] {record.root} is another folder now than when the stack"
        f" {record.project}/{record.namespace} began in it; portweave down stops that stack"
    )
    print(text, file=stderr)  # noqa: T201


def all_stacks(environ: "Mapping[str, str]") -> list[StackRecord]:
    """The live stacks of this machine.

    Raises:
        StateUnwritableError: Whether there are any cannot be told.
    """
    folder = readable(stacks_dir(environ))
    found = live_stacks(folder)
    if not found:
        from portweave.supervisor.knocking import all_restored

        found = all_restored(folder, environ)
    return found


def named_as(stacks: "Sequence[N]", named: str) -> "N":
    """The one that `[PROJECT/]NAMESPACE` means; of a namespace its readable part is enough.

    Raises:
        NoStackError: There is none.
        UsageError: There are several.
    """
    project, _, namespace = named.rpartition("/")
    found = [
        stack
        for stack in stacks
        if _is_called(stack.namespace, namespace) and project in ("", stack.project)
    ]
    # Whoever writes it out in full means that one.
    found = [stack for stack in found if stack.namespace == namespace] or found
    if not found:
        raise NoStackError(f"as {named}")
    if len(found) > 1:
        names = ", ".join(f"{stack.project}/{stack.namespace}" for stack in found)
        raise UsageError(
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
) -> object:
    """Ask the supervisor of the stack that a command is about; see `Client.call`.

    Raises:
        OtherProtocolError: It was started by a portweave that does not understand this.
    """
    record = find_stack(args, environ)
    if record.protocol != PROTOCOL:
        raise OtherProtocolError(record.namespace, record.version)
    client = Client(record)
    try:
        return client.call(method, *params, each=each, patience_s=patience_s)
    finally:
        client.close()
