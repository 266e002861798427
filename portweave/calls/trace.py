"""W3C Trace Context: whose work a call is part of.

What is handed on: a handler's own calls share the trace and the remaining time of the request that
it handles.
"""

import random
import re
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


# Section 3.2: version, trace, span and flags; all zeros are no trace and no span.
_TRACEPARENT = re.compile(
    "(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)

current: ContextVar[Scope | None] = ContextVar("portweave_call", default=None)


def read(text: object) -> str:
    """A `traceparent` that a caller gives; empty where it is none, which begins a new trace.

    Args:
        text: Of a later version, what stands behind the flags is left away.

    Raises:
        TypeError: It is no text.
    """
    if not isinstance(text, str):
        raise TypeError(f"trace is a traceparent, which is text, not {text!r}")
    found = _TRACEPARENT.fullmatch(text)
    if found is None or (text[:2] == "00" and len(text) > 55):
        return ""
    return text[:55]


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
