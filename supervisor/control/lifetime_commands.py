"""The control commands about the end and the use of a stack."""

from portweave.encoding.json_text import is_list, is_object
from portweave.supervisor.control.server import INVALID_PARAMS, RefusedError, Stream
from portweave.supervisor.control.stack_host import Host
from portweave.supervisor.services.lifetime import Terms, terms_from_json

# The longest description of a use, in characters.
LONGEST_USE = 120


class LifetimeCommands:
    """Changes what ends a stack, and notes how it is used.

    Args:
        host: The stack.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    async def lifetime(self, _params: list[object], _stream: Stream) -> list[object]:
        """Owner, end and last use of the stack."""
        return [self._host.lifetime.as_json()]

    async def join(self, params: list[object], _stream: Stream) -> list[object]:
        """Take a further `up` with the terms of its options into account; answer what to tell.

        The second parameter lists the pids of the processes around the command.
        """
        pids = params[1] if len(params) > 1 else None
        around = {pid for pid in pids if isinstance(pid, int)} if is_list(pids) else set[int]()
        return [self._host.lifetime.join(_terms(params), around)]

    async def keep(self, params: list[object], _stream: Stream) -> list[object]:
        """Change the terms. The second parameter tells whether nothing shall end the stack.

        The answer is `text`, a predicate about the end, and `lifetime`.
        """
        terms = _terms(params)
        is_forever = len(params) > 1 and params[1] is True
        text = self._host.lifetime.keep(terms, forever=is_forever)
        return [{"text": text, "lifetime": self._host.lifetime.as_json()}]

    async def used(self, params: list[object], _stream: Stream) -> list[object]:
        """Note a use of the stack. Parameter: what for, in words."""
        if not params or not isinstance(use := params[0], str):
            raise RefusedError(INVALID_PARAMS, "used takes a text")
        self._host.lifetime.note_use(use[:LONGEST_USE])
        return []


def _terms(params: list[object]) -> Terms:
    if not params or not is_object(fields := params[0]):
        raise RefusedError(INVALID_PARAMS, "the first parameter holds terms")
    return terms_from_json(fields)
