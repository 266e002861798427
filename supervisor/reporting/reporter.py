"""Report the changes of a stack: on the terminal, in the event log, to clients, and for `why`."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping

from portweave.encoding.json_text import is_object
from portweave.encoding.text_style import PREFIX, Span, message
from portweave.encoding.value import replace
from portweave.supervisor.diagnosis.cause import (
    Cause,
    as_json,
)
from portweave.supervisor.logs.output_relay import View
from portweave.supervisor.reporting.event_log import EventLog
from portweave.supervisor.reporting.redact import hide, hide_literals, hide_printed
from portweave.supervisor.reporting.run_history import RunHistory
from portweave.supervisor.reporting.state_messages import (
    change_message,
    is_start_over,
    start_summary,
)
from portweave.supervisor.reporting.status_rows import (
    Clock,
    change,
    rfc3339,
)
from portweave.supervisor.services.engine import (
    Engine,
    reportable_changes,
)
from portweave.supervisor.services.fleet import Fleet, is_over
from portweave.supervisor.services.lifecycle import (
    Life,
    Phase,
)
from portweave.supervisor.services.moved_plan import moved_path
from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.services.work_order import WorkOrder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.supervisor.reporting.crash_dossiers import CrashDossiers

LAST_LINES = 10

# The event log takes a while to import, so it opens when most services have started.
EVENTS_PAUSE_S = 1.0
# Notes for a later `why` are written when the next run has started.
NOTES_PAUSE_S = 0.1

_MOST_WARNINGS = 20
_MOST_RECENT = 1000

# Receives an event as clients see it.
EventSink = Callable[[dict[str, object]], None]


class Reporter:
    """The reports of one stack.

    Args:
        work: What is run, and how.
        view: Prints messages.
        engine: The stack's instances.

    Attributes:
        runs: The history of runs.
        warnings: The newest warnings about logs, names and the watch.
        recent: The newest changes of state as clients see them, the oldest first.
        since_s: When each instance entered its state, on the monotonic clock.
    """

    def __init__(self, work: WorkOrder, view: View, engine: Engine) -> None:
        self.runs = RunHistory(work.plan.root, work.plan.namespace)
        self.runs.record_start(work.origin, services=(one.service for one in work.plan.instances))
        asyncio.get_running_loop().call_later(NOTES_PAUSE_S, self.runs.flush)
        # Made for the first failure: most stacks have none.
        self._dossiers: CrashDossiers | None = None
        self._logs = work.options.logs
        self._stack = {"project": work.plan.project, "namespace": work.plan.namespace}
        self._verbose = work.options.verbose
        self._began_s = work.began_s
        self._view = view
        self._engine = engine
        self._events = EventLog(work.options.logs) if work.options.logs is not None else None
        self._subscribers: set[EventSink] = set()
        self._has_summed_up = False
        self.warnings: deque[str] = deque(maxlen=_MOST_WARNINGS)
        self.recent: deque[dict[str, object]] = deque(maxlen=_MOST_RECENT)
        self.since_s: dict[str, float] = {}

    def follow_folder(self, old: str, new: str) -> None:
        """Write to the new path of the worktree, which was moved.

        Args:
            old: Its old root.
            new: Its new root.
        """
        self.runs.folder = moved_path(self.runs.folder, old, new)
        if self._logs is not None:
            self._logs = moved_path(self._logs, old, new)
        if self._dossiers is not None:
            self._dossiers.folder, self._dossiers.logs = self.runs.folder, self._logs
        if self._events is not None:
            self._events.folder = moved_path(self._events.folder, old, new)

    async def open_events(self) -> None:
        """Open the event log, and write the events that have gathered."""
        if self._events is not None:
            await asyncio.sleep(EVENTS_PAUSE_S)
            self._events.open()

    def close(self) -> None:
        """Write all that is buffered, and close the event log."""
        self.log_event("stack ended")
        self.runs.flush()
        if self._dossiers is not None:
            self._dossiers.flush()
        if self._events is not None:
            self._events.close()

    def subscribe(self, sink: EventSink) -> Callable[[], None]:
        """Pass events to `sink` until the returned function is called."""
        self._subscribers.add(sink)
        return lambda: self._subscribers.discard(sink)

    def log_event(self, event: str, **fields: object) -> None:
        """Write an event of the stack itself to the event log."""
        self._write({"time": rfc3339(time.time()), "event": event, **fields, **self._stack})

    def warn_of_logs(self, text: str) -> None:
        """Warn about the logs."""
        self._warn("logs disturbed", text)

    def warn_of_names(self, text: str) -> None:
        """Warn about the names."""
        self._warn("names disturbed", text)

    def warn_of_bus(self, text: str) -> None:
        """Tell whether the bus is connected."""
        self._view.say(text)
        self.log_event("bus changed", reason=text)

    def warn_of_watch(self, text: str) -> None:
        """Warn about the watch of files."""
        self._warn("watch disturbed", text)

    def warn_of_folder(self, text: str) -> None:
        """Warn about the folder of the stack."""
        self._warn("folder disturbed", text)

    def announce_end(self, text: str) -> None:
        """Tell of an end of the stack that no command has asked for. It may still be put off."""
        self._view.say(text)
        self.log_event("end announced", reason=text)

    def _warn(self, event: str, text: str) -> None:
        self._view.say(text)
        self.log_event(event, reason=text)
        if text not in self.warnings:
            self.warnings.append(text)

    def report_changes(self, before: Fleet, after: Fleet, clock: Clock) -> None:
        """Report all changes from one fleet to the next.

        Args:
            before: The fleet before.
            after: The fleet after.
            clock: When it changed.
        """
        changes = reportable_changes(before, after)
        blocks = self._blocked(changes, after)
        told_with_others = {name for names in blocks.values() for name in names}
        for plan, old, new in changes:
            if new.phase is not old.phase:
                self.since_s[plan.name] = clock.now_s
            said = change_message(plan, old, new, clock.now_s, verbose=self._verbose)
            text = hide(said, plan.environment)
            shown = replace(new, reason=hide(new.reason, plan.environment))
            event = change(plan, old, shown, clock, text)
            self._write(event)
            self.recent.append(event)
            for sink in self._subscribers:
                sink(event)
            self._record(plan, new, event)
            if self._view.marks is None:
                self._print_change(plan, new, text)
            elif plan.name not in told_with_others:
                self._show_change(plan, old, new, clock.now_s, blocks.get(plan.name, ()))
        if not self._has_summed_up and not after.closing and is_start_over(after):
            self._has_summed_up = True
            self._sum_up(after, clock.now_s - self._began_s)

    def print_states(self) -> None:
        """Print the state of each instance."""
        for name, life in self._engine.fleet.lives.items():
            pid = f" pid {life.pid}" if life.pid is not None else ""
            reason = f" ({life.reason})" if life.reason else ""
            rest = f"{pid}, {life.restarts} restarts{reason}"
            state = Span(str(life.phase), str(life.phase))
            self._view.say_styled((*message(f"{PREFIX} {name}: "), state, rest))

    def _write(self, event: Mapping[str, object]) -> None:
        if self._events is not None:
            self._events.add(event)

    def _record(self, plan: InstancePlan, life: Life, event: Mapping[str, object]) -> None:
        """Record a success or failure, for a later `why`."""
        if life.phase in (Phase.READY, Phase.COMPLETED):
            self.runs.record_success(plan, str(event["time"]))
        elif life.phase in (Phase.FAILED, Phase.BACKOFF):
            cause = self._engine.services[plan.name].last_end
            cause = cause or Cause("not started", life.reason)
            end = {"at": event["time"], "exitCode": life.exit_status, "reason": life.reason}
            told = {"cause": as_json(cause), "lastLines": list(cause.lines)}
            self._open_dossier(plan, {**end, "cause": told["cause"]})
            self.runs.record_failure(plan.name, {**end, **told})
        else:
            return
        asyncio.get_running_loop().call_later(NOTES_PAUSE_S, self.runs.flush)

    def _open_dossier(self, plan: InstancePlan, facts: Mapping[str, object]) -> None:
        """Have the dossier of a failed run written."""
        from portweave.supervisor.reporting.crash_dossiers import CrashDossiers
        from portweave.supervisor.reporting.dossiers import FailedRun

        if self._dossiers is None:
            self._dossiers = CrashDossiers(self.runs.folder, self._logs)
        good = self.runs.read(plan.name).get("good")
        at = good.get("at") if is_object(good) else None
        lines = self._engine.services[plan.name].last_lines.lines()
        self._dossiers.add(
            FailedRun(
                plan.name,
                time.time_ns(),
                {**facts, "reason": hide(str(facts["reason"]), plan.environment)},
                tuple(hide_printed(line, plan.environment) for line in lines),
                hide_literals(plan.command, plan.environment),
                plan.working_dir,
                tuple(plan.environment),
                at if isinstance(at, str) else None,
            )
        )

    def _sum_up(self, fleet: Fleet, took_s: float) -> None:
        """Report that the start is over."""
        marks = self._view.marks
        if marks is None:
            self._view.say(start_summary(fleet, took_s))
        elif not is_over(fleet):
            from portweave.supervisor.reporting.terminal_messages import start_lines

            self._view.say_styled(*start_lines(fleet, took_s, marks, self._view.head_of))

    def _blocked(
        self, changes: list[tuple[InstancePlan, Life, Life]], fleet: Fleet
    ) -> dict[str, tuple[str, ...]]:
        """The instances that others block in these changes: a part of the line about those."""
        if self._view.marks is None or not any(new.phase is Phase.BLOCKED for _, _, new in changes):
            return {}
        from portweave.supervisor.reporting.terminal_messages import blocked_by

        return blocked_by(fleet, (plan.name for plan, _, _ in changes))

    def _show_change(
        self, plan: InstancePlan, old: Life, new: Life, now_s: float, blocks: tuple[str, ...]
    ) -> None:
        """Show a change on a terminal, in the column of its instance.

        Args:
            plan: The instance's plan.
            old: Its state before.
            new: Its state now.
            now_s: The time.
            blocks: The instances that it blocks.
        """
        # Imported here: a pipe does without.
        from portweave.supervisor.reporting.terminal_messages import hint_of, state_line

        marks = self._view.marks
        assert marks is not None
        is_end = new.phase is Phase.STOPPED and self._engine.fleet.closing
        # Before it is shortened: a secret may have several words.
        shown = replace(new, reason=hide(new.reason, plan.environment))
        line = state_line(plan, old, shown, now_s, marks, blocks=blocks, verbose=self._verbose)
        if line is None or (is_end and not self._verbose):
            # At the end, the status line shows which services are left.
            return

        def hidden(part: str | Span) -> str | Span:
            return hide(part, plan.environment) if isinstance(part, str) else part

        is_failed = new.phase is Phase.FAILED
        self._view.say_of(plan.name, map(hidden, line.shown), is_error=is_failed)
        if is_failed:
            hint = hint_of(self._engine.services[plan.name].last_end, new)
            if hint:
                text = ("  ", Span("hint:", "hint"), hidden(f" {hint}"))
                self._view.say_of(plan.name, text, is_error=True)

    def _print_change(self, plan: InstancePlan, life: Life, text: str) -> None:
        if life.phase is Phase.FAILED:
            service = self._engine.services[plan.name]
            cause = service.last_end
            is_told = cause is not None and cause.text in life.reason
            lines = cause.lines if cause and is_told else service.last_lines.lines(LAST_LINES)
            text += "".join(f"\n  {plan.name} | {line}" for line in lines)
            if cause and is_told and cause.hint:
                text += f"\n  hint: {hide(cause.hint, plan.environment)}"
        if text:
            self._view.say(text, is_error=life.phase is Phase.FAILED)
