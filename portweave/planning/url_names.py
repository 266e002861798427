"""Choose the names of services in URLs, and find the URLs that work now."""

import os

from portweave.allocator.git_links import (
    repository_of,
    worktree_slug,
)
from portweave.allocator.names.route_names import (
    AssignedNames,
    Place,
    WorktreeNames,
    assign_names,
    route_name,
)
from portweave.allocator.names_file import (
    NamesFile,
    now,
    read_names,
)
from portweave.allocator.ports.registry import (
    load,
    registry_path,
)
from portweave.allocator.state_folder import state_dir
from portweave.encoding.host_labels import label
from portweave.errors import PortweaveError
from portweave.planning.web_services import why_no_link
from portweave.supervisor.proxy.process.proxy_files import (
    find_proxy,
    open_store,
    port_to_be,
    state_folder,
    wanted_port,
    wants_any_user,
    wants_tls,
)
from portweave.supervisor.registry.stack_records import (
    live_stacks,
    read_record,
    stack_key,
    stacks_dir,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

    from portweave.allocator.ports.model import Key
    from portweave.allocator.worktree import Worktree
    from portweave.planning.stack_request import StackNames
    from portweave.procfiles.model import Service

_HOST = "127.0.0.1"
_NEVER = frozenset({"0", "false", "no", "off"})


class Names:
    """The names of a worktree's services in URLs, chosen when its stack is planned.

    Attributes:
        project: The project's name.
        domain: The suffix of the names.
        port: The proxy's port, also if the proxy does not run yet.
        scheme: The proxy's scheme: `http` or `https`.
        variables: Variables that make services trust the proxy's certificates.
        remark: A remark for the user on the names; empty for none.
    """

    __slots__ = ("domain", "port", "project", "remark", "scheme", "variables")

    def __init__(
        self,
        project: str,
        domain: str,
        port: int,
        scheme: str = "http",
        variables: "Mapping[str, str] | None" = None,
        remark: str = "",
    ) -> None:
        self.remark = remark
        self.project = project
        self.domain = domain
        self.port = port
        self.scheme = scheme
        self.variables = variables or {}

    def url(self, service: "Service", number: int) -> str | None:
        """Return the URL of an instance's route; None if it has no route.

        Args:
            service: The service.
            number: The instance's number, from 1.
        """
        hostname = hostname_of(service, number, self.domain)
        return None if hostname is None else f"{self.scheme}://{hostname}:{self.port}"


def names_of(
    project: str,
    worktree: "Worktree",
    environ: "Mapping[str, str]",
    settled: "StackNames | None" = None,
    *,
    keep: bool = False,
) -> Names:
    """Return the names of a worktree.

    Args:
        project: The project's name.
        worktree: The worktree.
        environ: The variables of the user. They name the state folder and the proxy's port.
        settled: The names of the running stack, which it keeps; None if no stack runs.
        keep: Whether to reserve the names for the worktree.

    Raises:
        AuthorityError: With HTTPS: the certificate authority cannot be used.
        RegistryDamagedError: The registry cannot be read.
        StateUnwritableError: The names cannot be written.
        TlsMissingError: With HTTPS: the libraries for it are not installed.
        UsageError: `PORTWEAVE_PROXY_PORT` is not a port.
    """
    if settled is not None and settled.project == project:
        trusted = trust_variables(settled.scheme, environ)
        return Names(project, settled.domain, settled.port, settled.scheme, trusted)
    store = open_store(None, environ)
    port = port_to_be(store, wanted_port(environ))
    running = find_proxy(store)
    wished = "https" if wants_tls(environ) else "http"
    scheme = wished if running is None else running.scheme
    found = settled_names(project, worktree, environ, keep=keep)
    trusted = trust_variables(scheme, environ)
    return Names(project, found.domain, port, scheme, trusted, _remark(found, project))


def _remark(found: WorktreeNames, project: str) -> str:
    if found.holder is None:
        return ""
    return (
        f"the name {label(project) or project} belongs to {found.holder}, which had it first; here"
        f" it is {found.name} (projectName in the definition file gives another)"
    )


def trust_variables(scheme: str, environ: "Mapping[str, str]") -> dict[str, str]:
    """Return variables that make programs trust the proxy's certificates; none for plain HTTP.

    Args:
        scheme: The proxy's scheme.
        environ: The variables of the user. They name the state folder.

    Raises:
        AuthorityError: The certificate authority cannot be used.
        TlsMissingError: The libraries for HTTPS are not installed.
    """
    if scheme == "http":
        return {}
    from portweave.supervisor.proxy.tls.ca_files import (
        ca_path,
        variables,
    )

    store = open_store(None, environ)
    folder = state_folder(store)
    if not os.path.exists(ca_path(folder)):
        # A service may call another as soon as it starts. The proxy starts later.
        from portweave.supervisor.proxy.tls.authority import open_authority

        store.ensure_dir()
        open_authority(folder)
    return variables(folder)


def wants_names(environ: "Mapping[str, str]") -> bool:
    """Whether the user's environment allows a proxy: `PORTWEAVE_PROXY=0` does not."""
    return environ.get("PORTWEAVE_PROXY", "").lower() not in _NEVER


def proxy_words(environ: "Mapping[str, str]") -> list[str]:
    """Return the command that starts the user's proxy; empty if it runs.

    Raises:
        UsageError: `PORTWEAVE_PROXY_PORT` is not a port.
    """
    running = find_proxy(open_store(None, environ))
    if running is not None:
        if wants_tls(environ) and running.scheme == "http":
            from sys import stderr

            text = (
                f"[portweave] the proxy that runs (pid {running.pid}) speaks plain HTTP, whatever"
                " PORTWEAVE_TLS says: portweave proxy stop, then portweave proxy start --tls"
            )
            print(text, file=stderr)  # noqa: T201
        if wants_any_user(environ) and not running.any_user:
            from sys import stderr

            text = (
                f"[portweave] the proxy that runs (pid {running.pid}) serves its own user alone,"
                " whatever PORTWEAVE_PROXY_ANY_USER says: portweave proxy stop, then portweave"
                " proxy start --any-user"
            )
            print(text, file=stderr)  # noqa: T201
        return []
    from portweave.supervisor.proxy.process.command import words

    port = wanted_port(environ)
    linger = environ.get("PORTWEAVE_PROXY_LINGER")
    return words(
        port=None if port is None else str(port),
        tls=wants_tls(environ),
        any_user=wants_any_user(environ),
        for_stacks=True,
        linger=linger,
    )


def ensure_proxy(environ: "Mapping[str, str]") -> None:
    """Start the user's proxy if none runs; report a failure on stderr.

    Raises:
        UsageError: `PORTWEAVE_PROXY_PORT` is not a port.
    """
    words = proxy_words(environ)
    if not words:
        return
    from portweave.supervisor.proxy.process.start_proxy import start

    try:
        start(open_store(None, environ), words, environ)
    except (PortweaveError, OSError) as error:
        from sys import stderr

        print(f"[portweave] no proxy: {error}", file=stderr)  # noqa: T201


def settled_names(
    project: str, worktree: "Worktree", environ: "Mapping[str, str]", *, keep: bool
) -> WorktreeNames:
    """Return the names that a worktree has, or would get.

    Args:
        project: The project's name.
        worktree: The worktree.
        environ: The variables of the user. They name the folders of registry and state.
        keep: Whether to reserve the names for the worktree.

    Raises:
        RegistryDamagedError: The registry cannot be read.
        StateUnwritableError: The names cannot be written.
    """
    folder = state_dir(environ)
    place, others = place_of(worktree.key), _others(environ)

    def find(assigned: AssignedNames) -> WorktreeNames:
        return assign_names(assigned, place, project, others, now())

    found = find(read_names(folder))
    if keep and found.is_new:
        with NamesFile(folder) as book:
            found = find(book.read())
            if found.is_new:
                book.write(found.assigned)
    return found


def place_of(key: "Key") -> Place:
    """Return the place of a registry key among the worktrees of the machine."""
    root, common_dir, namespace = key.worktree_root, key.git_common_dir, key.namespace
    slug = worktree_slug(root, common_dir, namespace)
    return Place(repository_of(root, common_dir), root, namespace, slug)


def _others(environ: "Mapping[str, str]") -> list[Place]:
    """Return the worktrees with ports that exist, or whose stack runs."""
    running = {stack.root for stack in live_stacks(stacks_dir(environ))}
    return [
        place_of(entry.key)
        for entry in load(registry_path(environ))
        if entry.key.worktree_root in running or os.path.isdir(entry.key.worktree_root)
    ]


def hostname_of(service: "Service", number: int, domain_name: str) -> str | None:
    """Return the host name of an instance's route; None if it has no route.

    Args:
        service: The service.
        number: The instance's number, from 1.
        domain_name: The suffix, from `settled_names`.
    """
    if service.hostname is False or service.env_var is None or why_no_link(service):
        return None
    own = service.hostname if isinstance(service.hostname, str) else service.name
    return route_name(own, number, domain_name)


def url_of(
    hostname: str | None, port: int, worktree: "Worktree", environ: "Mapping[str, str]"
) -> str:
    """Return the URL of a port: with the host name if that leads there, or else with the port.

    Args:
        hostname: From `hostname_of`.
        port: The port.
        worktree: The port's worktree; its stack may have other names.
        environ: The variables of the user. They name the state folder.
    """
    store = open_store(None, environ)
    proxy = find_proxy(store)
    if hostname is not None and proxy is not None:
        folder = stacks_dir(environ)
        record = read_record(folder, stack_key(worktree.key.worktree_root, worktree.namespace))
        owner = None if record is None else record.pid
        for route in store.load_routes():
            if route.port == port and (route.hostname == hostname or route.pid == owner):
                return proxy.url(route.hostname)
    return f"http://{_HOST}:{port}"
