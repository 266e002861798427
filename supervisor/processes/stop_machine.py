"""Pure. The stop of services: which processes to signal, when to kill, and when nothing is left.

At each look, a shell passes the processes that it found, what the look proves, and the time. The
machine answers with the signals to send and the pause until the next look. Its last answer is
either that all processes are gone, or that SIGKILL did not end some of them.

`ShutdownOrder` decides when a service is asked to end and when its grace is over. `StopOrder`
decides which of its processes get the stop signal first. `is_gone` is the proof of the end.
"""

from portweave.supervisor.processes.end_proof import (
    Look,
    is_gone,
)
from portweave.supervisor.processes.shutdown_order import (
    KILL_PATIENCE_S,
    ShutdownOrder,
)
from portweave.supervisor.processes.stop_order import (
    Member,
    StopOrder,
    StopSteps,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from portweave.supervisor.processes.shutdown_order import StopRule

FIRST_PAUSE_S = 0.003
LONGEST_PAUSE_S = 0.1
# While a shell waits for its program, or killed processes go.
SHORT_PAUSE_S = 0.02
# How long children that belong to no known service can delay the end. The end of the stack ends
# them.
UNKNOWN_S = 0.1


class StopStep:
    """The answer to one look.

    Attributes:
        signals: Which processes to hold and which to ask, by service.
        kill: Names of the services whose processes get SIGKILL.
        pause_s: Seconds until the next look.
        gone: Whether no process is left. The stop is over.
        lost: Whether all processes that are left have survived SIGKILL. The stop is over.
    """

    __slots__ = ("gone", "kill", "lost", "pause_s", "signals")

    def __init__(
        self,
        signals: "Mapping[str, StopSteps]",
        kill: "Sequence[str]" = (),
        pause_s: float = 0.0,
        *,
        gone: bool = False,
        lost: bool = False,
    ) -> None:
        self.signals = signals
        self.kill = tuple(kill)
        self.pause_s = pause_s
        self.gone = gone
        self.lost = lost


class StopMachine:
    """The stop of one service or several, from the first look to the last.

    Args:
        rules: How each service stops, by name.
        leaders: The pid of each service's leader, by name, if there is one.

    Attributes:
        met: Pid and start time of each process that was found.
    """

    def __init__(self, rules: "Mapping[str, StopRule]", leaders: "Mapping[str, int]") -> None:
        self.met: set[tuple[int, float]] = set()
        self._leaders = leaders
        self._order = ShutdownOrder(rules)
        self._stops: dict[str, StopOrder] = {}
        self._before: Look | None = None
        self._began_s: float | None = None
        # When looks began to find neither living nor ended processes.
        self._empty_s: float | None = None
        self._pause_s = FIRST_PAUSE_S

    def set_grace(self, name: str, grace_s: float) -> None:
        """Change the time from a service's stop signal to SIGKILL."""
        self._order.set_grace(name, grace_s)

    def is_due(self, name: str, now_s: float) -> bool:
        """Whether the grace of a service is over."""
        return self._order.is_due(name, now_s)

    def to_ask(self, present: "Collection[str]", now_s: float) -> tuple[str, ...]:
        """Names of services whose processes may get a stop signal in a step at this time.

        A step uses what a `Member` does about the signal for these services only.

        Args:
            present: Names of services with living processes.
            now_s: The time.
        """
        self._order.ask(present, now_s)
        is_due = self._order.is_due
        return tuple(n for n in present if self._order.is_asked(n) and not is_due(n, now_s))

    def step(
        self,
        found: "Mapping[str, Sequence[Member]]",
        look: Look,
        now_s: float,
        *,
        spared: "Collection[int]" = (),
        hurry: bool = False,
        is_told: bool = False,
    ) -> StopStep:
        """Decide what follows from a look.

        Args:
            found: Living processes by service. A service counts as living even without one.
            look: The result of the look.
            now_s: The time.
            spared: Pids that get no stop signal, but SIGKILL like the others.
            hurry: Whether to kill all processes at once.
            is_told: Whether the shell learns of the next change without a look.

        Returns:
            The signals to send and the pause until the next look, or how the stop ended.
        """
        before, self._before = self._before, look
        self._began_s = now_s if self._began_s is None else self._began_s
        to_ask = self.to_ask(found, now_s)
        if not found:
            return StopStep({}, gone=is_gone(before, look) or self._is_empty(look, now_s))
        self._empty_s = None
        if all(self._order.is_lost(name, now_s) for name in found):
            return StopStep({}, lost=True)
        keys = {(member.pid, member.start) for members in found.values() for member in members}
        if not keys <= self.met:
            self.met |= keys
            self._pause_s = FIRST_PAUSE_S
        kill = [name for name in found if hurry or self._order.is_due(name, now_s)]
        signals: dict[str, StopSteps] = {}
        is_brief = bool(kill)
        for name in () if hurry else to_ask:
            stop = self._stops.setdefault(name, StopOrder(self._leaders.get(name, 0)))
            signals[name] = stop.step([one for one in found[name] if one.pid not in spared])
            is_brief |= stop.holds
        pause_s = self._pause_s
        self._pause_s = min(pause_s * 1.5, SHORT_PAUSE_S if is_brief else LONGEST_PAUSE_S)
        if is_told and not is_brief:
            pause_s = min(self._order.due_s(name) for name in found) - now_s
        return StopStep(signals, kill, pause_s)

    def _is_empty(self, look: Look, now_s: float) -> bool:
        """Whether to end the stop after a look that found nothing and proves nothing."""
        assert self._began_s is not None
        if look.passed:
            self._empty_s = None
        elif self._empty_s is None:
            self._empty_s = now_s
        return (
            self._empty_s is not None and now_s >= self._empty_s + UNKNOWN_S
        ) or now_s >= self._began_s + self._order.longest_s + KILL_PATIENCE_S
