"""Read the parameters of control commands.

Parameters are positional. A name means a service (all its instances) or an instance (`web.2`). No
names mean all instances. Parameters of a wrong type raise `RefusedError`.
"""

import re
import signal
from collections.abc import Mapping
from typing import Any, get_type_hints

from portweave import errors
from portweave.encoding.json_text import is_list, is_object
from portweave.supervisor.control.server import (
    INVALID_PARAMS,
    RefusedError,
)
from portweave.supervisor.services.plan import (
    InstancePlan,
    StackPlan,
)


def instance_names(plans: Mapping[str, InstancePlan], params: list[object]) -> list[str]:
    """The instances that the first parameter names; empty without names.

    Raises:
        UnknownServiceError: A name fits no instance.
    """
    given = params[0] if params else None
    if given is None:
        return []
    if isinstance(given, str):
        given = [given]
    if not is_list(given) or not all(isinstance(name, str) for name in given):
        raise RefusedError(INVALID_PARAMS, "names come as a list of texts")
    found: list[str] = []
    for name in given:
        some = [p.name for p in plans.values() if name in (p.name, p.service, p.full_name)]
        if not some:
            services = dict.fromkeys(plan.service for plan in plans.values())
            raise errors.UnknownServiceError(str(name), list(services))
        found += [one for one in some if one not in found]
    return found


def instance_name(plans: Mapping[str, InstancePlan], params: list[object]) -> str:
    """The first instance that the first parameter names.

    Raises:
        UnknownServiceError: A name fits no instance.
    """
    names = instance_names(plans, params)
    if not names:
        raise RefusedError(INVALID_PARAMS, "it takes the name of a service")
    return names[0]


def event_count(params: list[object]) -> int:
    """The second parameter, a number of past events; 0 if it is missing."""
    count = params[1] if len(params) > 1 else None
    if count is None:
        return 0
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise RefusedError(INVALID_PARAMS, "a number of past events is 0 or more")
    return count


def terminal_size(values: list[object]) -> tuple[int, int]:
    """Rows and columns of a terminal."""
    rows, columns = (*values, None, None)[:2]
    if not (isinstance(rows, int) and isinstance(columns, int)):
        raise RefusedError(INVALID_PARAMS, "a size is rows and columns")
    # struct winsize has 16 bits for each.
    return max(1, min(rows, 0xFFFF)), max(1, min(columns, 0xFFFF))


def signal_number(text: object) -> int:
    """A signal by name, with or without SIG, or by number."""
    known = {s.name: int(s) for s in signal.Signals}
    if isinstance(text, int) or (isinstance(text, str) and text.isascii() and text.isdigit()):
        number = int(text)
        if number in known.values():
            return number
    if isinstance(text, str):
        name = text.upper()
        if (name if name.startswith("SIG") else f"SIG{name}") in known:
            return known[name if name.startswith("SIG") else f"SIG{name}"]
    raise RefusedError(INVALID_PARAMS, f"there is no signal {text!r}")


def stack_plan(value: object) -> StackPlan:
    """A plan of the stack, with all types checked."""
    # A parser of our own would be as long as the plan.
    import msgspec

    try:
        plan: Any = msgspec.convert(value, StackPlan, dec_hook=_as_value)
    except msgspec.ValidationError as error:
        raise RefusedError(INVALID_PARAMS, f"not a plan: {error}") from error
    assert isinstance(plan, StackPlan)
    if wrong := _defect(plan):
        raise RefusedError(INVALID_PARAMS, f"not a plan: {wrong}")
    return plan


def _as_value(kind: type, found: object) -> object:
    """A value of one of our own kinds, its fields with their types checked."""
    import msgspec

    if not is_object(found):
        raise msgspec.ValidationError(f"Expected an object, got `{type(found).__name__}`")
    hints = get_type_hints(kind)
    fields = {
        name: msgspec.convert(found[name], kind_of, dec_hook=_as_value)
        for name, kind_of in hints.items()
        if name in found
    }
    try:
        return kind(**fields)
    except TypeError as error:
        raise msgspec.ValidationError(f"{kind.__name__}: {error}") from error


def _defect(plan: StackPlan) -> str:
    """What types do not tell, and what would break more than one service; empty if all is well."""
    if len({instance.name for instance in plan.instances}) < len(plan.instances):
        return "two instances have one name"
    for instance in plan.instances:
        if not instance.argv:
            return f"{instance.name} has no command"
        try:
            re.compile(instance.ready.log or "")
        except re.error as error:
            return f"the pattern of {instance.name}: {error}"
    return ""
