"""Pure. The line that sums up the end of a stack."""

from collections.abc import Collection, Sequence

from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.lifecycle import ALIVE, Phase

_MOST_NAMES = 6


class StackEnd:
    """Notes what a stack was like when its end began, to sum it up later.

    Args:
        fleet: As it was when its end began.
        began_s: When that was.

    Attributes:
        began_s: When the end began.
        has_stopped: Whether any service ran then.
    """

    def __init__(self, fleet: Fleet, began_s: float) -> None:
        self.began_s = began_s
        self._stopped = [
            name
            for name, life in fleet.lives.items()
            if life.phase in ALIVE and not fleet.plans[name].hook
        ]
        self.has_stopped = bool(self._stopped)
        # They would have been started again.
        self._crashing = {name for name, life in fleet.lives.items() if life.phase is Phase.BACKOFF}

    def summary(self, fleet: Fleet, killed: Collection[str], now_s: float) -> str:
        """The line, without a prefix.

        Args:
            fleet: As it is in the end.
            killed: Names of the instances whose processes were killed.
            now_s: The time.
        """
        failed = [
            name
            for name, life in fleet.lives.items()
            if life.phase is Phase.FAILED or name in self._crashing
        ]
        count = len(self._stopped)
        if count:
            services = "service" if count == 1 else "services"
            parts = [f"stopped {count} {services} in {now_s - self.began_s:.1f} s"]
        else:
            parts = ["stopped; no service was running"]
        if names := [name for name in self._stopped if name in killed]:
            parts.append(f"killed {_listed(names)}")
        if failed:
            parts.append(f"failed: {_listed(failed)}")
        return "; ".join(parts)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
