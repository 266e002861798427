"""Pure. The order in which services stop, and when each of them is killed.

A service is asked to end when no process of its dependents is left. It is killed when its grace is
over, so even a dependent that ignores its stop signal ends first. A chain of services may take the
sum of their graces. If the longest chain would take more than the longest grace and half a minute,
all graces shrink in the same proportion, because a user waits. Processes of no known service are
asked last, within the same time.
"""

from portweave.encoding.value import value

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# The grace of processes of no known service, such as a daemon without a tag.
ORPHAN_GRACE_S = 1.0
# How much longer than the longest grace a stop may take.
MOST_EXTRA_S = 30.0
# After SIGKILL a process ends at once, unless it is in an uninterruptible call.
KILL_PATIENCE_S = 5.0
# The name under which processes of no known service are found.
NO_SERVICE = ""


@value
class StopRule:
    """How a service stops.

    Attributes:
        grace_s: Seconds from its stop signal to SIGKILL.
        stop_signal: The number of its stop signal.
        needs: Names of the services that it depends on.
    """

    grace_s: float
    stop_signal: int
    needs: tuple[str, ...] = ()


class ShutdownOrder:
    """Which services to ask, and which to kill.

    Args:
        rules: How each service stops, by name. Services that have ended are included: others may
            be needed through them.

    Attributes:
        longest_s: The longest grace of a service, in seconds.
    """

    def __init__(self, rules: "Mapping[str, StopRule]") -> None:
        needed = {name: _reached(name, rules) for name in rules}
        # Services that need each other do not wait for each other. Parts of two plans may do that.
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
        """The longest time that services may take if each ends after its dependents, in seconds."""
        ends_s: dict[str, float] = {}
        # A service has more dependents than each of its dependents has.
        for name in sorted(graces, key=lambda name: len(self._dependents[name])):
            before_s = max((ends_s[one] for one in self._dependents[name]), default=0.0)
            ends_s[name] = before_s + graces[name]
        return max(ends_s.values(), default=ORPHAN_GRACE_S)

    def ask(self, present: "Collection[str]", now_s: float) -> None:
        """Ask each service whose dependents have all ended or are lost.

        Args:
            present: Names of services with living processes.
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
        """Whether a service was asked to end."""
        return name in self._asked

    def set_grace(self, name: str, grace_s: float) -> None:
        """Change the time that a service has from its stop signal to SIGKILL."""
        self._graces[name] = grace_s
        self.longest_s = max(self.longest_s, grace_s)

    def due_s(self, name: str) -> float:
        """When the grace of a service is over, in seconds; infinity before it is asked."""
        return self._asked[name] + self._graces[name] if name in self._asked else float("inf")

    def is_due(self, name: str, now_s: float) -> bool:
        """Whether the grace of a service is over."""
        return now_s >= self.due_s(name)

    def is_lost(self, name: str, now_s: float) -> bool:
        """Whether a service has survived SIGKILL."""
        return self.is_due(name, now_s - KILL_PATIENCE_S)


def _reached(name: str, rules: "Mapping[str, StopRule]") -> set[str]:
    """Names of all services that a service needs, directly or through others."""
    found: set[str] = set()
    queue = list(rules[name].needs)
    while queue:
        one = queue.pop()
        if one in rules and one not in found:
            found.add(one)
            queue += rules[one].needs
    return found
