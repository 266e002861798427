"""One question to the supervisor of a stack, by its control socket."""

import asyncio
from typing import TYPE_CHECKING

from portweave.encoding.json_text import compact, is_list, is_object, loads

if TYPE_CHECKING:
    from portweave.supervisor.registry.stack_records import StackRecord

# A row for each service of a large stack.
_LONGEST_BYTES = 4 << 20


async def ask_supervisor(record: "StackRecord", method: str, *params: object) -> object:
    """The first value of a supervisor's answer; None for none.

    Raises:
        OSError: The supervisor cannot be reached.
        ValueError: Its answer is not JSON, or too long.
    """
    reader, writer = await asyncio.open_unix_connection(record.socket, limit=_LONGEST_BYTES)
    try:
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        writer.write(compact(question).encode() + b"\n")
        message = loads((await reader.readline()).decode())
    finally:
        writer.close()
    values = message.get("result") if is_object(message) else None
    return values[0] if is_list(values) and values else None
