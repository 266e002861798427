"""Give a command that runs under a name a port of its own, and a route while it runs."""

import os

from portweave.allocator.names.hostnames import parse_hostname
from portweave.allocator.names.route_names import route_name
from portweave.allocator.naming import project_name
from portweave.allocator.worktree import locate
from portweave.encoding.host_labels import is_hostname
from portweave.encoding.value import value
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

# A lease ends with its owner. This limit is for an owner whose end is not noticed.
_DAY_S = 24 * 3600.0


@value
class NamedCommand:
    """A command that runs under a name.

    Attributes:
        words: Its words, with the arguments that its framework needs.
        env: Variables to add to its environment.
        lines: Lines to print for the user.
    """

    words: list[str]
    env: dict[str, str]
    lines: list[str]


def name_command(
    name: str,
    words: list[str],
    allocated: "AllocatedProject | None",
    *,
    cwd: str,
    environ: "Mapping[str, str]",
    force: bool,
) -> NamedCommand:
    """Give this process a port and a route; it becomes the command later.

    Args:
        name: A service of the project (`web`, `web.2`), whose port and route the command gets; or
            another name in the project; or a whole host name, with a dot.
        words: The command.
        allocated: The worktree with its ports; None without a definition file.
        cwd: The folder in which the command runs.
        environ: The variables of the user. They name the folders of registry and state.
        force: Whether to replace the route of another process.

    Raises:
        AuthorityError: With HTTPS: the certificate authority cannot be used.
        HostnameError: The name is not valid in a URL.
        PoolExhaustedError: No port is free.
        RouteConflictError: Another live process has the route.
        RouteLockError: The routes could not be locked.
        StateUnwritableError: The names of the project cannot be written.
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
    return NamedCommand(words, env, lines)


def _place(
    name: str, allocated: "AllocatedProject | None", cwd: str, environ: "Mapping[str, str]"
) -> tuple[str, int | None]:
    """Return the host name of the route, and the port if the name is a service's."""
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
                # Such a service gets a name only because the command asks for one.
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
