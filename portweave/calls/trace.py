"""W3C Trace Context: which trace a call belongs to.

A handler's own calls share the trace and the remaining time of the request that it handles.
"""

import random
import re
from contextvars import ContextVar
from typing import Protocol

# Seeds come from the system: forked processes must not make the same numbers.
_chance = random.SystemRandom()


class Scope(Protocol):
    """The request that is being handled.

    Attributes:
        due_s: When its time is up, on the loop's clock; None for no limit.
        traceparent: As received; empty if there was none.
    """

    due_s: float | None
    traceparent: str


# Section 3.2: version, trace, span and flags. All zeros are not a trace, and not a span.
_TRACEPARENT = re.compile(
    "(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)

current: ContextVar[Scope | None] = ContextVar("portweave_call", default=None)


def read(text: object) -> str:
    """A caller's `traceparent`; empty if it is invalid, so that a new trace begins.

    Args:
        text: The text. Of a later version, the part behind the flags is dropped.

    Raises:
        TypeError: It is not text.
    """
    if not isinstance(text, str):
        raise TypeError(f"trace must be a traceparent, which is text, not {text!r}")
    found = _TRACEPARENT.fullmatch(text)
    if found is None or (text[:2] == "00" and len(text) > 55):
        return ""
    return text[:55]


class Spans:
    """Makes ids of spans fast, from a random seed of this process."""

    def __init__(self) -> None:
        self._bits = random.Random(_chance.getrandbits(128)).getrandbits  # noqa: S311 (no secret)
        self._own = f"{_chance.getrandbits(64):016x}"

    def child_of(self, traceparent: str) -> str:
        """The `traceparent` of a new span, in the same trace, or in a new one."""
        if len(traceparent) == 55 and traceparent[2] == "-" == traceparent[35]:
            return f"{traceparent[:36]}{self._bits(64).to_bytes(8).hex()}{traceparent[52:]}"
        # The half of a trace's id that is random for each trace is the id of its first span.
        number = self._bits(64).to_bytes(8).hex()
        return f"00-{self._own}{number}-{number}-01"
