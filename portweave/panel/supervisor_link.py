"""A persistent connection to a supervisor, for events and calls.

`portweave.client.client` blocks; here one task waits for answers and events of each stack.
"""

import itertools
import json
from collections.abc import Callable, Iterator

import anyio
from anyio.abc import ByteStream

from portweave.encoding.json_text import (
    compact,
    is_list,
    is_object,
)

_LONGEST_LINE_BYTES = 16 << 20
# A supervisor answers at once; one that takes longer is stopped, or hangs.
PATIENCE_S = 10.0


class ConnectionLostError(Exception):
    """The supervisor does not answer; the message says why."""


class Link:
    """A connection to a supervisor.

    Args:
        stream: The stream to its control socket.
        on_message: Gets each message that is not an answer.
    """

    def __init__(self, stream: ByteStream, on_message: Callable[[dict[str, object]], None]) -> None:
        self._stream = stream
        self._on_message = on_message
        self._ids: Iterator[int] = itertools.count(1)
        self._pending: dict[int, anyio.Event] = {}
        self._answers: dict[int, dict[str, object]] = {}

    async def listen(self) -> None:
        """Read messages until the connection ends.

        Raises:
            ConnectionLostError: The connection has ended.
        """
        rest = b""
        try:
            while True:
                data = await self._stream.receive(1 << 16)
                *lines, rest = (rest + data).split(b"\n")
                if len(rest) > _LONGEST_LINE_BYTES:
                    raise ConnectionLostError("it sent a line that is too long")
                for line in lines:
                    self._sort(line)
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise ConnectionLostError("it has ended") from None

    async def ask(self, method: str, *params: object) -> object:
        """Call a method and wait for the answer.

        Returns:
            The first value of the answer; None where it has none, or is an error.

        Raises:
            ConnectionLostError: No answer came in time.
        """
        number = await self.send(method, *params)
        arrived = self._pending[number] = anyio.Event()
        try:
            with anyio.move_on_after(PATIENCE_S):
                await arrived.wait()
            answer = self._answers.pop(number, None)
        finally:
            del self._pending[number]
        if answer is None:
            raise ConnectionLostError("no answer in time")
        values = answer.get("result")
        return values[0] if is_list(values) and values else None

    async def send(self, method: str, *params: object) -> int:
        """Send a call without waiting; return its id.

        Raises:
            ConnectionLostError: The connection has ended.
        """
        number = next(self._ids)
        fields = {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
        try:
            await self._stream.send(compact(fields).encode("utf-8", "surrogateescape") + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise ConnectionLostError("it has ended") from None
        return number

    def _sort(self, line: bytes) -> None:
        try:
            message: object = json.loads(line.decode("utf-8", "surrogateescape"))
        except ValueError:
            return
        if not is_object(message):
            return
        if message.get("method") == "$/stream":
            values = message.get("params")
            item = values[1] if is_list(values) and len(values) > 1 else None
            if is_object(item):
                self._on_message(item)
            return
        number = message.get("id")
        if isinstance(number, int) and number in self._pending:
            self._answers[number] = message
            self._pending[number].set()
