"""Plan stacks from requests: read definitions, allocate ports, choose names, plan instances."""

from portweave import errors
from portweave.encoding.value import as_dict, replace, value
from portweave.planning.allocation import AllocatedProject, allocate, write_namespace_env
from portweave.planning.definition_set import (
    DefinitionSet,
    request_like,
    united,
)
from portweave.planning.project import Project, find_project
from portweave.planning.stack_plan import make_plan
from portweave.planning.stack_request import StackNames, StackRequest
from portweave.planning.url_names import (
    Names,
    names_of,
    wants_names,
)
from portweave.supervisor.services.plan import StackPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from portweave.procfiles.model import Definitions


@value
class PlannedRequest:
    """A stack planned from one request.

    Attributes:
        request: The request, with the names and definitions that planning found.
        allocated: The worktree with its ports.
        plan: The plan of all instances.
    """

    request: StackRequest
    allocated: AllocatedProject
    plan: StackPlan


@value
class PlannedSet:
    """A stack planned from all of its requests.

    Attributes:
        definitions: All requests, with the names and definitions that planning found.
        kept: The same without requests whose definition files no longer exist.
        allocated: The worktree with its ports, for each kept request.
        plan: The plan of all instances.
    """

    definitions: DefinitionSet
    kept: DefinitionSet
    allocated: tuple[AllocatedProject, ...]
    plan: StackPlan


def requested_project(request: StackRequest) -> Project:
    """Find the worktree of a request, and read its definitions.

    Raises:
        PortweaveError: The definitions cannot be read, or are wrong.
    """
    return find_project(
        request.working_dir,
        config=request.config,
        count=request.count,
        environ=request.environ,
        scale=request.options.scale,
    )


def plan_request(
    request: StackRequest,
    *,
    prepare: "Callable[[Project], None] | None" = None,
    may_be_idle: bool = False,
    dry_run: bool = False,
) -> PlannedRequest:
    """Allocate ports for a request, and plan all instances.

    Args:
        request: The request.
        prepare: Called with the project before its files are read.
        may_be_idle: Whether a plan that starts nothing is allowed.
        dry_run: Whether to write nothing; the plan has the ports that an allocation would give.

    Raises:
        PortweaveError: The definitions are wrong, or no ports are free.
    """
    project = requested_project(request)
    if prepare is not None:
        prepare(project)
    allocated = allocate(project, dry_run=dry_run)
    if not dry_run:
        write_namespace_env(project.worktree.root, allocated.entry.namespace, allocated.env)
    names = _names_of(project, request, keep=not dry_run)
    definitions = project.definitions
    request = replace(
        request,
        names=request.names
        if names is None
        else StackNames(names.project, names.domain, names.port, names.scheme),
        files=tuple(definitions.paths),
        defined=(
            *(service.name for service in definitions.services),
            *(hook.name for hook in definitions.hooks),
        ),
    )
    plan = make_plan(allocated, request.options, request.environ, names, may_be_idle=may_be_idle)
    return PlannedRequest(request, allocated, plan)


def _names_of(project: Project, request: StackRequest, *, keep: bool) -> Names | None:
    if not request.options.with_proxy or not wants_names(request.environ):
        return None
    return names_of(project.name, project.worktree, request.environ, request.names, keep=keep)


def plan_set(
    definitions: DefinitionSet, *, may_be_idle: bool = False, dry_run: bool = False
) -> PlannedSet:
    """Plan a stack from all of its requests, as `plan_request` does from one.

    Args:
        definitions: The requests; at least one.
        may_be_idle: Whether a plan that starts nothing is allowed.
        dry_run: Whether to write nothing.

    Raises:
        PortweaveError: The definitions of one request are wrong, or no ports are free.
    """
    first, *others = definitions.requests
    may_be_idle = may_be_idle or bool(others)
    requests: list[StackRequest] = []
    planned: list[PlannedRequest] = []
    for other in others:
        request = other.with_names(first.names)
        try:
            planned.append(plan_request(request, may_be_idle=may_be_idle, dry_run=dry_run))
            request = planned[-1].request
        except errors.DefinitionsMissingError:
            # Its services end, as a service does that its file no longer defines.
            pass
        requests.append(request)
    # The first request is planned last: `.portweave/current.env` shall hold its variables.
    planned.insert(0, plan_request(first, may_be_idle=may_be_idle, dry_run=dry_run))
    kept: list[PlannedRequest] = []
    for one in planned:
        # If a file no longer exists, the search may find one of another request above it.
        if request_like((other.request for other in kept), one.request) is None:
            kept.append(one)
    return PlannedSet(
        replace(definitions, requests=(planned[0].request, *requests)),
        replace(definitions, requests=tuple(one.request for one in kept)),
        tuple(one.allocated for one in kept),
        united(one.plan for one in kept),
    )


def scaled(definitions: DefinitionSet, scale: "Mapping[str, int]") -> DefinitionSet:
    """Set the numbers of instances, each in the first request that defines the service.

    Earlier numbers of services that no longer exist are dropped.

    Args:
        definitions: The requests.
        scale: The number of instances by service.

    Raises:
        PortweaveError: The definitions of one request are wrong, or a service does not exist.
    """
    requests = list(definitions.requests)
    owners: dict[str, int] = {}
    for index, request in enumerate(requests):
        try:
            services = requested_project(request).definitions.services
        except errors.DefinitionsMissingError:
            continue
        names = [service.name for service in services]
        for name in names:
            owners.setdefault(name, index)
        kept = {name: n for name, n in request.options.scale.items() if name in names}
        requests[index] = request.with_scale(kept)
    for name, number in scale.items():
        if name not in owners:
            from portweave.procfiles.graph import unknown_service

            raise unknown_service(name, list(owners))
        request = requests[owners[name]]
        requests[owners[name]] = request.with_scale({**request.options.scale, name: number})
    return replace(definitions, requests=tuple(requests))


def check_profiles(definitions: "Definitions", names: "Sequence[str]") -> None:
    """Check that each profile is one of some service.

    Raises:
        UsageError: No service has one of the profiles.
    """
    known = sorted({profile for s in definitions.services for profile in s.profiles})
    for name in names:
        if name not in known:
            from portweave.procfiles.issues import nearest

            near = nearest(name, known)
            there = f"there are {', '.join(known)}" if known else "there are none at all"
            raise errors.UsageError(
                f'no service has the profile "{name}"',
                hint=f"did you mean {near}?" if near else there,
            )


def plan_as_json(plan: StackPlan) -> dict[str, object]:
    """Return a plan as a JSON object, which the supervisor reads."""
    return as_dict(plan)
