"""Pure. The snapshot of all allocations, in the shape that npm portweave's panel returns."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from portweave.encoding.json_text import code_units
from portweave.encoding.value import replace, value
from portweave.errors import DriftError
from portweave.panel.pull_requests import PullRequest
from portweave.planning.web_services import why_no_link
from portweave.procfiles.expand import Values, expand, placeholders
from portweave.procfiles.model import Definitions

_SCHEMES = frozenset({"http", "https", "ws", "wss"})
_NO_REPOSITORY = "(no repo)"


@value
class Link:
    """A URL of a service.

    Attributes:
        env_var: The variable that holds it; empty for the default URL.
        url: The URL.
    """

    env_var: str
    url: str


@value
class Service:
    """A service with a port.

    Attributes:
        name: Name of the service, or of one of its instances.
        env_var: The variable that holds its port; empty where it is unknown.
        port: Its port.
        links: Its URLs.
    """

    name: str
    env_var: str
    port: int
    links: tuple[Link, ...]

    def as_json(self, live: frozenset[int]) -> dict[str, object]:
        """Return it as an object.

        Args:
            live: Ports that have a listener.
        """
        return {
            "envVar": self.env_var,
            "links": [{"envVar": link.env_var, "url": link.url} for link in self.links],
            "name": self.name,
            "port": self.port,
            "status": "live" if self.port in live else "not-running",
        }


@value
class Facts:
    """Facts about a worktree from git, the disk and GitHub; None for an unknown one.

    Attributes:
        branch: The branch that is checked out.
        clean: Whether it equals its commit.
        size_bytes: Its size on the disk.
        pull_request: The pull request of its branch.
        is_main: Whether it is the main worktree of its repository.
        is_whole: Whether GitHub's answer is included, where portweave can ask GitHub.
    """

    branch: str | None = None
    clean: bool | None = None
    size_bytes: int | None = None
    pull_request: PullRequest | None = None
    is_main: bool = False
    is_whole: bool = True

    def as_json(self, root: str) -> dict[str, object]:
        """Return them as fields of a worktree.

        Args:
            root: The worktree's root.
        """
        return {
            "branch": self.branch,
            "diskSizeBytes": self.size_bytes,
            "kind": "main" if self.is_main else "linked",
            "prStatus": None if self.pull_request is None else self.pull_request.as_npm_json(),
            "removeCommand": f"git worktree remove {quoted(root)}",
            "safeToPrune": self.is_safe_to_prune,
            "workingTreeClean": self.clean,
        }

    @property
    def is_safe_to_prune(self) -> bool:
        """Whether everything in the worktree is known to be kept elsewhere."""
        is_done = self.pull_request is not None and self.pull_request.is_done
        return not self.is_main and is_done and self.clean is True


@value
class Worktree:
    """A worktree that has ports.

    Attributes:
        git_common_dir: Its repository; None outside git.
        namespace: Its namespace.
        root: Its root, absolute.
        last_used_at: ISO 8601.
        project_name: The name in its definition file; None where there is none.
        services: The services with a port.
        degraded: Why only its ports are known; None where all is known.
        facts: Facts about its files.
    """

    git_common_dir: str | None
    namespace: str
    root: str
    last_used_at: str
    project_name: str | None
    services: tuple[Service, ...]
    degraded: str | None
    facts: Facts = Facts()

    def with_facts(self, facts: Facts) -> "Worktree":
        """Return it with these facts."""
        return replace(self, facts=facts)

    def as_json(self, live: frozenset[int]) -> dict[str, object]:
        """Return it as an object; `live` holds the ports with a listener."""
        return {
            "degraded": self.degraded is not None,
            "degradedReason": self.degraded,
            "services": [service.as_json(live) for service in self.services],
            **self.facts.as_json(self.root),
            "lastUsedAt": self.last_used_at,
            "namespace": self.namespace,
            "worktreeRoot": self.root,
        }


def snapshot(
    worktrees: Sequence[Worktree],
    live: frozenset[int],
    *,
    generated_at: str,
    launch_supported: bool,
    pull_requests: bool,
) -> dict[str, object]:
    """Build the snapshot.

    Args:
        worktrees: All worktrees that have ports.
        live: Ports that have a listener.
        generated_at: ISO 8601.
        launch_supported: Whether portweave can open an editor.
        pull_requests: Whether portweave can ask GitHub.
    """
    groups: dict[str | None, list[Worktree]] = {}
    for worktree in worktrees:
        groups.setdefault(worktree.git_common_dir, []).append(worktree)
    projects: list[tuple[str, str | None, list[Worktree]]] = []
    for common_dir, members in groups.items():
        members.sort(key=lambda one: one.namespace)
        members.sort(key=lambda one: one.last_used_at, reverse=True)
        members.sort(key=lambda one: not any(s.port in live for s in one.services))
        projects.append((_label(common_dir, members), common_dir, members))
    projects.sort(
        key=lambda p: (p[0].casefold(), p[0].swapcase(), p[1] is None, code_units(p[1] or ""))
    )
    return {
        "generatedAt": generated_at,
        "launchSupported": launch_supported,
        "projects": [
            {
                "gitCommonDir": common_dir,
                "label": label,
                "worktrees": [worktree.as_json(live) for worktree in members],
            }
            for label, common_dir, members in projects
        ],
        "prStatusAvailable": pull_requests,
    }


def services_of(
    definitions: Definitions,
    ports: Mapping[str, int],
    *,
    namespace: str,
    git_common_dir: str | None,
    root: str,
) -> tuple[Service, ...]:
    """Return the services with a port, in the order of the definition file.

    Args:
        definitions: The services of the worktree.
        ports: Instance to port.
        namespace: The worktree's namespace.
        git_common_dir: Its repository; None outside git.
        root: Its root.

    Raises:
        DriftError: The block has no port for a service.
        PlaceholderError: A template names a variable without a value.
    """
    values = Values(ports, namespace=namespace, git_common_dir=git_common_dir, worktree_root=root)
    with_port = [service for service in definitions.services if service.env_var is not None]
    links: dict[str, list[Link]] = {service.name: [] for service in with_port}
    for service in definitions.services:
        for variable, template in service.discovery_env:
            url = expand(template, values, escapes=False)
            named = {name for name in placeholders(template, escapes=False) if name in links}
            owner = service.name if not named else named.pop() if len(named) == 1 else None
            known = links.get(owner or "")
            if known is not None and is_address(url) and all(link.url != url for link in known):
                known.append(Link(variable, url))
    found: list[Service] = []
    for service in with_port:
        if service.name not in ports:
            raise DriftError(service.name)
        port, own = ports[service.name], links[service.name]
        shown = tuple(own) if why_no_link(service) else _with_page(own, port)
        found.append(Service(service.name, service.env_var or "", port, shown))
    return tuple(found)


def bare_services(ports: Mapping[str, int]) -> tuple[Service, ...]:
    """Return services of which only names and ports are known."""
    return tuple(
        Service(name, "", ports[name], _with_page((), ports[name]))
        for name in sorted(ports, key=code_units)
    )


def is_address(text: str) -> bool:
    """Whether a text is an absolute URL that a browser or a WebSocket can open."""
    try:
        parts = urlsplit(text)
        # `hostname` and `port` raise for an invalid URL.
        return parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != -1
    except ValueError:
        return False


def quoted(text: str) -> str:
    """Quote a text as one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def _with_page(links: Sequence[Link], port: int) -> tuple[Link, ...]:
    if any(link.url.startswith(("http:", "https:")) for link in links):
        return tuple(links)
    return (*links, Link("", f"http://localhost:{port}"))


def _label(common_dir: str | None, members: Sequence[Worktree]) -> str:
    named = [one for one in members if one.project_name is not None]
    for worktree in [one for one in named if one.namespace == "main"] or named:
        return worktree.project_name or ""
    if common_dir is None:
        return _NO_REPOSITORY
    folder, _, name = common_dir.rpartition("/")
    return folder.rpartition("/")[2] if name == ".git" else name
