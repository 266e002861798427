"""The control commands about terminals: copy a service's output to a client, and type its input.

The service's log goes on beside it: a client gets a copy of each chunk. A client that does not read
misses some chunks, which the server counts and reports. It delays no other reader.
"""

import asyncio
import os
from binascii import Error as NotBase64Error
from binascii import a2b_base64, b2a_base64

from portweave import errors
from portweave.supervisor.control.parameters import (
    instance_name,
    terminal_size,
)
from portweave.supervisor.control.server import (
    INVALID_PARAMS,
    RefusedError,
    Stream,
)
from portweave.supervisor.services.engine import Engine
from portweave.supervisor.services.service import Service

# The longest input of one request. A terminal's line buffer holds less (termios(3)).
MOST_TYPED_BYTES = 64 << 10
_PAUSE_S = 0.01


class AttachCommands:
    """Connects clients to the terminals of instances.

    Args:
        engine: The instances of the stack.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def _name(self, params: list[object]) -> str:
        return instance_name(self._engine.fleet.plans, params)

    async def attach(self, params: list[object], stream: Stream) -> list[object]:
        """Copy the output of an instance to a client, until the plan lacks the instance.

        Parameters: name, rows and columns. Without a size the terminal keeps its own. The stream
        carries `{"data": …}`, in base64.
        """
        name = self._name(params)
        size = terminal_size(params[1:]) if len(params) > 1 else None
        service = self._engine.services[name]
        if size is not None:
            service.resize(size)

        def tap(chunk: bytes) -> None:
            stream({"data": b2a_base64(chunk, newline=False).decode()})

        service.taps.add(tap)
        service.set_echo(on=True)
        stream({"terminal": service.terminal is not None})
        try:
            while self._engine.services.get(name) is service:
                await self._engine.wait_for_change()
        finally:
            service.taps.discard(tap)
            if not service.taps:
                service.set_echo(on=False)
        return []

    async def type(self, params: list[object], _stream: Stream) -> list[object]:
        """Type at the terminal of an instance. Parameters: name, and the input in base64.

        Raises:
            NoTerminalError: The instance has no terminal.
            RefusedError: The input is not base64, or too long.
        """
        name, text = self._name(params), str(params[1] if len(params) > 1 else "")
        try:
            data = a2b_base64(text, strict_mode=True)
        except (NotBase64Error, ValueError):
            raise RefusedError(INVALID_PARAMS, "input comes in base64") from None
        if len(data) > MOST_TYPED_BYTES:
            raise RefusedError(INVALID_PARAMS, f"at most {MOST_TYPED_BYTES} bytes at once")
        service = self._engine.services[name]
        while data:
            data = data[_write(service, data) :]
            if data:
                # The service does not read. Only this request waits.
                await asyncio.sleep(_PAUSE_S)
        return []

    async def resize(self, params: list[object], _stream: Stream) -> list[object]:
        """Change the size of an instance's terminal. Parameters: name, rows and columns."""
        self._engine.services[self._name(params)].resize(terminal_size(params[1:]))
        return []


def _write(service: Service, data: bytes) -> int:
    """Write to the terminal; return the number of bytes that it took."""
    terminal = service.terminal
    if terminal is None:
        raise errors.NoTerminalError(service.plan.name, runs=service.leader is not None)
    try:
        return os.write(terminal, data)
    except BlockingIOError:
        return 0
    except OSError:
        # It has just ended.
        raise errors.NoTerminalError(service.plan.name, runs=False) from None
