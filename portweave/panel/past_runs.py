"""Pure. Reconstruct past runs and the end of the last stack from the lines of the event log.

`portweave.supervisor.reporting.event_log` writes these lines, one JSON object each.
"""

import json
from collections import deque
from collections.abc import Iterable

from portweave.encoding.json_text import is_object
from portweave.encoding.value import value

# How many runs of an instance are kept.
MOST_RUNS = 50
_ENDS = frozenset({"backoff", "failed", "exited", "completed", "stopped"})
_BAD = frozenset({"failed", "blocked"})
LOST = "lost"


@value
class PastRun:
    """A run of an instance.

    Attributes:
        started_at: RFC 3339.
        ready_at: When it first was ready; None where it never was.
        ended_at: None while it runs, or where its end was not seen.
        end: The state after its end; `lost` where portweave was killed; empty while it runs.
        exit_status: None where it is unknown.
        reason: Why it ended, in words; None for no reason.
        restarts: Restarts before it.
    """

    started_at: str
    ready_at: str | None = None
    ended_at: str | None = None
    end: str = ""
    exit_status: int | None = None
    reason: str | None = None
    restarts: int = 0

    def as_json(self) -> dict[str, object]:
        """Return it as an object."""
        return {
            "startedAt": self.started_at,
            "readyAt": self.ready_at,
            "endedAt": self.ended_at,
            "end": self.end or None,
            "exitCode": self.exit_status,
            "reason": self.reason,
            "restarts": self.restarts,
        }


@value
class StackEnd:
    """The end of the last stack.

    Attributes:
        at: RFC 3339: its end, or its last event where portweave was killed.
        is_bad: Whether a service had failed, or portweave was killed.
        text: What happened; empty for a normal end.
    """

    at: str
    is_bad: bool
    text: str

    def as_json(self) -> dict[str, object]:
        """Return it as an object."""
        return {"at": self.at, "isBad": self.is_bad, "text": self.text or None}


class EventHistory:
    """The history that lines of an event log tell.

    Args:
        lines: The lines, oldest first. Lines that are not valid events are ignored.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._runs: dict[str, deque[PastRun]] = {}
        self._open: dict[str, PastRun] = {}
        self._states: dict[str, tuple[str, str | None]] = {}
        self._last_at = ""
        self._has_ended = False
        for line in lines:
            event = _parsed(line)
            if event is not None:
                self._feed(event)

    def runs(self, instance: str) -> list[PastRun]:
        """Return the runs of an instance such as `web.2`, newest first."""
        found = list(self._runs.get(instance, ()))
        if instance in self._open:
            found.append(self._open[instance])
        return found[::-1]

    def end(self) -> StackEnd | None:
        """Return the end of the last stack, if none runs now; None where there was none."""
        if not self._last_at:
            return None
        bad = [(name, why) for name, (state, why) in self._states.items() if state in _BAD]
        failed = [pair for pair in bad if self._states[pair[0]][0] == "failed"] or bad
        if failed:
            first, why = failed[0]
            more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
            state = self._states[first][0]
            text = f"{first} {'failed' if state == 'failed' else 'was blocked'}"
            return StackEnd(self._last_at, True, text + (f": {why}" if why else "") + more)
        if not self._has_ended:
            return StackEnd(self._last_at, True, "portweave was killed")
        return StackEnd(self._last_at, False, "")

    def _feed(self, event: dict[str, object]) -> None:
        kind, at = event.get("event"), str(event.get("time") or "")
        if kind == "stack started":
            for name in list(self._open):
                self._close(name, None, LOST, None, None)
            self._states.clear()
            self._has_ended, self._last_at = False, at
            return
        if kind == "stack ended":
            self._has_ended, self._last_at = True, at
            return
        state, service = event.get("state"), event.get("name")
        if not isinstance(state, str) or not isinstance(service, str):
            return
        self._last_at, self._has_ended = at, False
        number = event.get("instance")
        instance = f"{service}.{number}" if isinstance(number, int) and number > 1 else service
        reason = event.get("reason")
        why = str(reason) if reason else None
        self._states[instance] = (state, why)
        if state == "starting":
            self._close(instance, None, LOST, None, None)
            restarts = event.get("restarts")
            self._open[instance] = PastRun(
                at, restarts=restarts if isinstance(restarts, int) else 0
            )
        elif state == "ready" and instance in self._open:
            run = self._open[instance]
            if run.ready_at is None:
                self._open[instance] = PastRun(run.started_at, at, restarts=run.restarts)
        elif state in _ENDS:
            status = event.get("exitCode")
            self._close(instance, at, state, status if isinstance(status, int) else None, why)

    def _close(
        self, instance: str, at: str | None, end: str, status: int | None, reason: str | None
    ) -> None:
        run = self._open.pop(instance, None)
        if run is None:
            return
        ended = PastRun(run.started_at, run.ready_at, at, end, status, reason, run.restarts)
        self._runs.setdefault(instance, deque(maxlen=MOST_RUNS)).append(ended)


def _parsed(line: bytes) -> dict[str, object] | None:
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if is_object(found) else None
