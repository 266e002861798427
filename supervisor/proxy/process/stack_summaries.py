"""What the proxy's index tells of stacks, and where a stack lies that does not run."""

import asyncio
import os
from collections.abc import Mapping, Sequence

from portweave.allocator.git_links import branch_of, repository_of
from portweave.allocator.names.route_names import AssignedNames
from portweave.allocator.names_file import read_names
from portweave.allocator.naming import MAIN
from portweave.allocator.ports.model import Key
from portweave.allocator.ports.registry import load, registry_path
from portweave.encoding.json_text import is_list, is_object
from portweave.errors import PortweaveError
from portweave.supervisor.proxy.http.pages.error_pages import IdleWorktree
from portweave.supervisor.proxy.http.pages.index_page import StackSummary
from portweave.supervisor.proxy.http.pages.page import State
from portweave.supervisor.proxy.process.supervisor_question import ask_supervisor
from portweave.supervisor.registry.stack_records import StackRecord, live_stacks

# Less than a page waits: one stack that does not answer must not hide the others.
_ANSWERS_WITHIN_S = 0.2
_TLD = "localhost"


async def summarise(stacks: Sequence[StackRecord]) -> Mapping[int, StackSummary]:
    """The summary of each stack, by its process. All supervisors are asked at once."""
    found = await asyncio.gather(*map(_summary, stacks))
    return {stack.pid: one for stack, one in zip(stacks, found, strict=True)}


async def _summary(stack: StackRecord) -> StackSummary:
    states, branch = await asyncio.gather(_states(stack), _branch(stack.root))
    return StackSummary(
        stack.project,
        stack.namespace,
        stack.root,
        branch,
        states or {},
        is_silent=states is None,
    )


async def _branch(root: str) -> str:
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN_S):
            # In a thread: a file system that hangs must not hold the proxy.
            return await asyncio.to_thread(branch_of, root) or ""
    except TimeoutError:
        return ""


async def _states(stack: StackRecord) -> dict[int, State] | None:
    """The state of each service with a port, by the port; None if the supervisor is silent.

    A supervisor of an older version does not know the question: then there are none.
    """
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN_S):
            rows = await ask_supervisor(stack, "/supervisor/states")
    except (OSError, ValueError, TimeoutError):
        return None
    found: dict[int, State] = {}
    for row in rows if is_list(rows) else []:
        port = row.get("port") if is_object(row) else None
        if is_object(row) and isinstance(port, int):
            since_s = row.get("sinceS")
            time_s = float(since_s) if isinstance(since_s, (int, float)) else None
            found[port] = State(str(row.get("state", "")), time_s)
    return found


def find_idle(hostname: str, folder: str) -> tuple[IdleWorktree, ...]:
    """The worktree to which a name belongs, if its stack does not run.

    Args:
        hostname: A name without a route.
        folder: The folder of the stack records.
    """
    assigned = read_names(os.path.dirname(folder))
    running = {(stack.root, stack.namespace) for stack in live_stacks(folder)}
    try:
        entries = load(registry_path(os.environ))
    except PortweaveError:
        return ()
    found: list[IdleWorktree] = []
    for entry in entries:
        root = entry.key.worktree_root
        domain = _domain(entry.key, assigned)
        is_meant = domain and f".{hostname}".endswith(f".{domain}")
        if is_meant and (root, entry.namespace) not in running and os.path.isdir(root):
            found.append(IdleWorktree(root, domain))
    # `api.fix.shop.localhost` belongs to the worktree `fix`, not to the main one.
    longest = max((len(one.hostname) for one in found), default=0)
    return tuple(one for one in found if len(one.hostname) == longest)


def _domain(key: Key, assigned: AssignedNames) -> str:
    """The end of a worktree's names; empty if it has none yet."""
    root, namespace = key.worktree_root, key.namespace
    repository = repository_of(root, key.git_common_dir)
    project = next((one.name for one in assigned.projects if one.repository == repository), "")
    identity = (repository, root, namespace)
    label = next((one.label for one in assigned.labels if one.identity == identity), "")
    if not project or (not label and namespace != MAIN):
        return ""
    return f"{label}.{project}.{_TLD}" if label else f"{project}.{_TLD}"
