"""`portweave attach`: attach to a service's terminal."""

import os
import select
import sys
from binascii import a2b_base64, b2a_base64

from portweave.allocator.worktree import worktree_dir
from portweave.arguments.args import (
    Args,
    Operands,
)
from portweave.client.client import (
    Client,
    find_stack,
)
from portweave.client.verb_queries import (
    STACK,
    names_of,
    say,
)
from portweave.encoding.json_text import is_object
from portweave.errors import OtherProtocolError, UsageError
from portweave.supervisor.registry.stack_records import PROTOCOL
from portweave.system.files import write_all
from portweave.system.interrupts import (
    at_end,
    clear_at_end,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    import signal
    from typing import Any

    from portweave.supervisor.registry.stack_records import StackRecord
else:
    # `signal` makes enumerations of what this has as numbers.
    signal = __import__("_signal")

OPTIONS = (STACK,)
USAGE = "SERVICE"
OPERANDS = Operands("running")
HELP = """
Attach to the terminal of a service of the running stack: see its output, and type input. Its log
continues. Ctrl-] detaches, and the service continues. Ctrl-C and all other keys go to the service.
A service without a terminal (`tty: false`, or CI) only shows its output, and Ctrl-C detaches.

Piped input is typed. attach then shows the output of one more second.
"""
_LEAVE = b"\x1d"  # Ctrl-]
_TAIL_BYTES = 4096
_CHUNK_BYTES = 4096
# How long to show output after the end of piped input.
_AFTER_INPUT_S = 1.0


def run(args: Args) -> int:
    """Attach to the service."""
    names = names_of(args, at_least_one="to be attached to")
    if len(names) != 1:
        raise UsageError("attach takes one service")
    record = find_stack(args, os.environ)
    if record.protocol != PROTOCOL:
        raise OtherProtocolError(record.namespace, record.version)
    session = _Session(record, names[0])
    try:
        return session.run()
    finally:
        session.close()


class _Session:
    """One client at one terminal."""

    def __init__(self, record: "StackRecord", name: str) -> None:
        self._record = record
        self._name = name
        self._client = Client(record)
        self._interactive = os.isatty(0)
        self._has_terminal = True
        self._saved: list[Any] | None = None
        self._output_left_s: float | None = None

    def run(self) -> int:
        """Copy input and output until one side ends."""
        shown = self._tail()
        self._client.send("/supervisor/attach", self._name, *self._size())
        # The first item says whether the service has a terminal. An unknown service is an error.
        self._client.take_first(self._take)
        self._make_raw()
        if self._interactive and self._has_terminal:
            say(f"attached to {self._name}; Ctrl-] leaves")
        elif not self._has_terminal:
            say(f"{self._name} has no terminal: this only shows what it prints; Ctrl-C leaves")
        _write(shown)
        wakeup = self._follow_size()
        inputs = {0, self._client.fileno(), wakeup}
        while True:
            ready, _, _ = select.select(inputs, (), (), self._output_left_s)
            if not ready and self._output_left_s is not None:
                return 0
            if wakeup in ready:
                os.read(wakeup, 512)
                self._client.send("/supervisor/resize", self._name, *self._size())
            if self._client.fileno() in ready and not self._client.poll(self._take):
                self.restore()
                say(f"{self._name} has ended with its stack")
                return 0
            if 0 in ready:
                data = os.read(0, _CHUNK_BYTES)
                keys, leave, _ = data.partition(_LEAVE) if self._interactive else (data, b"", b"")
                if keys and self._has_terminal:
                    typed = b2a_base64(keys, newline=False).decode()
                    self._client.send("/supervisor/type", self._name, typed)
                if leave:
                    self.restore()
                    say(f"left {self._name}, which goes on")
                    return 0
                if not data:
                    inputs.discard(0)
                    self._output_left_s = _AFTER_INPUT_S

    def _take(self, item: object) -> None:
        if not is_object(item):
            return
        if isinstance(data := item.get("data"), str):
            _write(a2b_base64(data))
        elif "terminal" in item:
            self._has_terminal = item["terminal"] is True
        elif item.get("event") == "events skipped":
            _write(f"\r\n[{item.get('count')} pieces skipped]\r\n".encode())

    def _tail(self) -> bytes:
        """Return the last output, so that the user sees a prompt that already waits."""
        folder = worktree_dir(self._record.root, self._record.namespace)
        path = f"{folder}/logs/{self._name}.log"
        try:
            with open(path, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL_BYTES))
                data = file.read()
        except OSError:
            return b""
        # A shortened output starts at the beginning of a line.
        return data if size <= _TAIL_BYTES else data.partition(b"\n")[2]

    def _size(self) -> tuple[int, ...]:
        try:
            size = os.get_terminal_size(1)
        except OSError:
            return ()
        return (size.lines, size.columns) if size.lines and size.columns else ()

    def _make_raw(self) -> None:
        if not (self._interactive and self._has_terminal):
            return
        import termios
        import tty

        self._saved = termios.tcgetattr(0)
        at_end(self.restore)
        # TCSADRAIN keeps input that the user has typed already.
        tty.setraw(0, termios.TCSADRAIN)
        attributes = termios.tcgetattr(0)
        # The output has newlines without carriage returns.
        attributes[1] |= termios.OPOST | termios.ONLCR
        termios.tcsetattr(0, termios.TCSADRAIN, attributes)

    def restore(self) -> None:
        """Restore the terminal's settings."""
        if self._saved is not None:
            import termios

            termios.tcsetattr(0, termios.TCSADRAIN, self._saved)
            self._saved = None
            clear_at_end()
            _write(b"\n")

    def _follow_size(self) -> int:
        """Return a descriptor that becomes readable when the terminal's size changes."""
        reading, writing = os.pipe()
        for end in (reading, writing):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGWINCH, _do_nothing)
        return reading

    def close(self) -> None:
        """Restore the terminal and close the connection, in any state."""
        self.restore()
        self._client.close()


def _do_nothing(_number: int, _frame: object) -> None:
    """Do nothing: with a handler, the signal wakes up `select`."""


def _write(data: bytes) -> None:
    sys.stdout.flush()
    write_all(1, data)
