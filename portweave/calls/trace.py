"""W3C Trace Context: whose work a call is part of.

What is handed on: a handler's own calls share the trace and the remaining time of the request that
it handles.
"""

import random
from contextvars import ContextVar

# Of a process's own: what is forked from one place must not give the same numbers twice.
_chance = random.SystemRandom()


class Scope:
    """The request that is being handled.

    Attributes:
        due_s: When its time is up, on the loop's clock; None for any time.
        traceparent: As it came; empty where there was none.
    """

    __slots__ = ("due_s", "traceparent")

    def __init__(self, due_s: float | None, traceparent: str) -> None:
        self.due_s = due_s
        self.traceparent = traceparent


current: ContextVar[Scope | None] = ContextVar("portweave_call", default=None)


class Spans:
    """Makes the numbers of spans: fast ones, from a seed of the process's own."""

    def __init__(self) -> None:
        self._bits = random.Random(_chance.getrandbits(128)).getrandbits  # noqa: S311 (no secret)

    def child_of(self, traceparent: str) -> str:
        """A `traceparent` of a new span: in the same trace, or in a new one."""
        span = self._bits(64) | 1
        if len(traceparent) == 55 and traceparent[2] == "-" == traceparent[35]:
            return f"{traceparent[:36]}{span:016x}{traceparent[52:]}"
        return f"00-{self._bits(128) | 1:032x}-{span:016x}-01"
