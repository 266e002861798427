"""Pure. The verdict of settle: what is new in each service, and whether all is well."""

from collections.abc import Sequence

from portweave.encoding.value import value
from portweave.settling.learned_reactions import Told
from portweave.settling.line_templates import template_of
from portweave.supervisor.diagnosis.printed_error import NumberedError, find_errors

OK = "ok"
NEW = "new"
STILL = "still"
NOT_SETTLED = "not-settled"

# States in which a service does what it should. `exited` is one with exit code 0.
_GOOD_STATES = ("ready", "completed", "stopped")
_ENDS = ("backoff", "failed", "exited")
_PASSING = ("unhealthy", "blocked")
_LONGEST_MESSAGE = 300
# A line that reports an error is shown with so many before and behind it.
_BEFORE = 1
_BEHIND = 2
_TOGETHER_S = 0.3
# Patterns of errors take long on long lines, such as those of a bundle.
_LONGEST_LINE = 400
# How many lines of one service are searched for errors.
MOST_LINES = 2000


@value
class Line:
    """A printed line.

    Attributes:
        at_s: When, in seconds since the epoch.
        text: Without escape sequences.
    """

    at_s: float
    text: str


@value
class Change:
    """A change of state.

    Attributes:
        at_s: When, in seconds since the epoch.
        previous: The state before.
        state: The state after.
        reason: Why; empty where that is not known.
        exit_code: Of a run that has ended; None otherwise.
    """

    at_s: float
    previous: str
    state: str
    reason: str = ""
    exit_code: int | None = None


@value
class FoundError:
    """An error that a service has printed.

    Attributes:
        message: Its message, on one line.
        place: `path:line` in the project; empty for none.
        lines: An excerpt.
        template: What identifies it, however often it is printed.
        at_s: When it was printed last.
        count: How often it was printed.
    """

    message: str
    place: str
    lines: tuple[str, ...]
    template: str
    at_s: float
    count: int = 1


@value
class Outcome:
    """What became of one service.

    Attributes:
        name: The instance.
        state: Its state, as in `ps`.
        reason: Why it is in that state; empty where that is not known.
        exit_code: Of its last run, if it has ended.
        reaction: `restart`, `output` or `none`.
        began_s: How long after the change the reaction began; None without one.
        ended_s: How long after the change it ended; None without one.
        new: Errors that were not told before.
        known: How many others it has printed.
        ends: Ends of runs, and states it should not be in, that were not told before.
        broken: The error that its last build ended in; empty for none.
        waits: Why it has not settled; empty if it has.
    """

    name: str
    state: str
    reason: str = ""
    exit_code: int | None = None
    reaction: str = "none"
    began_s: float | None = None
    ended_s: float | None = None
    new: tuple[FoundError, ...] = ()
    known: int = 0
    ends: tuple[Change, ...] = ()
    broken: str = ""
    waits: str = ""

    @property
    def is_good(self) -> bool:
        """Whether its state is one that it should be in."""
        return self.state in _GOOD_STATES or (self.state == "exited" and self.exit_code == 0)


def verdict_of(outcomes: Sequence[Outcome]) -> str:
    """The verdict over all services: `ok`, `new`, `still` or `not-settled`."""
    if any(one.waits for one in outcomes):
        return NOT_SETTLED
    if any(one.new or one.ends for one in outcomes):
        return NEW
    if any(one.broken or not one.is_good for one in outcomes):
        return STILL
    return OK


def errors_in(lines: Sequence[Line], folder: str) -> tuple[FoundError, ...]:
    """The errors in lines of one service, each kind once, in the order in which they came.

    Args:
        lines: In order.
        folder: Places are shown relative to this folder.
    """
    lines = lines[-MOST_LINES:]
    found: dict[str, FoundError] = {}
    for one in find_errors([line.text[:_LONGEST_LINE] for line in lines], folder):
        error = one.error
        template = _identity(error.message, error.place)
        before = found.get(template)
        found[template] = FoundError(
            error.message[:_LONGEST_MESSAGE] or lines[one.begin].text.strip(),
            error.place,
            _excerpt(lines, one) if before is None else before.lines,
            template,
            lines[one.end].at_s,
            1 if before is None else before.count + 1,
        )
    return tuple(found.values())


def _excerpt(lines: Sequence[Line], found: NumberedError) -> tuple[str, ...]:
    """The lines of an error; around a single one, those that were printed together with it."""
    if found.begin != found.end:
        return found.error.excerpt
    at_s = lines[found.begin].at_s
    near = lines[max(0, found.begin - _BEFORE) : found.end + _BEHIND + 1]
    return tuple(
        line.text.rstrip()
        for line in near
        if line.text.strip() and abs(line.at_s - at_s) < _TOGETHER_S
    )


def error_lines(lines: Sequence[str]) -> frozenset[int]:
    """The numbers of the lines that belong to errors."""
    cut = [line[:_LONGEST_LINE] for line in lines[-MOST_LINES:]]
    first = len(lines) - len(cut)
    return frozenset(first + n for one in find_errors(cut) for n in range(one.begin, one.end + 1))


def _identity(message: str, place: str) -> str:
    path = place.rpartition(":")[0] or place
    return f"{template_of(message)} @ {path.rpartition('/')[2]}"


def end_identity(change: Change) -> str:
    """What identifies the end of a run, however often it happens."""
    return f"{change.state}: {template_of(change.reason)}"


def bad_changes(changes: Sequence[Change], state: str) -> tuple[Change, ...]:
    """The changes that tell of a trouble: ends of runs by themselves, and bad states.

    A state that has passed is none: a service may be unhealthy while it reloads.

    Args:
        changes: All changes.
        state: The state now.
    """
    return tuple(
        change
        for change in changes
        if (change.state in _ENDS and (change.state != "exited" or change.exit_code))
        or (change.state in _PASSING and change.state == state)
    )


def told_after(verdict: str, outcome: Outcome, before: Told, now_s: float) -> Told:
    """What was told of a service after an answer. After `ok`, everything is new again.

    Args:
        verdict: The verdict over all services.
        outcome: What became of this one.
        before: What was told before.
        now_s: The time, in seconds since the epoch.
    """
    if verdict == OK:
        return Told(now_s)
    names = [one.template for one in outcome.new] + [end_identity(one) for one in outcome.ends]
    kept = [name for name in before.errors if name not in names]
    return Told(now_s, (*kept, *names), outcome.broken)


def without_told(errors: Sequence[FoundError], told: Told) -> tuple[tuple[FoundError, ...], int]:
    """The errors that were not told before, and how many were."""
    known = set(told.errors)
    new = tuple(error for error in errors if error.template not in known)
    return new, len(errors) - len(new)


def reaction_of(changes: Sequence[Change], since_s: float, *, has_lines: bool) -> str:
    """How a service has reacted: `restart`, `output` or `none`.

    Args:
        changes: Its changes of state.
        since_s: When the file changed.
        has_lines: Whether it has printed something since.
    """
    if any(change.at_s >= since_s and change.state == "starting" for change in changes):
        return "restart"
    return "output" if has_lines else "none"
