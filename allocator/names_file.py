"""The assigned names of projects and worktrees, in the file `names.json` of the state folder.

Readers take no lock, because the file is only replaced as a whole. A writer holds a lock on
`names.lock` beside it, which the kernel frees when the process ends (flock(2)).
"""

import os
import time

from portweave import errors
from portweave.allocator.names.route_names import (
    AssignedNames,
    ProjectName,
    WorktreeLabel,
)
from portweave.encoding.json_text import (
    is_list,
    is_object,
    loads,
    pretty,
)
from portweave.system.files import (
    lock_descriptor,
    make_folders,
    read_all,
    replace,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_NAME = "names.json"


def read_names(folder: str) -> AssignedNames:
    """The assigned names; none if the file is missing or damaged.

    Args:
        folder: The state folder.
    """
    try:
        return names_from(loads(read_all(f"{folder}/{_NAME}").decode()))
    except (OSError, ValueError):
        return AssignedNames()


class NamesFile:
    """The exclusive right to assign names, as a context manager.

    Args:
        folder: The state folder. Made if missing.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lock = -1

    def __enter__(self) -> "Self":
        """Wait for the lock.

        Raises:
            StateUnwritableError: The folder cannot be used.
        """
        try:
            make_folders(self._folder)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._lock = os.open(f"{self._folder}/names.lock", flags, 0o600)
        except OSError as error:
            raise errors.StateUnwritableError(self._folder, error.strerror or str(error)) from error
        lock_descriptor(self._lock, wait=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        """Release the lock."""
        os.close(self._lock)

    def read(self) -> AssignedNames:
        """The assigned names. A damaged file is set aside as `names.json.damaged`."""
        path = f"{self._folder}/{_NAME}"
        try:
            return names_from(loads(read_all(path).decode()))
        except FileNotFoundError:
            return AssignedNames()
        except (OSError, ValueError):
            os.replace(path, f"{path}.damaged")
            return AssignedNames()

    def write(self, assigned: AssignedNames) -> None:
        """Replace the assigned names.

        Raises:
            StateUnwritableError: The file cannot be written.
        """
        try:
            replace(f"{self._folder}/{_NAME}", text_of(assigned).encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise errors.StateUnwritableError(self._folder, error.strerror or str(error)) from error


def now() -> str:
    """The time, in ISO 8601, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def text_of(assigned: AssignedNames) -> str:
    """Assigned names as the text of `names.json`."""
    fields = {
        "schemaVersion": 1,
        "projects": [
            {"repository": c.repository, "wanted": c.wanted, "name": c.name, "since": c.since}
            for c in assigned.projects
        ],
        "worktrees": [
            {
                "repository": repository,
                "worktreeRoot": root,
                "namespace": namespace,
                "label": claim.label,
                "since": claim.since,
            }
            for claim in assigned.labels
            for repository, root, namespace in (claim.identity,)
        ],
    }
    return pretty(fields) + "\n"


def names_from(value: object) -> AssignedNames:
    """The assigned names in the value of the file.

    Raises:
        ValueError: The value has another form.
    """
    if not is_object(value):
        raise ValueError("not an object")
    projects = [
        ProjectName(*_texts(row, "repository", "wanted", "name", "since"))
        for row in _rows(value, "projects")
    ]
    labels: list[WorktreeLabel] = []
    for row in _rows(value, "worktrees"):
        repository, root, namespace, label, since = _texts(
            row, "repository", "worktreeRoot", "namespace", "label", "since"
        )
        labels.append(WorktreeLabel((repository, root, namespace), label, since))
    return AssignedNames(projects, labels)


def _rows(value: "dict[str, object]", name: str) -> "list[object]":
    rows = value.get(name)
    if not is_list(rows):
        raise ValueError(f"{name} is no list")
    return rows


def _texts(row: object, *names: str) -> list[str]:
    texts = [row.get(name) for name in names] if is_object(row) else []
    found = [text for text in texts if isinstance(text, str)]
    if len(found) != len(names):
        raise ValueError(f"{row!r} is not such an entry")
    return found
