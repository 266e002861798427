"""Wait until a running stack has settled after an edit, and tell what is new.

It asks the supervisor for states and processor time, reads the logs, and looks at the files. What
that means is decided by pure modules: `reactions` says when it is over, `verdicts` what is new.
"""

import time
from itertools import pairwise

from portweave.allocator.changed_files import changed_files, topmost
from portweave.client.client import Client
from portweave.client.verb_queries import instance_of, rows_of
from portweave.encoding.json_text import is_list, is_object
from portweave.encoding.timestamps import parse
from portweave.encoding.value import replace
from portweave.settling import reactions as machine
from portweave.settling.learned_files import LearnedFiles
from portweave.settling.learned_reactions import Learned, Told, with_reaction, with_told
from portweave.settling.line_templates import template_of
from portweave.settling.log_tails import LogTails
from portweave.settling.service_processes import can_run, is_reloading
from portweave.settling.settle_answer import Answer
from portweave.settling.settle_cursor import pack_cursor
from portweave.settling.verdicts import (
    Change,
    FoundError,
    Line,
    Outcome,
    bad_changes,
    end_identity,
    error_lines,
    errors_in,
    reaction_of,
    told_after,
    verdict_of,
    without_told,
)
from portweave.system.still_waiting import still

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portweave.supervisor.registry.stack_records import StackRecord

# A change counts for so long.
RECENT_S = 60.0
_TICK_S = 0.03
_STATES_EVERY_S = 0.08
_FILES_EVERY_S = 0.5
_USUAL_EVERY_S = 1.0
_PAST_EVENTS = 400
# Of services that are waited for, in the line that says so.
_MOST_SHOWN = 3
# A look at the files may take so much of the time.
_FILES_SHARE = 0.1


class _Service:
    """One service while it is waited for."""

    def __init__(self, row: "Mapping[str, object]", described: "Mapping[str, object]") -> None:
        self.row = row
        self.name = instance_of(row)
        self.service = str(row.get("name"))
        self.folder = str(described.get("workingDir") or "")
        self.command = str(described.get("command") or "")
        watch = described.get("watch")
        self.watches = bool(is_list(watch) and watch)
        self.learned = Learned()
        self.told = Told()
        self.lines: list[Line] = []
        self.changes: list[Change] = []
        self.reaction = machine.Reaction(machine.Knowledge(), str(row.get("state")))

    def take(self, event: machine.Event) -> None:
        """Give an event to its machine."""
        self.reaction = machine.after(self.reaction, event)


class StackSettling:
    """Waits for a stack to settle.

    Args:
        record: The stack.
        names: Services or instances; empty for all.
        environ: The variables of the user.
        since: Positions in logs and the time of a cursor; None for none.
    """

    def __init__(
        self,
        record: "StackRecord",
        names: "Sequence[str]",
        environ: "Mapping[str, str]",
        since: "tuple[dict[str, tuple[int, int]], int | None] | None" = None,
    ) -> None:
        self._record = record
        self._began_s = time.time()
        self._client = Client(record)
        self._events = Client(record)
        self._files = LearnedFiles(environ, record.project)
        self._places, since_ns = since or ({}, None)
        self._since_s = None if since_ns is None else since_ns / 1e9
        # (time of the change, path), the newest first.
        self._changed: list[tuple[float, str]] = []
        self._next_states_s = self._next_files_s = 0.0
        self._next_usual_s = self._began_s + _USUAL_EVERY_S
        self._from_s = self._began_s
        described = rows_of(self._client.call("/supervisor/describe", list(names)))
        by_name = {str(one.get("name")): one for one in described}
        rows = [row for row in self._rows() if instance_of(row) in by_name]
        self._services = {
            name: _Service(row, by_name[name]) for row in rows if (name := instance_of(row))
        }
        self._logs = LogTails(record, tuple(self._services))
        self._events.send("/supervisor/events", list(self._services), _PAST_EVENTS)

    def close(self) -> None:
        """Close the connections to the supervisor."""
        self._client.close()
        self._events.close()

    def run(self, timeout_s: float) -> Answer:
        """Wait, and return the answer.

        Args:
            timeout_s: The longest wait.
        """
        until_s = self._began_s + timeout_s
        self._look_at_files(self._began_s)
        begin_s = self._changed[0][0] if self._changed else self._began_s
        # From then on something is new.
        begin_s = self._from_s = self._since_s or begin_s
        self._know(begin_s)
        while True:
            now_s = time.time()
            if now_s >= self._next_files_s:
                self._look_at_files(now_s)
            is_fresh = now_s >= self._next_states_s
            if is_fresh:
                self._look_at_states()
            self._take_events()
            self._take_lines()
            if now_s >= self._next_usual_s:
                self._find_usual(now_s)
            waits = machine.pending_of(
                {name: one.reaction for name, one in self._services.items()}, time.time()
            )
            waits = waits or self._at_work()
            if not waits and self._have_old_rows() and now_s < until_s:
                self._next_states_s = 0.0
                continue
            if not waits or now_s >= until_s:
                break
            still(", ".join(f"{name} ({why})" for name, why in list(waits.items())[:_MOST_SHOWN]))
            self._events.has_news(_TICK_S)
        return self._answer(begin_s, waits)

    def _rows(self) -> "list[dict[str, object]]":
        answer = self._client.call("/supervisor/ps")
        rows = answer.get("services") if is_object(answer) else None
        return [row for row in rows_of(rows) if row.get("hook") is not True]

    def _know(self, begin_s: float) -> None:
        """Tell each machine what is known of its service."""
        changed_s = self._changed[0][0] if self._changed else begin_s
        from_s = min(begin_s, changed_s) - machine.FREQUENT_WITHIN_S
        earlier = self._logs.earlier(from_s)
        edits = [(at_s, at_s + machine.STUCK_S) for at_s, _ in self._changed[1:]]
        for name, one in self._services.items():
            learned = one.learned = self._files.read(one.service, one.command)
            one.told = learned.told.get(self._record.namespace, Told())
            before = [line for line in earlier.get(name, ()) if line.at_s < changed_s]
            one.lines = [line for line in earlier.get(name, ()) if line.at_s >= begin_s]
            templates = [(line.at_s, template_of(line.text)) for line in before]
            spans = (*learned.intervals, *edits)
            knowledge = machine.Knowledge(
                one.watches
                or bool(learned.reactions_s)
                or is_reloading(one.row.get("pid"), one.command),
                machine.patience_s(learned.reactions_s, learned.slowest_s),
                learned.end_lines,
                learned.last_lines,
                machine.usual_lines(templates, changed_s),
                machine.frequent_lines(templates, changed_s, spans),
                machine.silence_s(learned.gap_s),
            )
            one.reaction = machine.Reaction(knowledge, one.reaction.state)
            if self._changed and self._concerns(one):
                one.take(machine.FileChanged(changed_s))
            for at_s, template in templates[-50:]:
                one.take(machine.LinePrinted(at_s, template))
            self._feed(one, [line for line in earlier.get(name, ()) if line.at_s >= changed_s])

    def _have_old_rows(self) -> bool:
        """Whether an event has told of a state that the last look at states did not see."""
        return any(one.row.get("state") != one.reaction.state for one in self._services.values())

    def _at_work(self) -> dict[str, str]:
        """Services of which a process could run now, by name."""
        return {
            name: "is at work"
            for name, one in self._services.items()
            if one.reaction.knowledge.reloads
            and one.reaction.changed_s is not None
            and not machine.is_ended(one.reaction)
            and can_run(one.row.get("pid"))
        }

    def _concerns(self, one: _Service) -> bool:
        """Whether the newest changed file is in a folder of a service."""
        path = self._changed[0][1]
        return path.startswith(f"{one.folder.rstrip('/')}/") or one.watches

    def _look_at_files(self, now_s: float) -> None:
        """Look for files that were changed since the last look."""
        if self._since_s is None:
            since_s = self._began_s - RECENT_S
        else:
            since_s = max(self._since_s, self._began_s - 24 * 3600)
        began_s = time.monotonic()
        found: dict[str, float] = {}
        for folder in topmost({one.folder for one in self._services.values() if one.folder}):
            for at_s, name in changed_files(folder, since_s):
                found[f"{folder}/{name}"] = at_s
        took_s = time.monotonic() - began_s
        self._next_files_s = now_s + max(_FILES_EVERY_S, took_s / _FILES_SHARE)
        changed = sorted(((at_s, path) for path, at_s in found.items()), reverse=True)
        # A time in the future, as of an unpacked archive, tells nothing.
        changed = [one for one in changed if one[0] <= time.time() + 1]
        if changed and changed != self._changed:
            self._changed = changed
            for one in self._services.values():
                if self._concerns(one):
                    one.take(machine.FileChanged(changed[0][0]))

    def _look_at_states(self) -> None:
        for row in self._rows():
            one = self._services.get(instance_of(row))
            if one is None:
                continue
            one.row = row
            used = row.get("cpuSeconds")
            now_s = time.time()
            cpu_s = float(used) if isinstance(used, (int, float)) else None
            # With `watch`, a restart for one file again and again waits for a while.
            state = machine.RESTARTING if row.get("restartsAt") else str(row.get("state"))
            one.take(machine.StateChanged(now_s, state))
            one.take(machine.CpuSampled(now_s, cpu_s))
        self._next_states_s = time.time() + _STATES_EVERY_S

    def _take_events(self) -> None:
        found: list[object] = []
        self._events.poll(found.append)
        for event in found:
            if not is_object(event) or "state" not in event:
                continue
            one = self._services.get(instance_of(event))
            at_s = parse(str(event.get("time")), 0.0)
            if one is None or at_s is None or at_s < self._from_s:
                continue
            code = event.get("exitCode")
            one.changes.append(
                Change(
                    at_s,
                    str(event.get("previous")),
                    str(event.get("state")),
                    str(event.get("reason") or ""),
                    code if isinstance(code, int) else None,
                )
            )
            changed_s = one.reaction.changed_s
            if changed_s is not None and at_s >= changed_s:
                one.take(machine.StateChanged(at_s, str(event.get("state"))))

    def _take_lines(self) -> None:
        for name, lines in self._logs.new().items():
            one = self._services[name]
            one.lines += lines
            self._feed(one, lines)

    def _feed(self, one: _Service, lines: "list[Line]") -> None:
        wrong = error_lines([line.text for line in lines])
        for number, line in enumerate(lines):
            one.take(machine.LinePrinted(line.at_s, template_of(line.text), number in wrong))

    def _find_usual(self, now_s: float) -> None:
        """Find lines that services print all the time, even if they began after the change."""
        self._next_usual_s = now_s + _USUAL_EVERY_S
        for one in self._services.values():
            lines = [(line.at_s, template_of(line.text)) for line in one.lines]
            knowledge = one.reaction.knowledge
            usual = machine.usual_lines(lines, now_s)
            if usual <= knowledge.usual:
                continue
            before = one.reaction
            first = one.changes[0].previous if one.changes else before.state
            usual |= knowledge.usual
            one.reaction = machine.Reaction(replace(knowledge, usual=usual), first)
            if before.changed_s is not None:
                one.take(machine.FileChanged(before.changed_s))
            for change in one.changes:
                one.take(machine.StateChanged(change.at_s, change.state))
            one.reaction = replace(one.reaction, state=before.state, samples=before.samples)
            self._feed(one, one.lines)

    def _answer(self, begin_s: float, waits: "Mapping[str, str]") -> Answer:
        outcomes = tuple(
            self._outcome(one, begin_s, waits.get(name, "")) for name, one in self._services.items()
        )
        verdict = verdict_of(outcomes)
        now_s = time.time()
        for one, outcome in zip(self._services.values(), outcomes, strict=True):
            self._learn(one, outcome, verdict, now_s)
        changed = self._changed[0] if self._changed else None
        root = f"{self._record.folder.rstrip('/')}/"
        return Answer(
            verdict,
            outcomes,
            pack_cursor(self._logs.places(self._places), self._logs.read_ns),
            now_s - self._began_s,
            "" if changed is None else changed[1].removeprefix(root),
            None if changed is None else changed[0],
            sum(at_s >= (changed or (0.0,))[0] - 1 for at_s, _ in self._changed[1:]),
        )

    def _outcome(self, one: _Service, begin_s: float, waits: str) -> Outcome:
        reaction = one.reaction
        changed_s = reaction.changed_s
        reacted = None not in (reaction.began_s, changed_s)
        lines = [line for line in one.lines if line.at_s >= begin_s]
        if reacted and changed_s is not None:
            # What an earlier edit has broken, and a later one has mended, is no news.
            lines = [line for line in lines if line.at_s >= changed_s]
        errors = errors_in(lines, one.folder)
        new, known = without_told(errors, one.told)
        ends = tuple(
            change
            for change in bad_changes(one.changes, str(one.row.get("state")))
            if end_identity(change) not in one.told.errors and change.at_s >= (changed_s or begin_s)
        )
        code = one.row.get("exitCode")
        # The state of a service is told once, by the last change to it.
        ends = tuple({end_identity(change): change for change in ends}.values())
        base_s = begin_s if changed_s is None else changed_s
        return Outcome(
            one.name,
            str(one.row.get("state")),
            str(one.row.get("reason") or ""),
            code if isinstance(code, int) else None,
            reaction_of(one.changes, base_s, has_lines=True) if reacted else "none",
            max(0.0, (reaction.began_s or 0.0) - base_s) if reacted else None,
            max(0.0, reaction.last_s - base_s) if reacted else None,
            new,
            known,
            ends,
            self._broken(one, errors, reacted=reacted),
            waits,
        )

    def _broken(self, one: _Service, errors: "Sequence[FoundError]", *, reacted: bool) -> str:
        """The error that the last build ended in; empty for none."""
        if errors:
            error = errors[-1]
            return f"{error.message} ({error.place})" if error.place else error.message
        if reacted:
            return ""
        recent = self._logs.recent(one.name)
        if one.told.at_s:
            since = [line for line in recent if line.at_s > one.told.at_s]
            if not since:
                return one.told.broken
            recent = since
        from portweave.supervisor.diagnosis.printed_error import find_error

        found = find_error([line.text for line in recent], one.folder)
        if found is None or not found.is_last:
            return ""
        return f"{found.message} ({found.place})" if found.place else found.message

    def _learn(self, one: _Service, outcome: Outcome, verdict: str, now_s: float) -> None:
        learned, reaction = one.learned, one.reaction
        began_s, changed_s = reaction.began_s, reaction.changed_s
        if not outcome.waits and began_s is not None and changed_s is not None:
            left_out = reaction.knowledge.usual | reaction.knowledge.frequent | {""}
            printed = [
                (line.at_s, template)
                for line in one.lines
                if line.at_s >= changed_s and (template := template_of(line.text)) not in left_out
            ]
            times = [at_s for at_s, _ in printed]
            gap_s = max((b - a for a, b in pairwise(times)), default=0.0)
            if began_s - changed_s <= machine.LONGEST_PATIENCE_S:
                lines = [template for _, template in printed]
                learned = with_reaction(learned, lines, changed_s, began_s, reaction.last_s, gap_s)
        told = told_after(verdict, outcome, one.told, now_s)
        learned = with_told(learned, self._record.namespace, told)
        self._files.write(one.service, one.command, learned)
