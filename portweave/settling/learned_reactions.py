"""Pure. What settle has learned of a command: how fast it reacts, which lines end its builds.

It also holds which errors were told already, and whether the last build ended in an error, for each
namespace: the worktrees of a project react alike, but each has errors of its own. All is bounded.
"""

from collections.abc import Iterable, Mapping, Sequence

from portweave.encoding.json_text import is_list, is_object
from portweave.encoding.value import field, replace, value

_MOST_REACTIONS = 32
_MOST_LINES = 48
_MOST_ERRORS = 100
_MOST_NAMESPACES = 16
_MOST_INTERVALS = 16
# So many builds have to end with a line.
_ENOUGH_ENDS = 3
_ENOUGH_LAST = 2


@value
class Told:
    """What was told of a service in one worktree.

    Attributes:
        at_s: When, in seconds since the epoch; 0 for never.
        errors: Templates of the errors that were told since all was well.
        broken: The error that its last build ended in; empty for none.
    """

    at_s: float = 0.0
    errors: tuple[str, ...] = ()
    broken: str = ""


@value
class Learned:
    """What is learned of a command.

    Attributes:
        reactions_s: How long it took to begin, the newest last.
        slowest_s: The longest that it ever took; 0 where none is known.
        ends: For the templates of lines: how often a reaction ended with it, and how often it
            stood elsewhere in one.
        told: What was told, by namespace.
        intervals: When its last reactions began and ended, in seconds since the epoch.
        gap_s: The longest silence within a reaction.
    """

    reactions_s: tuple[float, ...] = ()
    slowest_s: float = 0.0
    ends: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    told: Mapping[str, Told] = field(default_factory=dict[str, Told])
    intervals: tuple[tuple[float, float], ...] = ()
    gap_s: float = 0.0

    @property
    def end_lines(self) -> frozenset[str]:
        """Templates of lines that have ended each reaction in which they were printed."""
        return frozenset(
            line for line, (last, inner) in self.ends.items() if last >= _ENOUGH_ENDS and not inner
        )

    @property
    def last_lines(self) -> frozenset[str]:
        """Templates of lines that may end a reaction."""
        return frozenset(line for line, (last, _) in self.ends.items() if last >= _ENOUGH_LAST)


def with_reaction(
    learned: Learned,
    lines: Sequence[str],
    changed_s: float,
    began_s: float,
    ended_s: float,
    gap_s: float = 0.0,
) -> Learned:
    """Learn from a reaction that is over.

    Args:
        learned: What was known.
        lines: The templates of its lines, in order.
        changed_s: When the file changed.
        began_s: When the reaction began.
        ended_s: When it ended.
        gap_s: The longest silence between its lines.
    """
    took_s = round(max(0.0, began_s - changed_s), 3)
    ends = dict(learned.ends)
    for line in dict.fromkeys(lines[:-1]):
        if line in ends or len(ends) < _MOST_LINES:
            last, inner = ends.pop(line, (0, 0))
            ends[line] = (last, inner + 1)
    if lines:
        last, inner = ends.pop(lines[-1], (0, 0))
        ends[lines[-1]] = (last + 1, inner)
    while len(ends) > _MOST_LINES:
        del ends[next(iter(ends))]
    return Learned(
        (*learned.reactions_s, took_s)[-_MOST_REACTIONS:],
        max(learned.slowest_s, took_s),
        ends,
        learned.told,
        (*learned.intervals, (round(changed_s, 3), round(ended_s, 3)))[-_MOST_INTERVALS:],
        max(learned.gap_s, round(gap_s, 3)),
    )


def with_told(learned: Learned, namespace: str, told: Told) -> Learned:
    """Remember what was told of a service in a worktree."""
    errors = told.errors[-_MOST_ERRORS:]
    kept = {name: one for name, one in learned.told.items() if name != namespace}
    while len(kept) >= _MOST_NAMESPACES:
        del kept[min(kept, key=lambda name: kept[name].at_s)]
    kept[namespace] = Told(told.at_s, errors, told.broken)
    return replace(learned, told=kept)


def as_object(learned: Learned) -> dict[str, object]:
    """What is learned, as an object of JSON."""
    return {
        "reactionsS": list(learned.reactions_s),
        "slowestS": learned.slowest_s,
        "ends": {line: list(counts) for line, counts in learned.ends.items()},
        "told": {
            name: {"at": one.at_s, "errors": list(one.errors), "broken": one.broken}
            for name, one in learned.told.items()
        },
        "intervals": [list(one) for one in learned.intervals],
        "gapS": learned.gap_s,
    }


def learned_from(found: object) -> Learned:
    """What is learned, from an object of JSON. What does not fit is left out."""
    if not is_object(found):
        return Learned()
    ends, told = found.get("ends"), found.get("told")
    intervals = found.get("intervals")
    lines = ends.items() if is_object(ends) else ()
    return Learned(
        tuple(_numbers(found.get("reactionsS")))[-_MOST_REACTIONS:],
        max(0.0, *_numbers([found.get("slowestS")]), 0.0),
        dict([(line, two) for line, counts in lines if (two := _counts(counts))][-_MOST_LINES:]),
        {
            name: _told(one)
            for name, one in (list(told.items()) if is_object(told) else [])[-_MOST_NAMESPACES:]
            if is_object(one)
        },
        tuple(
            (pair[0], pair[1])
            for one in (intervals if is_list(intervals) else [])[-_MOST_INTERVALS:]
            if len(pair := list(_numbers(one))) == 2
        ),
        max(0.0, *_numbers([found.get("gapS")]), 0.0),
    )


def _told(one: Mapping[str, object]) -> Told:
    errors, broken = one.get("errors"), one.get("broken")
    return Told(
        next(iter(_numbers([one.get("at")])), 0.0),
        tuple(map(str, errors if is_list(errors) else ()))[-_MOST_ERRORS:],
        broken if isinstance(broken, str) else "",
    )


def _counts(found: object) -> tuple[int, int] | None:
    numbers = [int(number) for number in _numbers(found)]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else None


def _numbers(found: object) -> Iterable[float]:
    for number in found if is_list(found) else ():
        if isinstance(number, (int, float)) and 0 <= number < 1e12:
            yield float(number)
