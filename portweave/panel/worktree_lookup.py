"""Find the worktree that a request names."""

from anyio import to_thread

from portweave.panel.http_messages import BadRequestError
from portweave.panel.worktrees import KnownWorktree, Worktrees


async def known_by_id(worktrees: Worktrees, id_: object) -> KnownWorktree:
    """Return a worktree.

    Args:
        worktrees: The worktrees of this machine.
        id_: Its id on the page, from a request.

    Raises:
        BadRequestError: There is no such worktree.
    """
    known = (await to_thread.run_sync(worktrees.known)).get(str(id_))
    if known is None:
        raise BadRequestError("no such worktree", 404)
    return known
