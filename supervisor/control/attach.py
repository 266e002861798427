"""A client at a service's terminal: what it prints goes to him, what he types goes to it.

Its log goes on beside it, as whoever is attached only gets a copy of each chunk; one who does not
read misses some, which is told, and holds nobody up.
"""

import asyncio
import os
from binascii import Error as NotBase64Error
from binascii import a2b_base64, b2a_base64

from portweave.errors import NoTerminalError
from portweave.supervisor.control.server import (
    INVALID_PARAMS,
    RefusedError,
    Stream,
)
from portweave.supervisor.services.engine import Engine
from portweave.supervisor.services.service import Service

# What is typed at once; a terminal's own line buffer has no more (termios(3)).
MOST_TYPED_BYTES = 64 << 10
_PAUSE_S = 0.01


class TerminalAttachments:
    """What clients may do at terminals.

    Args:
        engine: The instances of the stack.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def attach(self, name: str, stream: Stream, size: tuple[int, int] | None) -> None:
        """Copy what an instance prints to a client, until the instance is gone for good.

        Args:
            name: Of the instance.
            stream: Takes `{"data": …}`, in base64.
            size: Rows and columns that its terminal is to have; None leaves it as it is.
        """
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

    async def type(self, name: str, text: str) -> None:
        """Type something at the terminal of an instance.

        Args:
            name: Of the instance.
            text: What, in base64.

        Raises:
            NoTerminalError: It has none.
            RefusedError: It is no base64, or too much.
        """
        try:
            data = a2b_base64(text, strict_mode=True)
        except (NotBase64Error, ValueError):
            raise RefusedError(INVALID_PARAMS, "what is typed comes in base64") from None
        if len(data) > MOST_TYPED_BYTES:
            raise RefusedError(INVALID_PARAMS, f"at most {MOST_TYPED_BYTES} bytes at once")
        service = self._engine.services[name]
        while data:
            data = data[_write(service, data) :]
            if data:
                # It does not read: whoever types waits, and nobody else.
                await asyncio.sleep(_PAUSE_S)

    def resize(self, name: str, size: tuple[int, int]) -> None:
        """Give the terminal of an instance another size, in rows and columns."""
        self._engine.services[name].resize(size)


def _write(service: Service, data: bytes) -> int:
    terminal = service.terminal
    if terminal is None:
        raise NoTerminalError(service.plan.name, runs=service.leader is not None)
    try:
        return os.write(terminal, data)
    except BlockingIOError:
        return 0
    except OSError:
        # It has just ended.
        raise NoTerminalError(service.plan.name, runs=False) from None
