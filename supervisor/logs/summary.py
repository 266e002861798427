"""Pure. The gist of many lines within a budget.

It has the first errors with what stands around them, then the newest lines, each kind of line once
with a count. Lines are of one kind if they differ in numbers alone. What is shown as an error is
not shown again among the newest, and what found no room is counted.
"""

import re
from collections import deque

# About so many characters are one token of a language model.
CHARACTERS_PER_TOKEN = 4
_LONGEST = 240
_BEFORE = 2
_AFTER = 3
_LONGEST_GROUP = 40
_SHOWN_OF_GROUP = 12
# Of the budget, what errors may take; the rest is for the newest lines.
_ERRORS_SHARE = 0.5
_LEFT_OUT = len("… 1,000,000,000 lines left out\n")

_ERROR = re.compile(
    r"(?:error|exception)\b|\btraceback\b|\bpanic(?:ked)?\b|\bfatal\b|\bcritical\b|\bfailed\b"
    r"|\bunhandled\b|segmentation fault|core dumped|command not found|no such file",
    re.IGNORECASE,
)
# One of these is in each such line: to search for texts is fifty times as fast.
_MARKS = (
    "error", "exception", "traceback", "panic", "fatal", "critical", "failed", "unhandled",
    "segmentation fault", "core dumped", "command not found", "no such file",
)  # fmt: skip
_NUMBER = re.compile(r"\b[0-9a-f]{8,}\b|\d+")


def tells_error(text: str) -> bool:
    """Whether a line without escape sequences tells of an error."""
    lowered = text.lower()
    return any(mark in lowered for mark in _MARKS) and _ERROR.search(text) is not None


class _Kind:
    """Lines that differ in numbers alone."""

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


class Briefer:
    """Takes lines in order of time, and keeps what is worth telling.

    Args:
        budget_tokens: What all that is told may come to.

    Attributes:
        seen: How many lines were taken, by name.
        errors: How many of them tell of an error, by name.
    """

    def __init__(self, budget_tokens: int) -> None:
        self.seen: dict[str, int] = {}
        self.errors: dict[str, int] = {}
        self._room = budget_tokens * CHARACTERS_PER_TOKEN
        self._errors_room = int(self._room * _ERRORS_SHARE)
        self._most_kinds = max(1, self._room // 8)
        self._before: dict[str, deque[str]] = {}
        self._groups: list[_Group] = []
        # None where an error comes again: what is shown of the first stands for it.
        self._open: dict[str, _Group | None] = {}
        self._by_error: dict[tuple[str, str], _Group] = {}
        # The kind that was seen last is the last one.
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._left_out = 0

    def feed(self, name: str, text: str) -> None:
        """Take a line of an instance, without escape sequences."""
        text = text.rstrip()
        self.seen[name] = self.seen.get(name, 0) + 1
        text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
        is_error = tells_error(text)
        if is_error:
            self.errors[name] = self.errors.get(name, 0) + 1
        if not self._goes_into_group(name, text, is_error=is_error):
            self._take_newest(name, text)

    def close(self, reserved: int = 0) -> list[str]:
        """What there is to say of all lines.

        Args:
            reserved: How many characters of the budget are needed for something else.
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
        """A line is shown elsewhere: it is not to be among the newest."""
        kind = self._kinds.get((name, _kind_of(text)))
        if kind is not None:
            kind.count -= 1
            if not kind.count:
                del self._kinds[name, _kind_of(text)]


def _goes_on(group: _Group, text: str, *, is_error: bool) -> bool:
    """Whether a line still belongs to an error: as its trace does, and a few behind it."""
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
