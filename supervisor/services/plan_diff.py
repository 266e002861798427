"""Pure. The difference between two plans of a stack: what a reload does."""

from collections.abc import Iterable, Mapping

from portweave.encoding.value import value
from portweave.supervisor.services.plan import InstancePlan

# These matter only after the start, so they change without a restart.
_UPDATED_AT_ONCE = frozenset(
    {
        "exported",
        "hostname",
        "needs",
        "restart",
        "stop_signal",
        "stop_grace_s",
        "variables",
        "watch",
        "wildcard",
    }
)
# These only repeat other fields in another form.
_DERIVED = frozenset({"command", "fixed_ports", "full_name", "url"})
_NAMES = {
    "argv": "command",
    "working_dir": "workingDir",
    "needs": "dependsOn",
    "stop_signal": "stopSignal",
    "stop_grace_s": "stopGracePeriod",
    "stamp": "inputs",
}


@value
class Change:
    """The changes that bring a running stack to its new plan.

    Attributes:
        unchanged: Names of instances that stay as they are.
        updated: Instances that go on with new settings, and the keys that differ.
        restarted: Instances that must restart, and the keys that differ.
        added: Names of new instances.
        removed: Names of instances to remove.
    """

    unchanged: tuple[str, ...]
    updated: Mapping[str, tuple[str, ...]]
    restarted: Mapping[str, tuple[str, ...]]
    added: tuple[str, ...]
    removed: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """An object of `reload --json`."""
        return {
            "unchanged": list(self.unchanged),
            "updated": {name: list(keys) for name, keys in self.updated.items()},
            "restarted": {name: list(keys) for name, keys in self.restarted.items()},
            "added": list(self.added),
            "removed": list(self.removed),
        }


def compare(old: Mapping[str, InstancePlan], new: Iterable[InstancePlan]) -> Change:
    """The difference between the present plans, by name, and the new ones."""
    unchanged: list[str] = []
    updated: dict[str, tuple[str, ...]] = {}
    restarted: dict[str, tuple[str, ...]] = {}
    added: list[str] = []
    plans = {plan.name: plan for plan in new}
    added_or_removed = [plans[n] for n in plans if n not in old] + [
        old[n] for n in old if n not in plans
    ]
    # The ports of added and removed services: for their variables, no running service restarts.
    ports = frozenset(str(plan.port) for plan in added_or_removed if plan.port is not None)
    for name, plan in plans.items():
        if name not in old:
            added.append(name)
            continue
        found = _differences(old[name], plan)
        variables = _variables(old[name].environment, plan.environment)
        if variables and all(
            _is_port_of(variable, old[name], plan, ports) for variable in variables
        ):
            found.discard("environment")
            found.add("variables")
        keys = tuple(_key(field, variables) for field in sorted(found - _DERIVED))
        if not keys:
            unchanged.append(name)
        elif found - _DERIVED <= _UPDATED_AT_ONCE:
            updated[name] = keys
        else:
            restarted[name] = keys
    removed = tuple(name for name in old if name not in plans)
    return Change(tuple(unchanged), updated, restarted, tuple(added), removed)


def _differences(old: InstancePlan, new: InstancePlan) -> set[str]:
    return {name for name, before in vars(old).items() if before != getattr(new, name)}


def _variables(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _is_port_of(variable: str, old: InstancePlan, new: InstancePlan, ports: frozenset[str]) -> bool:
    values = {old.environment.get(variable), new.environment.get(variable)}
    return None in values and bool(values & ports)


def _key(field: str, variables: list[str]) -> str:
    """The definition key of a field. For the environment, the variables follow."""
    if field not in ("environment", "variables"):
        return _NAMES.get(field, field)
    more = f" and {len(variables) - 4} more" if len(variables) > 4 else ""
    return f"environment ({', '.join(variables[:4])}{more})"
