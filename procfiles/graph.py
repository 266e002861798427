"""Pure. The dependency graph of services: start order, cycles, and output formats."""

from portweave import errors
from portweave.encoding.value import value
from portweave.procfiles.model import Definitions, Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portweave.procfiles.model import Dependency


def find_cycle(services: tuple[Service, ...]) -> tuple[str, ...]:
    """A cycle of dependencies, its first name repeated at the end; empty where there is none.

    Args:
        services: The services in file order. Unknown dependencies are ignored.
    """
    by_name = {service.name: service for service in services}
    finished: set[str] = set()
    for service in services:
        path: list[str] = []
        on_path: set[str] = set()
        # Each name is visited twice: before its dependencies and after them (`is_done`).
        todo = [(service.name, False)]
        while todo:
            name, is_done = todo.pop()
            if is_done:
                path.pop()
                on_path.discard(name)
                finished.add(name)
                continue
            if name in on_path:
                return (*path[path.index(name) :], name)
            if name in finished:
                continue
            path.append(name)
            on_path.add(name)
            todo.append((name, True))
            todo += [
                (dependency.name, False)
                for dependency in reversed(by_name[name].depends_on)
                if dependency.name in by_name
            ]
    return ()


def start_order(definitions: Definitions) -> tuple[Service, ...]:
    """All services, each after its dependencies, otherwise in file order."""
    by_name = {service.name: service for service in definitions.services}
    order: dict[str, Service] = {}
    for service in definitions.services:
        todo = [(service.name, False)]
        while todo:
            name, is_done = todo.pop()
            if is_done:
                order.setdefault(name, by_name[name])
            elif name not in order:
                todo.append((name, True))
                todo += [(other.name, False) for other in reversed(by_name[name].depends_on)]
    return tuple(order.values())


def needed(definitions: Definitions, names: "Iterable[str]") -> tuple[Service, ...]:
    """The named services and all their dependencies, in file order.

    Raises:
        UsageError: No service has one of the names.
    """
    by_name = {service.name: service for service in definitions.services}
    wanted: set[str] = set()
    todo = list(names)
    for name in todo:
        if name not in by_name:
            raise unknown_service(name, list(by_name))
    while todo:
        name = todo.pop()
        if name not in wanted:
            wanted.add(name)
            todo += [dependency.name for dependency in by_name[name].depends_on]
    return tuple(service for service in definitions.services if service.name in wanted)


def unknown_service(name: str, known: list[str]) -> "errors.UsageError":
    """The error for the unknown service `name`, with the nearest known name as a hint."""
    from portweave.procfiles.issues import nearest

    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}"
    return errors.UsageError(f'no service is named "{name}"', hint=hint)


@value
class Branch:
    """A service in the tree of dependencies, and the services below it.

    Attributes:
        service: The service.
        waits: What it waits for, in file order.
        below: The services that start after this one, in start order.
        depth: The number of levels, its own included.
    """

    service: Service
    waits: "tuple[Dependency, ...]"
    below: "tuple[Branch, ...]"
    depth: int


def trees(definitions: Definitions) -> tuple[Branch, ...]:
    """All services as trees in start order; services without dependencies are the roots.

    A service with several dependencies stands once, below the one that starts last.
    """
    order = start_order(definitions)
    position = {service.name: index for index, service in enumerate(order)}
    below: dict[str, list[Branch]] = {service.name: [] for service in order}
    roots: list[Branch] = []
    # A service stands behind its dependencies, so its branch is whole before theirs.
    for service in reversed(order):
        under = tuple(reversed(below[service.name]))
        depth = 1 + max((other.depth for other in under), default=0)
        branch = Branch(service, service.depends_on, under, depth)
        parents = [other.name for other in service.depends_on]
        if parents:
            below[max(parents, key=lambda name: position[name])].append(branch)
        else:
            roots.append(branch)
    return tuple(reversed(roots))


def as_text(definitions: Definitions) -> str:
    """One line for each service in start order, with its dependencies and their conditions."""
    lines: list[str] = []
    for service in start_order(definitions):
        waits = [f"{other.name} ({other.condition})" for other in service.depends_on]
        lines.append(f"{service.name} <- {', '.join(waits)}" if waits else service.name)
    return "\n".join(lines)


def as_mermaid(definitions: Definitions) -> str:
    """A Mermaid flow chart; arrows go from a dependency to the service that waits for it."""
    number = {service.name: index for index, service in enumerate(definitions.services)}
    lines = ["flowchart LR"]
    lines += [f'    s{number[service.name]}["{service.name}"]' for service in definitions.services]
    lines += [
        f"    s{number[other.name]} -- {other.condition} --> s{number[service.name]}"
        for service in definitions.services
        for other in service.depends_on
    ]
    return "\n".join(lines)


def as_dot(definitions: Definitions) -> str:
    """A Graphviz graph. Names have only letters, digits, _ and -: quotes are enough."""
    lines = ["digraph portweave {", "    rankdir=LR;"]
    lines += [f'    "{service.name}";' for service in definitions.services]
    lines += [
        f'    "{other.name}" -> "{service.name}" [label="{other.condition}"];'
        for service in definitions.services
        for other in service.depends_on
    ]
    return "\n".join([*lines, "}"])


def as_json(definitions: Definitions) -> dict[str, object]:
    """Nodes in start order, and edges from a dependency to the service that waits for it."""
    order = start_order(definitions)
    return {
        "schemaVersion": 1,
        "nodes": [service.name for service in order],
        "edges": [
            {"from": other.name, "to": service.name, "condition": other.condition}
            for service in order
            for other in service.depends_on
        ],
    }
