"""Pure. A summary of many lines, within a budget.

It shows the first error of each kind with the lines around it, then the newest lines. Each kind of
line appears once, with a count. Two lines are of one kind if they differ only in numbers. A line
shown as an error is not shown again. Lines that do not fit are counted.
"""

import re
from collections import deque

from portweave.supervisor.logs.error_words import reports_error
from portweave.supervisor.logs.json_lines import read_json_line

# A language model's token has about so many characters.
CHARACTERS_PER_TOKEN = 4
_LONGEST = 240
_BEFORE = 2
_AFTER = 3
_LONGEST_GROUP = 40
_SHOWN_OF_GROUP = 12
# The part of the budget for errors. The rest is for the newest lines.
_ERRORS_SHARE = 0.5
_LEFT_OUT = len("… 1,000,000,000 lines left out\n")

_NUMBER = re.compile(r"\b[0-9a-f]{8,}\b|\d+")


class _Kind:
    """Lines that differ only in numbers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = ""
        self.count = 0


class _Group:
    """The first error of its kind, and the lines around it."""

    def __init__(self, name: str, lines: list[str], head: str) -> None:
        self.name = name
        self.lines = lines
        self.head = head
        self.open_for = _AFTER
        self.count = 1


class Summarizer:
    """Collects lines in order of time, and summarises them.

    Args:
        budget_tokens: The longest summary.

    Attributes:
        seen: How many lines were collected, by name.
        errors: How many of them report an error, by name.
    """

    def __init__(self, budget_tokens: int) -> None:
        self.seen: dict[str, int] = {}
        self.errors: dict[str, int] = {}
        self._room = budget_tokens * CHARACTERS_PER_TOKEN
        self._errors_room = int(self._room * _ERRORS_SHARE)
        self._most_kinds = max(1, self._room // 8)
        self._before: dict[str, deque[str]] = {}
        self._groups: list[_Group] = []
        # None for an error that was seen before: its first occurrence is shown.
        self._open: dict[str, _Group | None] = {}
        self._by_error: dict[tuple[str, str], _Group] = {}
        # The kind that was seen last is the last one.
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._left_out = 0

    def feed(self, name: str, text: str) -> None:
        """Add a line of an instance, without escape sequences.

        A line of JSON is shown as its level, message and fields, and its error as lines of its own.
        """
        text = text.rstrip()
        self.seen[name] = self.seen.get(name, 0) + 1
        entry = read_json_line(text) if text[:1] == "{" else None
        if entry is None:
            self._add(name, text, is_error=reports_error(text))
            return
        is_error = entry.level == "error" if entry.level else reports_error(entry.lines[0])
        self._add(name, entry.lines[0], is_error=is_error)
        for line in entry.lines[1:]:
            # They belong to the error above, whatever their words.
            self._add(name, f"  {line.strip()}", is_error=False)

    def _add(self, name: str, text: str, *, is_error: bool) -> None:
        text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
        if is_error:
            self.errors[name] = self.errors.get(name, 0) + 1
        if not self._goes_into_group(name, text, is_error=is_error):
            self._take_newest(name, text)

    def close(self, reserved: int = 0) -> list[str]:
        """The summary, as lines.

        Args:
            reserved: How many characters of the budget to leave unused.
        """
        room = self._room - reserved - _LEFT_OUT
        lines: list[str] = []
        left_out = self._left_out
        for group in self._groups:
            for line in _shown(group):
                room -= len(line) + 1
                if room >= 0:
                    lines.append(line)
                else:
                    left_out += 1
        newest: list[str] = []
        for kind in reversed(self._kinds.values()):
            line = _with_count(f"{kind.name} | {kind.text}", kind.count)
            room -= len(line) + 1
            if room >= 0:
                newest.append(line)
            else:
                left_out += kind.count
        if left_out:
            lines.append(f"… {left_out:,} line{'s' if left_out != 1 else ''} left out")
        return lines + newest[::-1]

    def _goes_into_group(self, name: str, text: str, *, is_error: bool) -> bool:
        kind = _kind_of(text)
        if is_error and (known := self._by_error.get((name, kind))) is not None:
            known.count += kind == known.head
            self._open[name] = None
            return True
        if name in self._open:
            group = self._open[name]
            if group is None:
                if _is_trace(text):
                    return True
            elif _goes_on(group, text, is_error=is_error):
                group.lines.append(text)
                self._errors_room -= len(name) + len(text) + 4
                if is_error:
                    self._by_error[name, kind] = group
                return True
            del self._open[name]
        if not is_error:
            return False
        before = list(self._before.pop(name, ()))
        size = sum(len(name) + len(line) + 4 for line in (*before, text))
        if size > self._errors_room:
            return False
        for line in before:
            self._forget(name, line)
        self._errors_room -= size
        group = _Group(name, [*before, text], kind)
        self._groups.append(group)
        self._by_error[name, kind] = self._open[name] = group
        return True

    def _take_newest(self, name: str, text: str) -> None:
        self._before.setdefault(name, deque(maxlen=_BEFORE)).append(text)
        key = (name, _kind_of(text))
        kind = self._kinds.pop(key, None) or _Kind(name)
        kind.text = text
        kind.count += 1
        self._kinds[key] = kind
        if len(self._kinds) > self._most_kinds:
            oldest = next(iter(self._kinds))
            self._left_out += self._kinds.pop(oldest).count

    def _forget(self, name: str, text: str) -> None:
        """Remove a line from the newest ones, because it is shown as an error."""
        kind = self._kinds.get((name, _kind_of(text)))
        if kind is not None:
            kind.count -= 1
            if not kind.count:
                del self._kinds[name, _kind_of(text)]


def _goes_on(group: _Group, text: str, *, is_error: bool) -> bool:
    """Whether a line belongs to an error: its trace, or one of the few lines after it."""
    if len(group.lines) >= _LONGEST_GROUP:
        return False
    if is_error or _is_trace(text):
        return True
    group.open_for -= 1
    return group.open_for >= 0


def _is_trace(text: str) -> bool:
    return not text or text[0] in " \t"


def _kind_of(text: str) -> str:
    return _NUMBER.sub("#", text)


def _shown(group: _Group) -> list[str]:
    lines = group.lines
    while lines and not lines[-1]:
        lines = lines[:-1]
    if len(lines) > _SHOWN_OF_GROUP:
        half = _SHOWN_OF_GROUP // 2
        lines = [*lines[:half], f"… {len(lines) - 2 * half} lines …", *lines[-half:]]
    shown = [f"{group.name} | {line}".rstrip() for line in lines]
    shown[-1] = _with_count(shown[-1], group.count)
    return shown


def _with_count(line: str, count: int) -> str:
    return line if count == 1 else f"{line} ({count:,} times)"
