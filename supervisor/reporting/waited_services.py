"""What a stack is waited for, as its engine knows it now."""

import time
from collections.abc import Collection

from portweave.supervisor.reporting.waiting_line import Waiting
from portweave.supervisor.reporting.waits import waits_of
from portweave.supervisor.services.engine import Engine

# The last lines among which one is searched that is not blank.
_LINES = 3


class WaitedServices:
    """Tells which instances of a stack are waited for, and why.

    Args:
        engine: The stack's instances.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def now(self, names: Collection[str], goal: str, *, killing: bool = False) -> Waiting:
        """What is waited for; arguments as of `waits_of`."""
        return waits_of(
            self._engine.fleet,
            names,
            goal,
            self._probed,
            self._printed,
            time.monotonic(),
            killing=killing,
        )

    def _probed(self, name: str) -> str:
        service = self._engine.services.get(name)
        readiness = None if service is None else service.readiness
        return "" if readiness is None else readiness.pending_brief

    def _printed(self, name: str) -> str:
        service = self._engine.services.get(name)
        lines = [] if service is None else service.last_lines.lines(_LINES)
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
