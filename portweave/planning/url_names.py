"""What a service is called in a URL, and whether that name leads to it now."""

import os

from portweave.allocator.git_links import (
    repository_of,
    worktree_slug,
)
from portweave.allocator.lease_folders import state_dir
from portweave.allocator.names.route_names import (
    Claims,
    Place,
    WorktreeNames,
    route_name,
    settle,
)
from portweave.allocator.names_file import (
    NamesFile,
    now,
    read_claims,
)
from portweave.allocator.ports.registry import (
    load,
    registry_path,
)
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
    """What the services of a worktree are called in URLs, settled when its stack is planned.

    Attributes:
        project: The project's name.
        domain: What the names end in.
        port: Where the proxy listens, or will.
        scheme: What it speaks: `http` or `https`.
        variables: What has services trust its certificates, unless something else is said.
        remark: What the user is to know of the names; empty for nothing.
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
        """The URL of an instance's route; None where it has none.

        Args:
            service: The service.
            number: Which of its instances, from 1.
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
    """The names of a worktree.

    Args:
        project: The project's name.
        worktree: The worktree.
        environ: Says where registry and state lie, and which port is wanted.
        settled: What a stack that runs has been told: it keeps its names, whatever others have
            come since.
        keep: Whether they are the worktree's own from now on; else they are those that it would
            get.

    Raises:
        AuthorityError: With HTTPS: its certificates cannot be vouched for.
        RegistryDamagedError: The registry cannot be read.
        StateUnwritableError: They cannot be kept.
        TlsMissingError: With HTTPS: the libraries for it are not installed.
        UsageError: The port that is wanted is none.
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
    """What has programs trust the proxy's certificates: nothing where it speaks plain HTTP.

    Args:
        scheme: What the proxy speaks.
        environ: Says where the state lies.

    Raises:
        AuthorityError: Its certificates cannot be vouched for.
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
        # A service may ask for another as soon as it is started, and the proxy comes after it.
        from portweave.supervisor.proxy.tls.authority import open_authority

        store.ensure_dir()
        open_authority(folder)
    return variables(folder)


def wants_names(environ: "Mapping[str, str]") -> bool:
    """Whether the user's environment allows a proxy: not with `PORTWEAVE_PROXY=0`."""
    return environ.get("PORTWEAVE_PROXY", "").lower() not in _NEVER


def proxy_words(environ: "Mapping[str, str]") -> list[str]:
    """The command of the user's proxy; nothing where one runs.

    Raises:
        UsageError: The port that is wanted is none.
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
    """See to it that the user has a proxy; where that fails, it is told on stderr.

    Raises:
        UsageError: The port that is wanted is none.
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
    """The names of a worktree: those that it has, or would get.

    Args:
        project: The project's name.
        worktree: The worktree.
        environ: Says where registry and state lie.
        keep: Whether they are its own from now on.

    Raises:
        RegistryDamagedError: The registry cannot be read.
        StateUnwritableError: They cannot be kept.
    """
    folder = state_dir(environ)
    place, others = place_of(worktree.key), _others(environ)

    def find(claims: Claims) -> WorktreeNames:
        return settle(claims, place, project, others, now())

    found = find(read_claims(folder))
    if keep and found.is_new:
        with NamesFile(folder) as book:
            found = find(book.read())
            if found.is_new:
                book.write(found.claims)
    return found


def place_of(key: "Key") -> Place:
    """The worktree of a key of the registry, among all of the machine."""
    root, common_dir, namespace = key.worktree_root, key.git_common_dir, key.namespace
    slug = worktree_slug(root, common_dir, namespace)
    return Place(repository_of(root, common_dir), root, namespace, slug)


def _others(environ: "Mapping[str, str]") -> list[Place]:
    """The worktrees that have ports and that exist, or whose stack runs."""
    running = {stack.root for stack in live_stacks(stacks_dir(environ))}
    return [
        place_of(entry.key)
        for entry in load(registry_path(environ))
        if entry.key.worktree_root in running or os.path.isdir(entry.key.worktree_root)
    ]


def hostname_of(service: "Service", number: int, domain_name: str) -> str | None:
    """The name of an instance's route; None where it has none.

    Args:
        service: The service.
        number: Which of its instances, from 1.
        domain_name: From `settled_names`.
    """
    if service.hostname is False or service.env_var is None or why_no_link(service):
        return None
    own = service.hostname if isinstance(service.hostname, str) else service.name
    return route_name(own, number, domain_name)


def url_of(
    hostname: str | None, port: int, worktree: "Worktree", environ: "Mapping[str, str]"
) -> str:
    """Where what listens on a port is reached: by its name, if that leads there, else by the port.

    Args:
        hostname: From `hostname_of`.
        port: Its port.
        worktree: Its worktree, whose stack may have been given other names.
        environ: Says where the state lies.
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
