"""Keep what settle has learned of each command, in the state folder.

There is a file for each project, service and command. A file that no settle has used for half a
year is removed. What is kept only helps to wait well: a file that cannot be written is left out.
"""

import os
import time

from portweave.allocator.naming import path_digest
from portweave.allocator.state_folder import state_dir
from portweave.encoding.json_text import compact, loads
from portweave.settling.learned_reactions import Learned, as_object, learned_from
from portweave.system.files import make_own_folder, read_all, replace

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER = "settle"
_KEPT_S = 180 * 24 * 3600.0
_LONGEST_BYTES = 1 << 18


class LearnedFiles:
    """The files of one project.

    Args:
        environ: The variables of the user. They name the state folder.
        project: Name of the project.
    """

    def __init__(self, environ: "Mapping[str, str]", project: str) -> None:
        self._folder = f"{state_dir(environ)}/{_FOLDER}"
        self._project = project

    def read(self, service: str, command: str) -> Learned:
        """What is learned of a command; nothing if there is no file that can be read."""
        try:
            data = read_all(self._path(service, command))
            return learned_from(loads(data[:_LONGEST_BYTES].decode("utf-8", "replace")))
        except (OSError, ValueError):
            return Learned()

    def write(self, service: str, command: str, learned: Learned) -> None:
        """Keep what is learned of a command."""
        path = self._path(service, command)
        try:
            is_new = not os.path.exists(path)
            make_own_folder(self._folder)
            replace(path, compact(as_object(learned)).encode("utf-8", "replace"))
            if is_new:
                self._drop_old()
        except OSError:
            # A full disk must not spoil the answer.
            return

    def _path(self, service: str, command: str) -> str:
        return f"{self._folder}/{path_digest(chr(0).join((self._project, service, command)))}.json"

    def _drop_old(self) -> None:
        oldest_s = time.time() - _KEPT_S
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.stat(follow_symlinks=False).st_mtime < oldest_s:
                    os.unlink(entry.path)
