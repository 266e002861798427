"""Pure. When the reaction of a service to a changed file is over.

The machine takes one event after the other: a file changed, a line was printed, the state changed,
processor time was sampled. All times are seconds since the epoch: log records, file times and
events of the supervisor share this clock.

A service that reloads itself gets a time to begin, its patience. A reaction is over when the
service is neither starting nor stopping, has printed nothing for a while, and uses little of a
processor. A line that has ended each build so far makes this shorter. A line that announces more,
such as `restarting`, makes it longer.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from portweave.encoding.value import replace, value

# How long a service that reloads itself may take to begin: where nothing is known, and at most.
PATIENCE_S = 1.5
LONGEST_PATIENCE_S = 5.0
SHORTEST_PATIENCE_S = 0.5
_PATIENCE_FACTOR = 1.5
# Fewer reactions do not tell how slow one may be: a program that looks at its files once a second
# may have been lucky.
_ENOUGH_REACTIONS = 10
SILENCE_S = 0.3
# Where there were longer silences within reactions: half as much again as the longest, at most.
LONGEST_SILENCE_S = 1.2
_SILENCE_FACTOR = 1.5
# After a line that has ended each build so far.
END_SILENCE_S = 0.1
# After a line that announces more.
OPENING_SILENCE_S = 2.5
# A service that printed an error while it starts is stuck after this silence.
STUCK_S = 3.0
BUSY_SHARE = 0.05
_SAMPLES_S = 0.28
# A line that was printed in so many of the last ten seconds says nothing of the change.
_USUAL_WITHIN_S = 10.0
_USUAL_SLOTS = 8
# One that was printed in so many seconds of the last minute does not tell that a reaction begins.
FREQUENT_WITHIN_S = 60.0
_FREQUENT_SLOTS = 3
# Times of reactions are kept to the millisecond.
_ROUNDED_S = 0.001

RESTARTING = "restarting"
MOVING = ("starting", "stopping", RESTARTING)
WAITING = "waiting"
_OPENS = re.compile(
    r"\b(?:re-?)?start(?:ing|s)\b|\b(?:re-?)(?:loading|building|compiling)\b"
    r"|\b(?:building|compiling|bundling)\b|\bbuild started\b|\bincremental compilation\b"
    r"|\bchanges? (?:was )?detected\b|\bdetected (?:a )?changes?\b|\bdue to changes\b"
    r"|\bshutting down\b|\bwaiting for application\b|\bfile changed\b",
    re.IGNORECASE,
)
# Lines of a watcher that has nothing more to do.
_RESTS = re.compile(
    r"\b(?:waiting|watching) for (?:file )?changes\b|\bcrashed\b|\bsuccess", re.IGNORECASE
)


@value
class Knowledge:
    """What is known of a service before it reacts.

    Attributes:
        reloads: Whether it reloads itself when a file changes.
        patience_s: How long it may take to begin.
        end_lines: Templates of lines that have ended each build so far.
        last_lines: Templates of lines that were the last of a reaction before.
        usual: Templates of lines that it prints all the time: they do not count.
        frequent: Templates of lines that it prints now and then: no reaction begins with them.
        silence_s: How long it is silent after a reaction.
    """

    reloads: bool = False
    patience_s: float = PATIENCE_S
    end_lines: frozenset[str] = frozenset()
    last_lines: frozenset[str] = frozenset()
    usual: frozenset[str] = frozenset()
    frequent: frozenset[str] = frozenset()
    silence_s: float = SILENCE_S


@value
class Reaction:
    """A service, and what it has done since the change.

    Attributes:
        knowledge: What is known of it.
        state: Its state, as in `ps`.
        changed_s: When the newest file changed; None for no change.
        began_s: When it began to react to that change; None before.
        last_s: When it last did something.
        last_line: The template of its last line; empty where its state changed after it.
        is_failing: Whether its last line belongs to an error.
        samples: Times, and the processor time used up to then in seconds; None without a process.
    """

    knowledge: Knowledge
    state: str
    changed_s: float | None = None
    began_s: float | None = None
    last_s: float = 0.0
    last_line: str = ""
    is_failing: bool = False
    samples: tuple[tuple[float, float | None], ...] = ()


@value
class FileChanged:
    """A file of the service was changed."""

    at_s: float


@value
class LinePrinted:
    """It printed a line.

    Attributes:
        at_s: When.
        template: The template of the line.
        is_error: Whether the line reports an error.
    """

    at_s: float
    template: str
    is_error: bool = False


@value
class StateChanged:
    """Its state changed."""

    at_s: float
    state: str


@value
class CpuSampled:
    """The processor time of its processes was read; None without a process."""

    at_s: float
    cpu_s: float | None


Event = FileChanged | LinePrinted | StateChanged | CpuSampled


def after(reaction: Reaction, event: Event) -> Reaction:
    """The reaction after an event."""
    match event:
        case FileChanged(at_s):
            if reaction.changed_s is not None and at_s <= reaction.changed_s:
                return reaction
            began_s = reaction.began_s
            is_before = began_s is not None and began_s < at_s
            return replace(reaction, changed_s=at_s, began_s=None if is_before else began_s)
        case LinePrinted(at_s, template, is_error):
            if template in reaction.knowledge.usual or not template:
                return reaction
            failing = is_error or (reaction.is_failing and _within(reaction, at_s))
            begins = template not in reaction.knowledge.frequent
            acted = _acted(reaction, at_s, begins=begins)
            return replace(acted, last_line=template, is_failing=failing)
        case StateChanged(at_s, state):
            if state == reaction.state:
                return reaction
            kept = reaction.last_line if state == "ready" else ""
            return replace(_acted(reaction, at_s), state=state, last_line=kept)
        case CpuSampled(at_s, _):
            recent = tuple(s for s in reaction.samples if at_s - s[0] <= 4 * _SAMPLES_S)
            return replace(reaction, samples=(*recent, (at_s, event.cpu_s)))


def _acted(reaction: Reaction, at_s: float, *, begins: bool = True) -> Reaction:
    changed_s, began_s = reaction.changed_s, reaction.began_s
    if begins and changed_s is not None and began_s is None and at_s >= changed_s:
        began_s = at_s
    return replace(reaction, began_s=began_s, last_s=max(at_s, reaction.last_s))


def _within(reaction: Reaction, at_s: float) -> bool:
    """Whether a line was printed together with the one before."""
    return at_s - reaction.last_s < SILENCE_S


def pending(reaction: Reaction, now_s: float) -> str:
    """Why a reaction is not over, in words that follow the service's name; empty if it is over.

    Args:
        reaction: The reaction, after all events.
        now_s: The time.
    """
    knowledge = reaction.knowledge
    changed_s = reaction.changed_s
    if changed_s is not None and reaction.began_s is None and knowledge.reloads:
        left_s = changed_s + knowledge.patience_s - now_s
        if left_s > 0:
            return "may still react to the change"
    silent_s = now_s - reaction.last_s
    if reaction.state in MOVING and not (reaction.is_failing and silent_s >= STUCK_S):
        return f"is {reaction.state}"
    # It is looked at once a second whether a service listens again.
    mends = changed_s is not None and reaction.last_s >= changed_s and not reaction.is_failing
    if reaction.state == "unhealthy" and mends and silent_s < STUCK_S:
        return "is unhealthy"
    ended = is_ended(reaction)
    if silent_s < _silence_s(reaction, ended=ended):
        return f"printed something {max(0.0, silent_s):.1f} s ago"
    share = None if ended else _share(reaction)
    if share is not None and share >= BUSY_SHARE:
        return f"uses {100 * share:.0f} % of a core"
    if not ended and share is None and _has_process(reaction):
        return "is being looked at"
    return ""


def pending_of(reactions: Mapping[str, Reaction], now_s: float) -> dict[str, str]:
    """Why services have not settled, by name; empty when all have.

    A service that waits for another one is pending only while that one, or any other, moves.

    Args:
        reactions: The reaction of each service.
        now_s: The time.
    """
    found = {name: pending(one, now_s) for name, one in reactions.items()}
    if any(one.state in MOVING and found[name] for name, one in reactions.items()):
        for name, one in reactions.items():
            if one.state == WAITING:
                found[name] = "waits for another service"
    return {name: text for name, text in found.items() if text}


def _silence_s(reaction: Reaction, *, ended: bool) -> float:
    if ended:
        return END_SILENCE_S
    line = reaction.last_line
    opens = line not in reaction.knowledge.last_lines and announces_more(line)
    if reaction.began_s is None:
        return SILENCE_S
    return OPENING_SILENCE_S if opens else reaction.knowledge.silence_s


def announces_more(line: str) -> bool:
    """Whether more lines follow a line, such as `restarting due to changes...`."""
    return _OPENS.search(line) is not None and _RESTS.search(line) is None


def _share(reaction: Reaction) -> float | None:
    """The share of a core since the sample before the last 0.3 s; None where it is not known."""
    if not reaction.samples:
        return None
    end_s, used_s = reaction.samples[-1]
    if used_s is None:
        return None
    before = [sample for sample in reaction.samples if end_s - sample[0] >= _SAMPLES_S]
    if not before or before[-1][1] is None:
        return None
    begin_s, used_before_s = before[-1]
    # A new process has used less than the one before: it is at work.
    return abs(used_s - (used_before_s or 0.0)) / (end_s - begin_s)


def _has_process(reaction: Reaction) -> bool:
    return not reaction.samples or reaction.samples[-1][1] is not None


def patience_s(reactions_s: Sequence[float], slowest_s: float) -> float:
    """How long a service may take to begin.

    Args:
        reactions_s: How long it took before, in seconds.
        slowest_s: The longest time that it ever took; 0 where none is known.
    """
    least_s = PATIENCE_S if len(reactions_s) < _ENOUGH_REACTIONS else SHORTEST_PATIENCE_S
    slowest_s = max(slowest_s, *reactions_s, 0.0)
    return min(LONGEST_PATIENCE_S, max(least_s, _PATIENCE_FACTOR * slowest_s))


def silence_s(gap_s: float) -> float:
    """How long a service is silent after a reaction.

    Args:
        gap_s: The longest silence within its reactions so far.
    """
    return max(SILENCE_S, min(LONGEST_SILENCE_S, _SILENCE_FACTOR * gap_s))


def is_ended(reaction: Reaction) -> bool:
    """Whether its last line has ended each build so far."""
    return reaction.last_line in reaction.knowledge.end_lines


def usual_lines(lines: Iterable[tuple[float, str]], begin_s: float) -> frozenset[str]:
    """The templates that a service prints all the time: in most seconds before a change.

    Args:
        lines: Times and templates of its lines.
        begin_s: When the change happened. Only the ten seconds before it count.
    """
    slots = _slots(lines, begin_s - _USUAL_WITHIN_S, begin_s)
    return frozenset(template for template, found in slots.items() if len(found) >= _USUAL_SLOTS)


def frequent_lines(
    lines: Iterable[tuple[float, str]], begin_s: float, reactions_s: Iterable[tuple[float, float]]
) -> frozenset[str]:
    """The templates that a service printed again and again in the last minute, without a change.

    Args:
        lines: Times and templates of its lines.
        begin_s: When the change happened.
        reactions_s: Begins and ends of reactions before. What was printed then does not count.
    """
    before = tuple(reactions_s)
    others = (
        (at_s, template)
        for at_s, template in lines
        if not any(one - _ROUNDED_S <= at_s <= other + SILENCE_S for one, other in before)
    )
    slots = _slots(others, begin_s - FREQUENT_WITHIN_S, begin_s)
    return frozenset(template for template, found in slots.items() if len(found) >= _FREQUENT_SLOTS)


def _slots(lines: Iterable[tuple[float, str]], begin_s: float, end_s: float) -> dict[str, set[int]]:
    """The seconds in which each template was printed."""
    found: dict[str, set[int]] = {}
    for at_s, template in lines:
        if begin_s <= at_s < end_s:
            found.setdefault(template, set()).add(int(end_s - at_s))
    return found
