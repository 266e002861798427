"""What a service is called in a URL, and whether that name leads to it now."""

import os

from portweave.allocator.naming import project_name
from portweave.allocator.registry import load, registry_path
from portweave.allocator.routenames import Place, domain, route_name
from portweave.errors import PortweaveError
from portweave.supervisor.paths import live_stacks, read_record, stack_key, stacks_dir
from portweave.supervisor.proxy.station import (
    find_proxy,
    open_store,
    port_to_be,
    state_folder,
    wanted_port,
    wants_tls,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

    from portweave.allocator.worktree import Worktree
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
    """

    __slots__ = ("domain", "port", "project", "scheme", "variables")

    def __init__(
        self,
        project: str,
        domain: str,
        port: int,
        scheme: str = "http",
        variables: "Mapping[str, str] | None" = None,
    ) -> None:
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
    settled: "Mapping[str, object] | None" = None,
) -> Names:
    """The names of a worktree.

    Args:
        project: The project's name.
        worktree: The worktree.
        environ: Says where registry and state lie, and which port is wanted.
        settled: What a stack that runs has been told: it keeps its names, whatever others have
            come since.

    Raises:
        AuthorityError: With HTTPS: its certificates cannot be vouched for.
        RegistryDamagedError: The registry cannot be read.
        TlsMissingError: With HTTPS: the libraries for it are not installed.
        UsageError: The port that is wanted is none.
    """
    if settled is not None and settled.get("project") == project:
        kept, port = settled.get("domain"), settled.get("port")
        if isinstance(kept, str) and isinstance(port, int):
            scheme = "https" if settled.get("scheme") == "https" else "http"
            return Names(project, kept, port, scheme, trust_variables(scheme, environ))
    store = open_store(None, environ)
    port = port_to_be(store, wanted_port(environ))
    running = find_proxy(store)
    wished = "https" if wants_tls(environ) else "http"
    scheme = wished if running is None else running.scheme
    domain_name = domain_of(project, worktree, environ)
    return Names(project, domain_name, port, scheme, trust_variables(scheme, environ))


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
    from portweave.supervisor.proxy.cafiles import ca_path, variables

    store = open_store(None, environ)
    folder = state_folder(store)
    if not os.path.exists(ca_path(folder)):
        # A service may ask for another as soon as it is started, and the proxy comes after it.
        from portweave.supervisor.proxy.authority import open_authority

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
        return []
    from portweave.supervisor.proxy.command import words

    port = wanted_port(environ)
    linger = environ.get("PORTWEAVE_PROXY_LINGER")
    return words(
        port=None if port is None else str(port),
        tls=wants_tls(environ),
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
    from portweave.supervisor.proxy.start import start

    try:
        start(open_store(None, environ), words, environ)
    except (PortweaveError, OSError) as error:
        from sys import stderr

        print(f"[portweave] no proxy: {error}", file=stderr)  # noqa: T201


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
