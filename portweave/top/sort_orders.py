"""Pure. The orders in which `top` lists stacks and services."""

from collections.abc import Callable, Sequence
from typing import Any

from portweave.encoding.value import replace
from portweave.top.stack_rows import STATES, Service, Stack

# A service without a port is behind those with one.
_NO_PORT = 1 << 16
# What comes first has the smallest key. The key of a stack is the smallest of its services, or
# their sum where the second value is true.
_KEYS: dict[str, tuple[Callable[[Service], float], bool]] = {
    "trouble": (lambda one: one.urgency, False),
    "name": (lambda one: 0, False),
    "state": (lambda one: _rank(one.state), False),
    "cpu": (lambda one: -(one.percent or 0.0), True),
    "memory": (lambda one: -(one.rss_bytes or 0), True),
    "port": (lambda one: _NO_PORT if one.port is None else one.port, False),
    "restarts": (lambda one: -one.restarts, True),
}
ORDERS = tuple(_KEYS)


def sorted_stacks(stacks: Sequence[Stack], order: str) -> list[Stack]:
    """Return stacks and their services in an order; worktrees without a stack come last.

    In the order `trouble`, services without trouble keep the order of their names, so that they do
    not move when they start. In `state`, those that start come before those that are ready.

    Args:
        stacks: In any order.
        order: One of `ORDERS`.
    """
    key, is_sum = _KEYS[order]

    def of_service(service: Service) -> tuple[Any, ...]:
        return key(service), _by_number(service.name)

    def of_stack(stack: Stack) -> tuple[Any, ...]:
        found = [key(service) for service in stack.services]
        first = (sum(found) if is_sum else min(found)) if found else float(_NO_PORT)
        if order == "name":
            first = 0
        elif order == "trouble" and stack.problem:
            first = -1
        return not stack.is_running, first, stack.project.casefold(), *_named(stack)

    return [
        replace(stack, services=tuple(sorted(stack.services, key=of_service)))
        for stack in sorted(stacks, key=of_stack)
    ]


def _rank(state: str) -> int:
    return STATES.index(state) if state in STATES else len(STATES)


def _named(stack: Stack) -> tuple[Any, ...]:
    # The main worktree comes before the others of its project.
    return stack.namespace != "main", stack.namespace.casefold(), stack.root


def _by_number(name: str) -> tuple[str, int]:
    """Return a key that puts `web.10` behind `web.9`."""
    stem, _, number = name.rpartition(".")
    return (stem, int(number)) if stem and number.isdecimal() else (name, 0)
