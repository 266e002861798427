"""W3C Trace Context: whose work a call is part of.

What is handed on: a handler's own calls share the trace and the remaining time of the request that
it handles.
"""

import random
from contextvars import ContextVar
from typing import Protocol

# Of a process's own: what is forked from one place must not give the same numbers twice.
_chance = random.SystemRandom()


class Scope(Protocol):
    """The request that is being handled.

    Attributes:
        due_s: When its time is up, on the loop's clock; None for any time.
        traceparent: As it came; empty where there was none.
    """

    due_s: float | None
    traceparent: str


current: ContextVar[Scope | None] = ContextVar("portweave_call", default=None)


class Spans:
    """Makes the numbers of spans: fast ones, from a seed of the process's own."""

    def __init__(self) -> None:
        self._bits = random.Random(_chance.getrandbits(128)).getrandbits  # noqa: S311 (no secret)
        self._own = f"{_chance.getrandbits(64):016x}"

    def child_of(self, traceparent: str) -> str:
        """A `traceparent` of a new span: in the same trace, or in a new one."""
        if len(traceparent) == 55 and traceparent[2] == "-" == traceparent[35]:
            return f"{traceparent[:36]}{self._bits(64).to_bytes(8).hex()}{traceparent[52:]}"
        # The first span of a trace has the half of its number that is random each time.
        number = self._bits(64).to_bytes(8).hex()
        return f"00-{self._own}{number}-{number}-01"
