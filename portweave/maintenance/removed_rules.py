"""Pure. Whether a worktree whose stack does not run was removed, so that its `teardown` may run.

A path that leads nowhere is no proof: the disk may not be mounted, or the folder may have been
moved. So only a linked worktree can count as removed, because git keeps a list of those.
"""

from portweave.encoding.value import value


@value
class WorktreeFacts:
    """What can be seen of a worktree.

    Attributes:
        exists: Whether anything is at its root.
        trouble: Why that cannot be seen; empty if it can.
        device: The device of the nearest folder above the root that exists.
        kept_device: The device of the folder above the root, at the last `up`.
        is_linked: Whether it was a linked worktree of git.
        is_listed: Whether git still lists it.
        is_locked: Whether it is locked: git-worktree(1), `lock`.
        listed_exists: Whether the path that git lists for it exists.
    """

    exists: bool
    trouble: str
    device: int
    kept_device: int
    is_linked: bool
    is_listed: bool = False
    is_locked: bool = False
    listed_exists: bool = False


def is_removed(facts: WorktreeFacts) -> bool:
    """Whether a worktree was removed."""
    if facts.exists or facts.trouble or facts.device != facts.kept_device:
        return False
    if not facts.is_linked or facts.is_locked:
        return False
    return not (facts.is_listed and facts.listed_exists)
