"""How stacks ended: a file for each in `$XDG_STATE_HOME/portweave/ended/`, for seven days.

The file has the key of the stack's record. The next end of the same stack replaces it.
"""

import os
import time

from portweave.encoding.json_text import is_object, loads, pretty
from portweave.encoding.value import value
from portweave.supervisor.registry.stack_records import stack_key
from portweave.system.files import make_folders, read_all, replace

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

    from portweave.supervisor.registry.stack_records import NamedStack

KEPT_S = 7 * 24 * 3600.0
# Of a stack whose supervisor could not tell.
KILLED = "portweave was killed"
_SUFFIX = ".json"


@value
class EndedStack:
    """A stack that has ended.

    Attributes:
        project: The project's name.
        namespace: The worktree's namespace.
        root: The worktree's root.
        ended_s: When it ended, in seconds since 1970.
        because: Why, in words.
        lifetime: Its owner and its last use, as the supervisor tells them; empty if unknown.
    """

    project: str
    namespace: str
    root: str
    ended_s: float
    because: str
    lifetime: "Mapping[str, object]"


def ended_dir(stacks: str) -> str:
    """The folder of these files; it need not exist.

    Args:
        stacks: The folder of the records of stacks.
    """
    return f"{os.path.dirname(stacks)}/ended"


def note_end(
    stacks: str,
    stack: "NamedStack",
    because: str,
    lifetime: "Mapping[str, object] | None" = None,
) -> None:
    """Write how a stack has ended, and remove the files that are too old.

    A disk that is full costs the file, and nothing else.

    Args:
        stacks: The folder of the records of stacks.
        stack: What identifies the stack.
        because: Why it ended, in words.
        lifetime: As in `EndedStack`; None if unknown.
    """
    folder = ended_dir(stacks)
    now_s = time.time()
    fields = {
        "schemaVersion": 1,
        "project": stack.project,
        "namespace": stack.namespace,
        "worktreeRoot": stack.root,
        "endedAtMs": int(now_s * 1000),
        "because": because,
        "lifetime": dict(lifetime or {}),
    }
    text = f"{pretty(fields)}\n".encode("utf-8", "surrogateescape")
    try:
        make_folders(folder)
        replace(f"{folder}/{stack_key(stack.root, stack.namespace)}{_SUFFIX}", text)
        for name in os.listdir(folder):
            path = f"{folder}/{name}"
            if now_s - os.lstat(path).st_mtime > KEPT_S:
                os.unlink(path)
    except OSError:
        return


def ended_stacks(stacks: str) -> list[EndedStack]:
    """The stacks that ended in the last seven days, in no order. Some of them may run again.

    Args:
        stacks: The folder of the records of stacks.
    """
    folder = ended_dir(stacks)
    try:
        names = os.listdir(folder)
    except OSError:  # no stack has ended yet
        return []
    found = [_read(f"{folder}/{name}") for name in names if name.endswith(_SUFFIX)]
    since_s = time.time() - KEPT_S
    return [one for one in found if one is not None and one.ended_s > since_s]


def _read(path: str) -> EndedStack | None:
    try:
        data = loads(read_all(path).decode("utf-8", "surrogateescape"))
    except (OSError, ValueError):
        return None
    if not is_object(data):
        return None
    ended_ms, lifetime = data.get("endedAtMs"), data.get("lifetime")
    if not isinstance(ended_ms, int):
        return None
    return EndedStack(
        str(data.get("project", "")),
        str(data.get("namespace", "")),
        str(data.get("worktreeRoot", "")),
        ended_ms / 1000,
        str(data.get("because", "")),
        lifetime if is_object(lifetime) else {},
    )
