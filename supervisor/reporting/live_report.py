"""Shows on the terminal of `up` what is waited for: until all have started, and while all stop."""

from collections.abc import Callable

from portweave.encoding.marks import Marks
from portweave.encoding.text_style import Span
from portweave.supervisor.logs.live_output import LiveOutput
from portweave.supervisor.reporting.state_messages import is_start_over
from portweave.supervisor.reporting.waited_services import WaitedServices
from portweave.supervisor.reporting.waiting_line import (
    RUNNING,
    STOPPING,
    Waiting,
    live_line,
    plain_line,
)
from portweave.supervisor.reporting.waits import READY
from portweave.supervisor.services.engine import Engine
from portweave.supervisor.services.lifecycle import ALIVE

_KILL_HINT = "Ctrl-C again to kill"


class LiveReport:
    """Keeps the live line of a stack in the foreground up to date.

    Args:
        live: The live line; None for none.
        engine: The stack's instances.
        began_s: When the command began.
        marks: The signs of the terminal's locale.
    """

    def __init__(
        self, live: LiveOutput | None, engine: Engine, began_s: float, marks: Marks
    ) -> None:
        self._live = live
        self._engine = engine
        self._began_s = began_s
        self._has_started = False
        self._killing = False
        self._stop_began_s: float | None = None
        services = WaitedServices(engine)

        def now() -> Waiting:
            return services.now(engine.fleet.included, READY, killing=self._killing)

        self._starting = _Content(now, marks)
        self._stopping = _Content(now, marks)

    def update(self, now_s: float, *, killing: bool = False) -> None:
        """Follow a change of the stack.

        Args:
            now_s: The time.
            killing: Whether the instances are being killed.
        """
        if self._live is None:
            return
        fleet = self._engine.fleet
        self._killing = killing
        if fleet.closing:
            if self._stop_began_s is None:
                self._stop_began_s = now_s
            if any(life.phase in ALIVE for life in fleet.lives.values()):
                self._live.begin(self._stopping, self._stop_began_s, 0.0)
                return
        elif not self._has_started and not is_start_over(fleet):
            self._live.begin(self._starting, self._began_s)
            return
        self._has_started = True
        self._live.end()


class _Content:
    def __init__(self, now: Callable[[], Waiting], marks: Marks) -> None:
        self._now = now
        self._marks = marks

    def live(self, elapsed_s: int, turn: int, columns: int) -> list[str | Span]:
        waiting = self._now()
        if not waiting.waits:
            return []
        note = _KILL_HINT if waiting.verb in (STOPPING, RUNNING) else ""
        return live_line(waiting, elapsed_s, turn, columns, marks=self._marks, note=note)

    def plain(self, elapsed_s: int) -> str:
        waiting = self._now()
        return plain_line(waiting, elapsed_s, marks=self._marks) if waiting.waits else ""
