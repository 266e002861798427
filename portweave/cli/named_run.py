"""A command that is run under a name: with a port of its own, and a route to it while it lives."""

import os

from portweave.allocator.names.hostnames import parse_hostname
from portweave.allocator.names.route_names import route_name
from portweave.allocator.naming import project_name
from portweave.allocator.worktree import locate
from portweave.encoding.host_labels import is_hostname
from portweave.errors import HostnameError
from portweave.leases import take_lease
from portweave.planning.package_scripts import PackageFiles
from portweave.planning.port_arguments import (
    Fitting,
    fit,
)
from portweave.planning.url_names import (
    hostname_of,
    settled_names,
    trust_variables,
)
from portweave.planning.web_services import why_no_link
from portweave.supervisor.proxy.process.proxy_files import (
    find_proxy,
    open_store,
    url_to_be,
)
from portweave.supervisor.proxy.tls.ca_files import without_overruling

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

    from portweave.planning.allocation import AllocatedProject

# A lease ends with its owner; this is for one that is not seen to end.
_DAY_S = 24 * 3600.0


class Named:
    """A command with a name.

    Attributes:
        words: Its words, with what its framework needs behind them.
        env: What it finds in its environment besides.
        lines: What to say.
    """

    __slots__ = ("env", "lines", "words")

    def __init__(self, words: list[str], env: dict[str, str], lines: list[str]) -> None:
        self.words = words
        self.env = env
        self.lines = lines


def name_command(
    name: str,
    words: list[str],
    allocated: "AllocatedProject | None",
    *,
    cwd: str,
    environ: "Mapping[str, str]",
    force: bool,
) -> Named:
    """Give this process, which is to become the command, a port and a route.

    Args:
        name: A service of the project (`web`, `web.2`), whose port and route it gets; another name
            in the project; or with a dot in it, the whole name.
        words: The command.
        allocated: The worktree with its ports; None where there is no definition file.
        cwd: Where the command runs.
        environ: Says where registry and state lie.
        force: Whether it replaces the route of another process.

    Raises:
        AuthorityError: With HTTPS: its certificates cannot be vouched for.
        HostnameError: The name cannot stand in a URL.
        PoolExhaustedError: There is no port for it.
        RouteConflictError: Another living process has the route.
        RouteLockError: The routes could not be locked.
        StateUnwritableError: The name of the project cannot be kept.
        TlsMissingError: With HTTPS: the libraries for it are not installed.
    """
    hostname, port = _place(name, allocated, cwd, environ)
    if port is None:
        port = take_lease(1, _DAY_S, owner_pid=os.getpid(), environ=environ).ports[0]
    store = open_store(None, environ)
    store.add_route(hostname, port, os.getpid(), force=force)
    proxy = find_proxy(store)
    url = url_to_be(hostname, environ) if proxy is None else proxy.url(hostname)
    trusted = trust_variables(url.partition(":")[0], environ)
    lines = [f"[portweave] {url} → {port}"]
    if proxy is None:
        lines.append("[portweave] no proxy runs: portweave proxy start")
    fitting = fit(words, PackageFiles(cwd), secure=url.startswith("https:"))
    env = without_overruling(trusted, environ)
    if isinstance(fitting, Fitting):
        words = [*words, *fitting.with_port(port)]
        env |= {name: text for name, text in fitting.env if name not in environ}
    env |= {"PORT": str(port), "HOST": "127.0.0.1", "PORTWEAVE_URL": url}
    return Named(words, env, lines)


def _place(
    name: str, allocated: "AllocatedProject | None", cwd: str, environ: "Mapping[str, str]"
) -> tuple[str, int | None]:
    """The name of the route, and the port where that is settled."""
    if allocated is None:
        if "." in name:
            return parse_hostname(name), None
        worktree = locate(cwd, environ)
        if worktree.git_common_dir is None:
            return parse_hostname(name), None
        project = project_name(worktree.main_root)
    else:
        worktree, project = allocated.project.worktree, allocated.project.name
    domain_name = settled_names(project, worktree, environ, keep=True).domain
    if allocated is not None:
        instance = allocated.project.instances().get(name)
        if instance is not None:
            service, number = instance
            hostname = hostname_of(service, number, domain_name)
            if why_no_link(service):
                # It has none by itself, but is asked for one here.
                hostname = route_name(service.name, number, domain_name)
            if hostname is not None:
                is_first = number == 1
                port = allocated.effective_port(service) if is_first else allocated.ports[name]
                return hostname, port
    if "." in name:
        return parse_hostname(name), None
    if not is_hostname(name):
        raise HostnameError(
            f'"{name}" cannot stand in a URL', hint="letters, digits and hyphens may"
        )
    return route_name(name, 1, domain_name), None
