"""Watch where the folder of a running stack is, and tell when it was moved or removed.

The kernel reports changes of names in the folder above, and in the folder in which git lists its
worktrees. Besides there is a look every half minute: the folder above may itself be moved, and some
file systems report nothing.
"""

import asyncio
import os
import time
from collections.abc import Callable

from portweave.encoding.value import replace
from portweave.supervisor.registry.folder_state import (
    CERTAIN_S,
    FolderFacts,
    FolderState,
    Place,
    judge,
)
from portweave.supervisor.registry.moved_folder import FolderAnchor
from portweave.system.folder_events import FolderEvents
from portweave.system.tasks import Within, in_thread

LOOK_PAUSE_S = 30.0
# A look that takes longer meets a file system that does not answer.
LOOK_LIMIT_S = 5.0
# After an event the folder may still be about to change.
_SETTLED_S = 0.1


class WorktreeWatch:
    """Watches the folder of a stack.

    Args:
        anchor: Holds the folder open.
        root: Its path.
        git_folder: The folder in which git lists the worktrees; empty for none.
        on_change: Called with each new state.
    """

    def __init__(
        self,
        anchor: FolderAnchor,
        root: str,
        git_folder: str,
        on_change: Callable[[FolderState], None],
    ) -> None:
        self._anchor = anchor
        self._root = root
        self._git_folder = git_folder
        self._on_change = on_change
        self._state = FolderState()
        self._event = asyncio.Event()

    async def run(self) -> None:
        """Watch until cancelled, or until the folder was removed."""
        while self._state.place is not Place.REMOVED:
            # A folder that was moved has another folder above it.
            root = self._state.path or self._root
            folders = [folder for folder in (os.path.dirname(root), self._git_folder) if folder]
            events = FolderEvents(folders, self._event.set)
            try:
                # What came before the watch is seen by a look.
                self._judge(await self._look())
                while self._goes_on_at(root):
                    async with Within(self._pause_s()):
                        await self._event.wait()
                        await asyncio.sleep(_SETTLED_S)
                    self._event.clear()
                    self._judge(await self._look())
            finally:
                events.close()

    def _goes_on_at(self, root: str) -> bool:
        """Whether the folder is not removed, and not moved away from this path."""
        return self._state.place is not Place.REMOVED and self._state.path in ("", root)

    def _pause_s(self) -> float:
        return LOOK_PAUSE_S if self._state.removed_since_s is None else CERTAIN_S

    def _judge(self, facts: FolderFacts) -> None:
        before, self._state = self._state, judge(self._state, facts, time.monotonic())
        if self._state.place is Place.PRESENT and before.place is Place.MOVED:
            # The anchor has taken the new path, where the folder still is.
            self._state = replace(self._state, place=Place.MOVED, path=before.path)
        if (before.place, before.path) != (self._state.place, self._state.path):
            self._on_change(self._state)

    async def _look(self) -> FolderFacts:
        """Look in a thread: a file system that hangs must not hang the stack."""
        async with Within(LOOK_LIMIT_S):
            return await in_thread(self._anchor.look)
        return FolderFacts(None, trouble=f"the file system has not answered for {LOOK_LIMIT_S:g} s")
