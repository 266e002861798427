"""Pure. The content of the index: all names of the machine, or of one project."""

from collections.abc import Mapping, Sequence

from portweave.allocator.names.hostnames import PANEL_HOST, TLD
from portweave.encoding.value import value
from portweave.supervisor.proxy.http.pages.error_pages import Origin
from portweave.supervisor.proxy.http.pages.nearest_names import project_of
from portweave.supervisor.proxy.http.pages.page import NameGroup, NameRow, Page, State


@value
class NamedPort:
    """A registered name.

    Attributes:
        hostname: The name.
        port: The port behind it.
        owner: The process that registered it; 0 for an alias.
    """

    hostname: str
    port: int
    owner: int = 0


@value
class StackSummary:
    """A stack with names.

    Attributes:
        project: The project's name.
        namespace: The worktree's namespace.
        folder: The worktree's root; empty if it is not shown.
        branch: The branch that is checked out; empty if unknown.
        states: The state of each service with a port, by its port.
        is_silent: Whether its supervisor does not answer.
    """

    project: str
    namespace: str
    folder: str = ""
    branch: str = ""
    states: Mapping[int, State] = {}
    is_silent: bool = False


def is_index(name: str, hostnames: Sequence[str]) -> bool:
    """Whether a name without a route is that of an index: `localhost`, or `shop.localhost`.

    Args:
        name: The host name.
        hostnames: The registered names.
    """
    return name == TLD or bool(within(name, hostnames))


def within(name: str, hostnames: Sequence[str]) -> list[str]:
    """The registered names of an index; a project has only names with more labels than its own."""
    if name == TLD:
        # The panel has a link of its own.
        return [host for host in hostnames if host != PANEL_HOST]
    if name.count(".") != 1:
        return []
    return [host for host in hostnames if host.endswith(f".{name}")]


def index(
    name: str,
    names: Sequence[NamedPort],
    stacks: Mapping[int, StackSummary],
    origin: Origin,
    links: tuple[tuple[str, str], ...] = (),
) -> Page:
    """The index page of a name.

    Args:
        name: `localhost`, or a project's name.
        names: The registered names of the index.
        stacks: Stacks by the process that registered their names.
        origin: How the proxy is reached.
        links: (text, URL) pairs for the end of the page.
    """
    is_whole = name == TLD
    title = "All names" if is_whole else f"Names of {name.removesuffix(f'.{TLD}')}"
    groups: list[NameGroup] = []
    others: list[NameRow] = []
    owners = dict.fromkeys(one.owner for one in names)
    for owner in sorted(owners, key=lambda one: _order(stacks.get(one))):
        stack = stacks.get(owner)
        rows = [_row(one, stack, origin) for one in names if one.owner == owner]
        if stack is None:
            others += rows
        else:
            groups.append(_group(stack, rows, is_whole=is_whole))
    if others:
        groups.append(NameGroup("Other names:" if groups else "Names:", tuple(others)))
    lines = () if groups else ("No names are registered. portweave up registers a stack's names.",)
    return Page(200, title, lines, groups=tuple(groups), links=links)


def _order(stack: StackSummary | None) -> tuple[bool, str, bool, str]:
    """Projects by name, and of each the main worktree first."""
    if stack is None:
        return True, "", False, ""
    return False, stack.project, stack.namespace != "main", stack.namespace


def _row(one: NamedPort, stack: StackSummary | None, origin: Origin) -> NameRow:
    state = None if stack is None else stack.states.get(one.port)
    return NameRow(one.hostname, origin.url(one.hostname), state, one.port)


def _group(stack: StackSummary, rows: list[NameRow], *, is_whole: bool) -> NameGroup:
    # The branch tells people more than the namespace, which ends with a hash.
    worktree = stack.branch or stack.namespace
    facts = [stack.namespace] if worktree != stack.namespace else []
    facts += ["its supervisor does not answer"] if stack.is_silent else []
    title = f"{stack.project} / {worktree}:" if is_whole else f"{worktree}:"
    return NameGroup(title, tuple(rows), tuple(facts), stack.folder)


def projects_of(hostnames: Sequence[str]) -> list[str]:
    """The names of the projects of registered names, as index names: `shop.localhost`."""
    found = dict.fromkeys(project_of(host) for host in hostnames if host.count(".") > 1)
    return [f"{project}.{TLD}" for project in found if project]
