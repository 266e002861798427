"""Gather what the proxy's pages tell. The first page imports this module."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from portweave.allocator.names.hostnames import PANEL_HOST
from portweave.encoding.value import replace
from portweave.supervisor.proxy.http.pages import error_pages
from portweave.supervisor.proxy.http.pages.error_pages import Origin, ServiceFacts
from portweave.supervisor.proxy.http.pages.index_page import (
    NamedPort,
    index,
    is_index,
    projects_of,
    within,
)

if TYPE_CHECKING:
    from portweave.supervisor.proxy.http.http1_heads import Request
    from portweave.supervisor.proxy.http.pages.index_page import StackSummary
    from portweave.supervisor.proxy.http.pages.page import Page
    from portweave.supervisor.proxy.http.upstream_status import (
        StackStatus,
        Target,
        UpstreamStatus,
    )

# A page comes without what takes longer to find out.
WITHIN_S = 0.3
_INDEX = "localhost"

_T = TypeVar("_T")


class PageSource:
    """Makes the pages of a proxy.

    Args:
        stacks: Looks up the state of services.
        origin: How the proxy is reached.
        routes: The routes, without those for all names below another one.
        is_own: Whether the reader is the user of the proxy.
        is_shared: Whether the proxy serves other users. Then its pages tell no output and no
            folders: these may be private.
    """

    def __init__(
        self,
        stacks: "StackStatus",
        origin: Origin,
        routes: "Sequence[Target]",
        *,
        is_own: bool,
        is_shared: bool,
    ) -> None:
        self._stacks = stacks
        self._origin = origin
        self._routes = routes
        self._names = [route.hostname for route in routes]
        self._is_own = is_own
        self._is_private = is_own and not is_shared

    async def unknown(self, request: "Request") -> "Page":
        """Return the page for a name without a route: an index, or an error."""
        name = request.name
        path = request.target.partition(b"?")[0]
        is_asked = path == b"/" and request.method in (b"GET", b"HEAD")
        if self._is_own and is_asked and name != PANEL_HOST and is_index(name, self._names):
            return await self._index(name)
        known = self._names
        indexes: list[str] = []
        idle: tuple[error_pages.IdleWorktree, ...] = ()
        if self._is_own:
            indexes = [one for one in projects_of(known) if one not in (*known, name)]
        if self._is_private:
            idle = await _within(self._stacks.find_idle(name), idle)
        return error_pages.unknown(name, known, self._origin, idle, indexes, self._links())

    async def _index(self, name: str) -> "Page":
        inside = set(within(name, self._names))
        names = [
            NamedPort(route.hostname, route.port, getattr(route, "pid", 0))
            for route in self._routes
            if route.hostname in inside
        ]
        owners = {one.owner for one in names if one.owner > 0}
        stacks = await _within(self._stacks.summarise(owners), {})
        if not self._is_private:
            stacks = {owner: _without_folder(one) for owner, one in stacks.items()}
        return index(name, names, stacks, self._origin, self._links(besides=name))

    async def not_up(self, target: "Target", status: "UpstreamStatus") -> "Page":
        """Return the page for a service with no listener."""
        found = [port for port in status.ports if port != target.port]
        facts = await self._facts(target, status)
        return error_pages.wrong_port(facts, found) if found else error_pages.not_up(facts)

    async def broken(self, target: "Target", status: "UpstreamStatus", why: str) -> "Page":
        """Return the page for a service with an invalid answer.

        Args:
            target: Its route.
            status: Its state.
            why: The reason in words.
        """
        return error_pages.broken(await self._facts(target, status), why)

    async def _facts(self, target: "Target", status: "UpstreamStatus") -> ServiceFacts:
        is_private = self._is_private
        folder = status.folder if is_private else ""
        branch = await _within(self._stacks.branch_of(status.folder), "") if is_private else ""
        return ServiceFacts(
            target.hostname,
            target.port,
            phase=status.phase,
            text=status.state,
            # A reason may quote what the service printed.
            reason=status.reason if is_private else "",
            since_s=status.since_s,
            output=status.output if is_private else "",
            service=status.service,
            stack=status.stack if self._is_own else "",
            branch=branch,
            folder=folder,
            may_act=self._is_own,
            links=self._links(view=_panel_view(status)),
        )

    def _links(self, *, view: str = "", besides: str = "") -> tuple[tuple[str, str], ...]:
        """The links at the end of a page.

        Args:
            view: The part of the panel's URL that names a view.
            besides: The name of the page, which needs no link to itself.
        """
        links: list[tuple[str, str]] = []
        if self._is_own and PANEL_HOST in self._names:
            links.append(("Panel", f"{self._origin.url(PANEL_HOST)}/{view}"))
        if self._is_own and besides != _INDEX and _INDEX not in self._names:
            links.append(("All names", f"{self._origin.url(_INDEX)}/"))
        return tuple(links)


def _panel_view(status: "UpstreamStatus") -> str:
    """The panel's view of a service; empty without a stack."""
    project, _, namespace = status.stack.rpartition("/")
    if not project or not status.service:
        return ""
    words = (quote(word, safe="") for word in (project, namespace, status.service))
    return f"#/service/{'/'.join(words)}"


def _without_folder(stack: "StackSummary") -> "StackSummary":
    return replace(stack, folder="")


async def _within(work: Awaitable[_T], otherwise: _T) -> _T:
    """Return what is found within `WITHIN_S`, or something else."""
    try:
        async with asyncio.timeout(WITHIN_S):
            return await work
    except TimeoutError:
        return otherwise
    except Exception as error:  # the waiting request still gets an answer
        context = {"message": "a page lacks what could not be found out", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
        return otherwise
