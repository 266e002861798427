"""The server: reads messages from stdin, carries them out in threads, writes to stdout.

What a call needs is imported when the first call comes: a client waits for the first answer of each
of its servers before it begins to work.
"""

import os
import sys
from threading import Lock, Thread

from portweave import __version__
from portweave.encoding.json_text import is_object
from portweave.errors import PortweaveError
from portweave.mcp import resources
from portweave.mcp.protocol_machine import Call, Cancel, Machine, Offer, Read, Send
from portweave.mcp.rpc_messages import (
    INTERNAL_ERROR,
    PARSE_ERROR,
    BadMessage,
    LineSplitter,
    read_line,
)
from portweave.mcp.stop_flag import StopFlag
from portweave.mcp.tool_table import INSTRUCTIONS, tools
from portweave.system.interrupts import at_end

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portweave.mcp.protocol_machine import Action
    from portweave.mcp.rpc_messages import Id
    from portweave.mcp.started_stacks import StartedStacks
    from portweave.mcp.tools import Tools

_CHUNK_BYTES = 65_536
# For what is cancelled at the end of stdin.
_LAST_S = 1.0


def serve(environ: "Mapping[str, str]", worktree: str | None, *, with_exec: bool) -> None:
    """Serve one client until its messages end.

    Args:
        environ: The variables of the user.
        worktree: The folder that calls are about; None to let each call, or the client, say.
        with_exec: Whether to offer the tool `exec`.
    """
    # Nothing but messages may reach the client: what else writes to stdout goes to stderr.
    out = os.dup(1)
    os.dup2(2, 1)
    Server(environ, worktree, out, with_exec=with_exec).run(0)


class Server:
    """Serves one client.

    Args:
        environ: The variables of the user.
        worktree: The folder that calls are about; None to let each call, or the client, say.
        out: The descriptor that messages are written to.
        with_exec: Whether to offer the tool `exec`.
    """

    def __init__(
        self, environ: "Mapping[str, str]", worktree: str | None, out: int, *, with_exec: bool
    ) -> None:
        self._environ = environ
        self._worktree = worktree
        self._out = out
        table = tools(with_exec=with_exec)
        self._machine = Machine(
            Offer(__version__, INSTRUCTIONS, table, resources.RESOURCES, resources.TEMPLATES)
        )
        self._schemas = {str(tool["name"]): _schema(tool) for tool in table}
        # It guards the machine and the order of lines.
        self._lock = Lock()
        self._stops: dict[Id, StopFlag] = {}
        self._threads: list[Thread] = []
        self._tools: Tools | None = None
        self._stacks: StartedStacks | None = None
        self._is_closed = False

    def run(self, source: int) -> None:
        """Serve until the end of a descriptor."""
        at_end(self.close)
        splitter = LineSplitter()
        skipped = 0
        while data := _read(source):
            for line in splitter.feed(data):
                for message in read_line(line):
                    with self._lock:
                        self._do(self._machine.take(message))
            for _ in range(splitter.skipped - skipped):
                with self._lock:
                    self._do(self._machine.take(BadMessage(PARSE_ERROR, "the line is too long")))
            skipped = splitter.skipped
        self.close()

    def close(self) -> None:
        """End what is at work, and let go of the stacks that this server has started."""
        if self._is_closed:
            return
        self._is_closed = True
        for stop in list(self._stops.values()):
            stop.set()
        for thread in self._threads:
            thread.join(_LAST_S)
        if self._stacks is not None:
            self._stacks.release()

    def _do(self, actions: "Sequence[Action]") -> None:
        """Carry out actions. The lock is held."""
        for action in actions:
            match action:
                case Send(line):
                    self._write(line)
                case Cancel(number):
                    if (stop := self._stops.pop(number, None)) is not None:
                        # Not in this thread: ending a process may take a moment.
                        Thread(target=stop.set, daemon=True).start()
                case Call() | Read():
                    stop = self._stops[action.id] = StopFlag()
                    work = self._call if isinstance(action, Call) else self._read
                    thread = Thread(target=work, args=(action, stop), daemon=True)
                    self._threads = [one for one in self._threads if one.is_alive()]
                    self._threads.append(thread)
                    thread.start()

    def _write(self, line: bytes) -> None:
        view = memoryview(line)
        try:
            while view:
                view = view[os.write(self._out, view) :]
        except OSError:
            # The client is gone; the end of stdin follows.
            return

    def _call(self, action: Call, stop: StopFlag) -> None:
        number = action.id

        def say(text: str) -> None:
            with self._lock:
                if not stop.is_set:
                    self._do(self._machine.progress(number, text[:500]))

        try:
            with self._lock:
                carrier, roots = self._carrier(), self._machine.roots
            result = carrier.call(
                action.tool,
                action.arguments,
                roots,
                stop,
                say,
                has_structure=action.era.has_structure,
            )
        except Exception as fault:
            self._fail(number, stop, fault)
            return
        with self._lock:
            if not stop.is_set:
                self._stops.pop(number, None)
                self._do(self._machine.finish_call(number, result))

    def _read(self, action: Read, stop: StopFlag) -> None:
        try:
            reader = resources.Resources(self._environ, self._worktree)
            found = reader.read(action.uri, self._machine.roots, stop)
        except Exception as fault:
            self._fail(action.id, stop, fault)
            return
        with self._lock:
            if not stop.is_set:
                self._stops.pop(action.id, None)
                self._do(self._machine.finish_read(action.id, found.text, found.kind))

    def _fail(self, number: "Id", stop: StopFlag, fault: Exception) -> None:
        if not isinstance(fault, PortweaveError):
            from portweave.system.faults import user_error

            sys.excepthook(type(fault), fault, fault.__traceback__)
            fault = user_error(fault)
        with self._lock:
            if not stop.is_set:
                self._stops.pop(number, None)
                self._do(self._machine.fail(number, INTERNAL_ERROR, resources.told(fault)))

    def _carrier(self) -> "Tools":
        """Return what carries out tools. The lock is held."""
        if self._tools is None:
            from portweave.mcp.started_stacks import StartedStacks
            from portweave.mcp.tools import Tools

            self._stacks = StartedStacks()
            self._tools = Tools(self._environ, self._worktree, self._schemas, self._stacks)
        return self._tools


def _read(source: int) -> bytes:
    try:
        return os.read(source, _CHUNK_BYTES)
    except OSError:
        return b""


def _schema(tool: "Mapping[str, object]") -> "Mapping[str, object]":
    found = tool["inputSchema"]
    assert is_object(found)
    return found
