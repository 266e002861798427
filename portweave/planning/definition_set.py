"""Pure. The requests that one stack is planned from, as a value and as JSON.

A worktree may have definition files in several folders. `up` in each of them adds its services to
the running stack. So a stack has one request for each set of definition files. A service that two
sets define belongs to the first.
"""

from collections.abc import Collection, Iterable, Mapping

from portweave.encoding.json_text import is_list, is_object
from portweave.encoding.value import replace, value
from portweave.planning.stack_request import StackNames, StackRequest, request_from_json
from portweave.supervisor.services.plan import StackPlan


@value
class DefinitionSet:
    """The requests of one stack.

    Attributes:
        requests: In the order in which `up` added them.
        by_program: Whether a program started the stack, and not `up`. The program's own services
            have no request.
        changes: How often the supervisor has changed its plan; None if it has not said.
    """

    requests: tuple[StackRequest, ...]
    by_program: bool = False
    changes: int | None = None

    @property
    def names(self) -> StackNames | None:
        """The names in URLs that all services of the stack share."""
        return None if self.by_program else self.requests[0].names

    def replaced(self, old: StackRequest, new: StackRequest) -> "DefinitionSet":
        """Return the set with one request in place of another."""
        return replace(self, requests=tuple(new if r is old else r for r in self.requests))

    def as_json(self) -> dict[str, object]:
        """Return the set as the JSON object that the supervisor keeps: the first, with others."""
        requests = [request.as_json() for request in self.requests]
        whole = {} if self.by_program else requests.pop(0)
        if self.changes is not None:
            whole["changes"] = self.changes
        if requests:
            whole["others"] = requests
        return whole


def definitions_from_json(data: object) -> DefinitionSet:
    """Read the answer of `/supervisor/origin`, as the supervisor of any portweave gives it."""
    first: Mapping[str, object] = data if is_object(data) else {}
    others, changes = first.get("others"), first.get("changes")
    by_program = "workingDir" not in first
    requests = [] if by_program else [request_from_json(first)]
    if is_list(others):
        requests += [request_from_json(other) for other in others if is_object(other)]
    return DefinitionSet(tuple(requests), by_program, changes if isinstance(changes, int) else None)


def is_stale(answer: object) -> bool:
    """Whether a supervisor refused a plan because another client changed the stack first."""
    return is_object(answer) and answer.get("stale") is True


def request_like(requests: Iterable[StackRequest], request: StackRequest) -> StackRequest | None:
    """Find the request with a definition file in common; None if there is none.

    Requests without any file, for a number of ports, are alike.
    """
    files = request.files
    for other in requests:
        if files == other.files or set(files) & set(other.files):
            return other
    return None


def request_of_file(requests: Iterable[StackRequest], path: str) -> StackRequest | None:
    """Find the request with a definition file, given as an absolute path; None if there is none."""
    return next((request for request in requests if path in request.files), None)


def without(plan: StackPlan, services: Collection[str]) -> StackPlan:
    """Return a plan without some services."""
    left = tuple(i for i in plan.instances if i.service not in services)
    return replace(plan, instances=left, wanted=plan.wanted & {i.name for i in left})


def united(plans: Iterable[StackPlan]) -> StackPlan:
    """Unite the plans of several definition sets; a service is planned as in the first with it."""
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
