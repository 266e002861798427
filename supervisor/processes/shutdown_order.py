"""Pure. Who is asked to end next, and until when, where nobody is left but one who ends things.

The theory: a service is asked when nothing that depends on it is there any more, and is killed when
its grace is over; so what it needs is asked after that, however stubborn it is. What a chain of
services may take is the sum of their graces. Where the longest chain would take more than the
longest single grace and half a minute, all graces shrink in the same proportion: somebody waits.
What nobody knows is asked behind all the others, within the same time.
"""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# What is nobody's, such as a daemon without a mark, is asked once, and killed after this.
ORPHAN_GRACE_S = 1.0
# What all of it may take beyond the longest grace.
MOST_EXTRA_S = 30.0
# After SIGKILL a process is gone in no time; one in an uninterruptible call may take longer.
KILL_PATIENCE_S = 5.0
NO_SERVICE = ""


class StopRule:
    """How a service ends.

    No `value`: who stops a stack waits for the guardian, which would import dataclasses for it.

    Attributes:
        grace_s: From its stop signal to SIGKILL.
        stop_signal: What asks it to end.
        needs: Names of the services that it depends on.
    """

    __slots__ = ("grace_s", "needs", "stop_signal")

    def __init__(self, grace_s: float, stop_signal: int, needs: tuple[str, ...] = ()) -> None:
        self.grace_s = grace_s
        self.stop_signal = stop_signal
        self.needs = needs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StopRule) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def _all(self) -> tuple[float, int, tuple[str, ...]]:
        return self.grace_s, self.stop_signal, self.needs


class ShutdownOrder:
    """Tells who is to be asked and who is to be killed.

    Args:
        rules: By service; also of those that have ended, by way of which others are needed.

    Attributes:
        longest_s: The longest grace of a service.
    """

    def __init__(self, rules: "Mapping[str, StopRule]") -> None:
        needed = {name: _reached(name, rules) for name in rules}
        # Two that need each other, as halves of two plans may, do not wait for each other.
        self._dependents = {
            name: {one for one in rules if name in needed[one] and one not in needed[name]}
            for name in rules
        }
        graces = {name: rule.grace_s for name, rule in rules.items()}
        self.longest_s = longest_s = max(graces.values(), default=ORPHAN_GRACE_S)
        chain_s = self._longest_chain(graces)
        share = min(1.0, (longest_s + MOST_EXTRA_S) / chain_s) if chain_s > 0 else 1.0
        self._graces = {name: grace_s * share for name, grace_s in graces.items()}
        all_s = chain_s * share
        self._graces[NO_SERVICE] = min(ORPHAN_GRACE_S, all_s)
        self._nobody_at_s = all_s - self._graces[NO_SERVICE]
        self._began_s: float | None = None
        self._asked: dict[str, float] = {}

    def _longest_chain(self, graces: "Mapping[str, float]") -> float:
        """The most that services which end one after the other may take."""
        ends_s: dict[str, float] = {}
        # Who has fewer dependents is nobody's dependent of those with more.
        for name in sorted(graces, key=lambda name: len(self._dependents[name])):
            before_s = max((ends_s[one] for one in self._dependents[name]), default=0.0)
            ends_s[name] = before_s + graces[name]
        return max(ends_s.values(), default=ORPHAN_GRACE_S)

    def ask(self, present: "Collection[str]", now_s: float) -> None:
        """Ask whoever has nobody to wait for any more.

        Args:
            present: Names of those of which something is there, `NO_SERVICE` for what is unknown.
            now_s: The time.
        """
        if self._began_s is None:
            self._began_s = now_s
        for name in present:
            if name in self._asked:
                continue
            if name == NO_SERVICE:
                is_next = set(present) == {NO_SERVICE} or now_s >= self._began_s + self._nobody_at_s
            else:
                is_next = all(
                    one not in present or self.is_lost(one, now_s) for one in self._dependents[name]
                )
            if is_next:
                self._asked[name] = now_s

    def is_asked(self, name: str) -> bool:
        """Whether it is to end by now."""
        return name in self._asked

    def set_grace(self, name: str, grace_s: float) -> None:
        """Change the time that a service has from its stop signal to SIGKILL."""
        self._graces[name] = grace_s
        self.longest_s = max(self.longest_s, grace_s)

    def due_s(self, name: str) -> float:
        """When the time of a service is over; infinity while it is not asked."""
        return self._asked[name] + self._graces[name] if name in self._asked else float("inf")

    def is_due(self, name: str, now_s: float) -> bool:
        """Whether its time is over."""
        return now_s >= self.due_s(name)

    def is_lost(self, name: str, now_s: float) -> bool:
        """Whether not even SIGKILL has ended it."""
        return self.is_due(name, now_s - KILL_PATIENCE_S)


def _reached(name: str, rules: "Mapping[str, StopRule]") -> set[str]:
    """What a service needs, be it by way of others."""
    found: set[str] = set()
    queue = list(rules[name].needs)
    while queue:
        one = queue.pop()
        if one in rules and one not in found:
            found.add(one)
            queue += rules[one].needs
    return found
