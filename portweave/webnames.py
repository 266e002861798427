"""What a service is called in a URL, and whether that name leads to it now."""

import os

from portweave.allocator.naming import project_name
from portweave.allocator.registry import load, registry_path
from portweave.allocator.routenames import Place, domain, route_name
from portweave.supervisor.paths import live_stacks, stacks_dir
from portweave.supervisor.proxy.station import find_proxy, open_store

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

    from portweave.allocator.worktree import Worktree
    from portweave.procfiles.model import Service

_HOST = "127.0.0.1"


def domain_of(project: str, worktree: "Worktree", environ: "Mapping[str, str]") -> str:
    """What the names of a worktree's routes end in.

    Args:
        project: The project's name.
        worktree: The worktree.
        environ: Says where registry and state lie.

    Raises:
        RegistryDamagedError: The registry cannot be read.
    """
    place = Place(project, worktree.git_common_dir or worktree.root, worktree.namespace)
    return domain(place, _others(environ, worktree.root))


def _others(environ: "Mapping[str, str]", root: str) -> list[Place]:
    """The machine's other worktrees: those that have ports, and still are."""
    # A project's own name is only known of those that run.
    named = {stack.root: stack.project for stack in live_stacks(stacks_dir(environ))}
    found: list[Place] = []
    for entry in load(registry_path(environ)):
        key = entry.key
        other = key.worktree_root
        if other == root or not os.path.isdir(other):
            continue
        repository = key.git_common_dir or other
        name = named.get(other) or project_name(repository.removesuffix("/.git"))
        found.append(Place(name, repository, key.namespace))
    return found


def hostname_of(service: "Service", number: int, domain_name: str) -> str | None:
    """The name of an instance's route; None where it has none.

    Args:
        service: The service.
        number: Which of its instances, from 1.
        domain_name: From `domain_of`.
    """
    if service.hostname is False or service.env_var is None:
        return None
    own = service.hostname if isinstance(service.hostname, str) else service.name
    return route_name(own, number, domain_name)


def url_of(hostname: str | None, port: int, environ: "Mapping[str, str]") -> str:
    """Where what listens on a port is reached: by its name, if that leads there, else by the port.

    Args:
        hostname: From `hostname_of`.
        port: Its port.
        environ: Says where the state lies.
    """
    if hostname is not None:
        store = open_store(None, environ)
        proxy = find_proxy(store)
        if proxy is not None and any(
            route.hostname == hostname and route.port == port for route in store.load_routes()
        ):
            return f"http://{hostname}:{proxy.port}"
    return f"http://{_HOST}:{port}"
