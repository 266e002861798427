"""Remember which commands have listened on their port, across runs and stacks.

The state folder has an empty file for each project, service and command.
"""

import os
import time

from portweave.allocator.naming import path_digest
from portweave.supervisor.services.plan import InstancePlan
from portweave.system.files import make_own_folder

# A command that has not run for this time is forgotten.
_KEPT_S = 180 * 24 * 3600.0


class ListenedCommands:
    """The commands of one project that have listened on their port.

    Args:
        folder: The folder of the files; empty to write none.
        project: Name of the project.
    """

    def __init__(self, folder: str, project: str) -> None:
        self._folder = folder
        self._project = project
        self._known: dict[str, bool] = {}
        # Commands that have listened in this stack. Each file is written once.
        self._written: set[str] = set()

    def has_listened(self, plan: InstancePlan) -> bool:
        """Whether an earlier run of an instance's command has listened on its port."""
        name = self._name(plan)
        if name not in self._known:
            self._known[name] = bool(self._folder) and os.path.exists(f"{self._folder}/{name}")
        return self._known[name]

    def remember(self, plan: InstancePlan) -> None:
        """Remember that an instance's command has listened."""
        name = self._name(plan)
        if name in self._written:
            return
        self._written.add(name)
        self._known[name] = True
        if self._folder:
            try:
                make_own_folder(self._folder)
                self._drop_old()
                with open(os.open(f"{self._folder}/{name}", os.O_CREAT | os.O_WRONLY, 0o600), "w"):
                    os.utime(f"{self._folder}/{name}")
            except OSError:
                # The file only helps to guess.
                return

    def forget(self, plan: InstancePlan) -> None:
        """Forget an instance's command: a run has not listened in time."""
        name = self._name(plan)
        self._known[name] = False
        self._written.discard(name)
        if self._folder:
            try:
                os.unlink(f"{self._folder}/{name}")
            except OSError:
                return

    def _drop_old(self) -> None:
        oldest_s = time.time() - _KEPT_S
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.stat(follow_symlinks=False).st_mtime < oldest_s:
                    os.unlink(entry.path)

    def _name(self, plan: InstancePlan) -> str:
        return path_digest("\0".join((self._project, plan.service, plan.command)))
