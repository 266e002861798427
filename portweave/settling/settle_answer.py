"""Pure. The answer of settle as JSON and as text, within a budget."""

from collections.abc import Sequence

from portweave.encoding.json_text import compact
from portweave.encoding.value import value
from portweave.settling.verdicts import NOT_SETTLED, OK, STILL, FoundError, Outcome
from portweave.supervisor.reporting.status_rows import rfc3339

# A language model's token has about four bytes.
BUDGET_BYTES = 4000
# From the most to the least: lines of each error, errors of each service, services, and the length
# of a line.
_STEPS = (
    (12, 8, 60, 200), (8, 6, 40, 200), (6, 5, 30, 200), (4, 4, 20, 200), (3, 3, 16, 200),
    (2, 2, 12, 160), (1, 2, 10, 160), (0, 1, 8, 120), (0, 1, 4, 120), (0, 1, 1, 120), (0, 1, 1, 30),
)  # fmt: skip


@value
class Answer:
    """What settle found.

    Attributes:
        verdict: `ok`, `new`, `still` or `not-settled`.
        outcomes: The services.
        cursor: For the next call.
        waited_s: How long settle has waited.
        changed: The file that was changed last; empty for none.
        changed_at_s: When, in seconds since the epoch; None for no file.
        more_changed: How many other files were changed in the same time.
    """

    verdict: str
    outcomes: tuple[Outcome, ...]
    cursor: str
    waited_s: float
    changed: str = ""
    changed_at_s: float | None = None
    more_changed: int = 0

    @property
    def reaction(self) -> str:
        """`none` if no service has reacted to the change, otherwise `seen`."""
        return "seen" if any(one.reaction != "none" for one in self.outcomes) else "none"

    @property
    def exit_status(self) -> int:
        """0 for `ok`, 1 for `new` and `still`, 124 for `not-settled`."""
        return {OK: 0, NOT_SETTLED: 124}.get(self.verdict, 1)


def as_json(answer: Answer) -> str:
    """The answer as one line of JSON, of 4,000 bytes at most."""
    text = ""
    for lines, errors, services, width in _STEPS:
        text = compact(as_object(answer, lines, errors, services, width))
        if len(text.encode("utf-8", "replace")) <= BUDGET_BYTES:
            break
    return text


def as_object(
    answer: Answer, lines: int, errors: int, services: int, width: int
) -> dict[str, object]:
    """The answer as an object of JSON.

    Args:
        answer: The answer.
        lines: The most lines of each error.
        errors: The most errors of each service, and the most changes of its state.
        services: The most services. Those with news come first.
        width: The most characters of a text.
    """
    ranked = _by_weight(answer.outcomes)
    shown, rest = ranked[:services], ranked[services:]
    left_out = sum(max(0, len(one.new) - errors) + max(0, len(one.ends) - errors) for one in shown)
    left_out += sum(len(one.new) + len(one.ends) for one in rest)
    changed: dict[str, object] | None = None
    if answer.changed_at_s is not None:
        changed = {
            "file": _cut(answer.changed, width),
            "at": rfc3339(answer.changed_at_s),
            "more": answer.more_changed,
        }
    return {
        "schemaVersion": 1,
        "verdict": answer.verdict,
        "reaction": answer.reaction,
        "waitedS": round(answer.waited_s, 2),
        "changed": changed,
        "services": [_service(one, lines, errors, width) for one in shown],
        "leftOut": {"services": len(answer.outcomes) - len(shown), "news": left_out},
        "cursor": answer.cursor,
    }


def _service(one: Outcome, lines: int, errors: int, width: int) -> dict[str, object]:
    return {
        "name": one.name,
        "state": one.state,
        "reason": _cut(one.reason, width) or None,
        "reaction": one.reaction,
        "beganS": None if one.began_s is None else round(one.began_s, 2),
        "endedS": None if one.ended_s is None else round(one.ended_s, 2),
        "errors": [
            {
                "message": _cut(error.message, width),
                "place": _cut(error.place, width) or None,
                "count": error.count,
                "lines": [_cut(line, width) for line in error.lines[:lines]],
            }
            for error in one.new[:errors]
        ],
        "knownErrors": one.known,
        "changes": [
            {
                "at": rfc3339(change.at_s),
                "previous": change.previous,
                "state": change.state,
                "exitCode": change.exit_code,
                "reason": _cut(change.reason, width) or None,
            }
            for change in one.ends[:errors]
        ],
        "broken": _cut(one.broken, width) or None,
        "waits": one.waits or None,
    }


def as_text(answer: Answer) -> str:
    """The answer as lines for people and agents, of 4,000 bytes at most."""
    text = ""
    for lines, errors, services, width in _STEPS:
        text = "\n".join(_lines(answer, lines, errors, services, width))
        if len(text.encode("utf-8", "replace")) < BUDGET_BYTES:
            break
    return text


def _lines(answer: Answer, lines: int, errors: int, services: int, width: int) -> list[str]:
    told = [one for one in _by_weight(answer.outcomes) if _weight(one) < _DULL]
    found = [_first_line(answer, width)]
    left_out = 0
    for one in told[:services]:
        for change in one.ends[:errors]:
            reason = _without_errors(change.reason, one.new)
            reason = f": {_cut(reason, width)}" if reason else ""
            found.append(f"{one.name} {change.previous} → {change.state}{reason}")
        for error in one.new[:errors]:
            found += _error_lines(one.name, error, lines, width)
        left_out += max(0, len(one.ends) - errors) + max(0, len(one.new) - errors)
        if one.waits:
            found.append(f"{one.name} {one.waits}")
        is_told = one.broken.partition(" (")[0] in one.reason and not one.is_good
        if one.broken and not one.new and not is_told:
            found.append(f"{one.name} still has: {_cut(one.broken, width)}")
        if not one.is_good and not one.ends and not one.waits:
            reason = f": {_cut(one.reason, width)}" if one.reason else ""
            found.append(f"{one.name} is {one.state}{reason}")
    if len(told) > services:
        found.append(f"… {len(told) - services} more services in trouble: portweave ps")
    if left_out:
        found.append(f"… {left_out} more errors left out: portweave logs --brief")
    found.append(f"cursor: {answer.cursor}")
    return found


def _first_line(answer: Answer, width: int) -> str:
    changed = ""
    if answer.changed_at_s is not None:
        more = f" and {answer.more_changed} more" if answer.more_changed else ""
        changed = f"{_cut(answer.changed, width)}{more} changed"
    reacted = [one for one in answer.outcomes if one.reaction != "none"]
    who = ", ".join(
        f"{one.name} {'restarted' if one.reaction == 'restart' else 'reacted'}"
        + (f" in {one.ended_s:.1f} s" if one.ended_s is not None else "")
        for one in reacted[:3]
    )
    more = f" and {len(reacted) - 3} more" if len(reacted) > 3 else ""
    reaction = f"{who}{more}" if who else "no service reacted (reaction: none)"
    parts = [changed, reaction] if changed else [reaction if who else "no file changed lately"]
    if answer.verdict == NOT_SETTLED:
        parts.append(f"not over after {answer.waited_s:.0f} s")
    if answer.verdict == STILL:
        parts.append("nothing new, but not all is well")
    return f"{answer.verdict}: {'; '.join(parts)}"


def _error_lines(name: str, error: FoundError, lines: int, width: int) -> list[str]:
    place = f" ({_cut(error.place, width)})" if error.place else ""
    times = f" ({error.count} times)" if error.count > 1 else ""
    message = _cut(error.message, width)
    # The message stands above its excerpt.
    excerpt = [line for line in error.lines if line.strip() != error.message.strip()][:lines]
    return [
        f"{name} | {message}{place}{times}",
        *(f"{name} |   {_cut(line, width)}" for line in excerpt),
    ]


def _without_errors(reason: str, errors: Sequence[FoundError]) -> str:
    """A reason without the error that stands below it: `exited with status 1`."""
    for error in errors:
        head, mark, _ = reason.partition(f": {error.message}")
        if mark:
            return head
    return reason


_DULL = 3


def _weight(one: Outcome) -> int:
    """The less, the more there is to tell."""
    if one.new or one.ends:
        return 0
    if one.waits:
        return 1
    return 2 if one.broken or not one.is_good else _DULL


def _by_weight(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda one: (_weight(one), one.reaction == "none"))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
