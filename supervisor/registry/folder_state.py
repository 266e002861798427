"""Pure. Whether the folder of a running stack is in place, moved, removed, or out of reach.

The supervisor holds the folder open, so the kernel tells of the folder itself, not of its path. A
folder without any link is removed (stat(2), st_nlink), whatever now stands at the path: a file
system may give a new folder the same inode number at once. A removal counts after it has held for
a second. All else that is not certain is *unreachable*: then nothing is stopped or released.
"""

from enum import StrEnum

from portweave.encoding.value import replace, value

# A removal must hold for this long.
CERTAIN_S = 1.0


class Place(StrEnum):
    """Where the folder of a stack is."""

    PRESENT = "present"
    REMOVED = "removed"
    MOVED = "moved"
    UNREACHABLE = "unreachable"


@value
class FolderFacts:
    """One look at a folder.

    Attributes:
        links: The number of links of the open folder; None if the system does not tell.
        mark: Device and inode of the open folder.
        mark_at_root: Device and inode of what is at its path; empty if nothing is.
        path: Where the system says that the open folder is; empty if unknown.
        mark_at_path: Device and inode of what is there; empty if nothing is.
        trouble: Why the look failed, such as `Input/output error`; empty if it did not.
    """

    links: int | None
    mark: str = ""
    mark_at_root: str = ""
    path: str = ""
    mark_at_path: str = ""
    trouble: str = ""


@value
class FolderState:
    """What is known of a folder.

    Attributes:
        place: Where it is.
        path: Its new path if it was moved; else empty.
        trouble: Why it is out of reach; else empty.
        removed_since_s: When a look first found it without links; None otherwise.
    """

    place: Place = Place.PRESENT
    path: str = ""
    trouble: str = ""
    removed_since_s: float | None = None


def judge(before: FolderState, facts: FolderFacts, now_s: float) -> FolderState:
    """The state of a folder after one more look. A removed folder stays removed.

    Args:
        before: The state before.
        facts: The look.
        now_s: The time, on a monotonic clock.
    """
    if before.place is Place.REMOVED:
        return before
    if facts.trouble or facts.links is None:
        trouble = facts.trouble or "the system does not tell"
        return FolderState(Place.UNREACHABLE, trouble=trouble)
    if facts.links == 0:
        since_s = now_s if before.removed_since_s is None else before.removed_since_s
        if now_s - since_s >= CERTAIN_S:
            return FolderState(Place.REMOVED)
        return replace(before, removed_since_s=since_s)
    if facts.mark == facts.mark_at_root:
        return FolderState()
    if facts.path and facts.mark == facts.mark_at_path:
        return FolderState(Place.MOVED, path=facts.path)
    return FolderState(Place.UNREACHABLE, trouble="its path leads elsewhere or nowhere")
