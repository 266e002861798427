"""The definition files that one stack is of.

A worktree may have several, in several folders: `up` in each of these adds the services of its own
to the stack that runs. So a stack has an origin (see `launch`) for each, a part: the first, with
the others in it. A service that two of them define is that of the one which came first.
"""

import os

from portweave.encoding.json_write import (
    is_list,
    is_object,
)
from portweave.encoding.value import replace
from portweave.errors import DefinitionsMissingError
from portweave.planning.stack_request import (
    plan_of,
    project_of,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from portweave.planning.allocation import Prepared
    from portweave.supervisor.services.plan import StackPlan

    Origin = dict[str, object]


def parts_of(origin: "Mapping[str, object]") -> "list[Origin]":
    """The parts of a stack, from what it was started from; the first has the stack's names."""
    others = origin.get("others")
    first = {key: value for key, value in origin.items() if key != "others"}
    return (
        [first, *(dict(part) for part in others if is_object(part))] if is_list(others) else [first]
    )


def whole_of(parts: "list[Origin]") -> "Origin":
    """The reverse of `parts_of`."""
    first, *others = parts
    return {**first, "others": others} if others else first


def is_stale(answer: object) -> bool:
    """Whether a supervisor has refused a plan because the stack is of other parts by now."""
    return is_object(answer) and answer.get("stale") is True


def part_like(parts: "Iterable[Origin]", origin: "Mapping[str, object]") -> "Origin | None":
    """The part that is of the same definition files as `origin`; None where there is none."""
    files = files_of(origin)
    for part in parts:
        theirs = files_of(part)
        if files == theirs or set(files) & set(theirs):
            return part
    return None


def part_at(parts: "Iterable[Origin]", folder: str, config: str) -> "Origin | None":
    """The part that is of a definition file, which is relative to `folder`; None where none is."""
    path = os.path.normpath(os.path.join(os.path.realpath(folder), config))
    return next((part for part in parts if path in files_of(part)), None)


def files_of(origin: "Mapping[str, object]") -> list[str]:
    """The definition files that it was last planned from."""
    return _defined(origin, "files")


def services_of(origin: "Mapping[str, object]") -> list[str]:
    """The services that these defined."""
    return _defined(origin, "services")


def plan_parts(
    parts: "list[Origin]", *, may_be_idle: bool = False, dry_run: bool = False
) -> "tuple[list[Origin], list[Prepared], StackPlan]":
    """Plan a stack from all of its parts, as `plan_of` does from one.

    Returns:
        The parts without those whose definition file has gone, what is prepared for each, and the
        plan of all.

    Raises:
        PortweaveError: The definitions of one are wrong, or there are no ports.
    """
    first, *others = parts
    may_be_idle = may_be_idle or bool(others)
    found: list[tuple[Origin, Prepared, StackPlan]] = []
    for part in others:
        names = first.get("names")
        part |= {"names": names, "noProxy": names is None}
        try:
            found.append((part, *plan_of(part, may_be_idle=may_be_idle, dry_run=dry_run)))
        except DefinitionsMissingError:
            # As with a service that is no longer there.
            continue
    # The last, so that `.portweave/current.env` is that of the first.
    found.insert(0, (first, *plan_of(first, may_be_idle=may_be_idle, dry_run=dry_run)))
    kept: list[Origin] = []
    prepared: list[Prepared] = []
    plans: list[StackPlan] = []
    for part, its, plan in found:
        # Where one has gone, another may be found above it, which is there already.
        if part_like(kept, part) is None:
            kept.append(part)
            prepared.append(its)
            plans.append(plan)
    return kept, prepared, _united(plans)


def set_scale(parts: "list[Origin]", scale: "Mapping[str, int]") -> None:
    """Have services have so many instances, each by the part that defines it.

    What was said before of a service that is no longer there does not count any more.

    Raises:
        PortweaveError: The definitions of one are wrong, or there is no such service.
    """
    owners: dict[str, Origin] = {}
    for part in parts:
        try:
            services = project_of(part).definitions.services
        except DefinitionsMissingError:
            continue
        before = part.get("scale")
        names = [service.name for service in services]
        for name in names:
            owners.setdefault(name, part)
        kept = before.items() if is_object(before) else ()
        part["scale"] = {name: number for name, number in kept if name in names}
    for name, number in scale.items():
        if name not in owners:
            from portweave.procfiles.graph import unknown_service

            raise unknown_service(name, list(owners))
        before = owners[name]["scale"]
        owners[name]["scale"] = {**(before if is_object(before) else {}), name: number}


def without(plan: "StackPlan", services: "Iterable[str]") -> "StackPlan":
    """A plan without some services."""
    left = tuple(i for i in plan.instances if i.service not in services)
    return replace(plan, instances=left, wanted=plan.wanted & {i.name for i in left})


def _united(plans: "list[StackPlan]") -> "StackPlan":
    whole, *others = plans
    for plan in others:
        more = without(plan, {instance.service for instance in whole.instances})
        whole = replace(
            whole,
            instances=whole.instances + more.instances,
            wanted=whole.wanted | more.wanted,
            left_out=(*whole.left_out, *plan.left_out),
            warnings=tuple(dict.fromkeys((*whole.warnings, *plan.warnings))),
        )
    return whole


def _defined(origin: "Mapping[str, object]", key: str) -> list[str]:
    defined = origin.get("defined")
    found = defined.get(key) if is_object(defined) else None
    return [str(item) for item in found] if is_list(found) else []
