"""Ask all running stacks at once for their owner, end and last use."""

import time

from portweave.client.client import Client
from portweave.encoding.json_text import is_object
from portweave.errors import PortweaveError
from portweave.supervisor.registry.stack_records import PROTOCOL

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portweave.supervisor.registry.stack_records import StackRecord

# For all stacks together: a supervisor that hangs must not hide the others.
LIMIT_S = 1.0
_LEAST_S = 0.05


def ask_each(
    stacks: "Iterable[StackRecord]", method: str, limit_s: float = LIMIT_S
) -> "dict[str, dict[str, object]]":
    """The answers of stacks to a question, by tag; a stack that does not answer in time has none.

    Args:
        stacks: The stacks.
        method: The method, such as `/supervisor/lifetime`. Its answer is an object.
        limit_s: How long all of them may take together.
    """
    until_s = time.monotonic() + limit_s
    asked: list[tuple[StackRecord, Client, int]] = []
    found: dict[str, dict[str, object]] = {}
    try:
        for stack in stacks:
            if stack.protocol != PROTOCOL or not stack.socket:
                continue
            try:
                client = Client(stack, _left_s(until_s))
                asked.append((stack, client, 0))
                asked[-1] = stack, client, client.send(method)
            except PortweaveError:
                continue
        for stack, client, number in asked:
            try:
                answer = client.answer(number, patience_s=_left_s(until_s))
            except PortweaveError:  # also of an older version, which does not know the method
                continue
            if is_object(answer):
                found[stack.tag] = answer
    finally:
        for _, client, _ in asked:
            client.close()
    return found


def _left_s(until_s: float) -> float:
    return max(_LEAST_S, until_s - time.monotonic())
