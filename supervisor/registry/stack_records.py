"""The records of stacks: which exist, which run, and which one a folder belongs to.

The record of a stack is `$XDG_STATE_HOME/portweave/stacks/<key>.json`. The process that runs the
stack holds a lock on `<key>.lock` beside it (`portweave.supervisor.registry.stack_lock`). The
kernel frees that lock when the process ends, in whatever way. So the lock decides whether a stack
runs; the record only describes it. A record with a free lock means that supervisor and guardian
were killed together. The lock's file holds a copy of the record, in case the record is damaged or
removed. If the lock was removed, the process in the record decides.

The record names the control socket (`portweave.allocator.socket_paths`).

Every command reads records, so this module imports little.
"""

import os
from errno import EACCES

from portweave import __version__, errors
from portweave.allocator.naming import chosen_namespace, path_digest
from portweave.allocator.state_folder import KEY_DIGITS, state_dir
from portweave.allocator.state_folder import stack_key as stack_key
from portweave.encoding.json_text import (
    is_object,
    loads,
    pretty,
)
from portweave.encoding.value import value
from portweave.system.files import (
    is_locked,
    read_all,
)
from portweave.system.processes import started_at

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class NamedStack(Protocol):
        """What identifies a stack: its plan, for example."""

        @property
        def project(self) -> str:
            """The project's name."""
            ...

        @property
        def namespace(self) -> str:
            """The worktree's namespace."""
            ...

        @property
        def root(self) -> str:
            """The worktree's root."""
            ...


RECORD_SUFFIX = ".json"
LOCK_SUFFIX = ".lock"
JOURNAL_SUFFIX = ".journal"
# The version of the control protocol. It grows when a client can no longer talk to an older
# supervisor.
PROTOCOL = 1


@value
class StackRecord:
    """Which process runs a stack, and how to reach it.

    Attributes:
        pid: The process that the user started, and that ends last.
        start: When that process began, as `started_at` returns it.
        project: The project's name.
        namespace: The worktree's namespace.
        root: The worktree's root.
        ports: The port of each instance.
        tag: The beginning of the marks of the stack's processes.
        socket: Path of the control socket; empty if there is none.
        protocol: The version of the protocol that the socket speaks.
        version: The version of portweave that runs the stack.
        detached: Whether the stack goes on when the process that started it ends.
        place: The identity of the root folder at the start (see `place_mark`); empty if unknown.
        moved_to: Where the root folder is now; empty if it is at `root`.
    """

    pid: int
    start: str
    project: str
    namespace: str
    root: str
    ports: "Mapping[str, int]"
    tag: str
    socket: str = ""
    protocol: int = PROTOCOL
    version: str = ""
    detached: bool = False
    place: str = ""
    moved_to: str = ""

    @property
    def folder(self) -> str:
        """Where the worktree is now. `root` and `namespace` together identify the stack."""
        return self.moved_to or self.root


def new_record(
    stack: "NamedStack",
    pid: int,
    tag: str,
    socket: str,
    *,
    ports: "Mapping[str, int] | None" = None,
    detached: bool = False,
    place: str = "",
) -> StackRecord:
    """The record of a stack that this version of portweave runs.

    Args:
        stack: What identifies the stack, such as its plan.
        pid: A live process, as in `StackRecord`.
        tag: As in `StackRecord`.
        socket: As in `StackRecord`.
        ports: The port of each instance; none by default.
        detached: As in `StackRecord`.
        place: As in `StackRecord`.
    """
    return StackRecord(
        pid=pid,
        start=started_at(pid) or "",
        project=stack.project,
        namespace=stack.namespace,
        root=stack.root,
        ports=ports or {},
        tag=tag,
        socket=socket,
        version=__version__,
        detached=detached,
        place=place,
    )


def stacks_dir(environ: "Mapping[str, str]") -> str:
    """The folder of all records. It need not exist."""
    return f"{state_dir(environ)}/stacks"


def check_readable(folder: str) -> str:
    """Check the folder of `stacks_dir`, and return it. Do so before saying that no stack runs.

    Raises:
        StateUnwritableError: The folder cannot be read, so a stack may run unseen.
    """
    try:
        os.lstat(folder)
    except PermissionError as error:  # of a folder around it
        raise errors.StateUnwritableError(folder, os.strerror(EACCES), "read") from error
    except OSError:
        return folder
    if not os.access(folder, os.R_OK | os.X_OK):
        raise errors.StateUnwritableError(folder, os.strerror(EACCES), "read")
    return folder


def folder_and_key(journal: str) -> tuple[str, str]:
    """The folder of a stack's files and the stack's key, from the path of its journal."""
    folder, _, name = journal.rpartition("/")
    return folder, name.removesuffix(JOURNAL_SUFFIX)


def read_record(folder: str, key: str) -> StackRecord | None:
    """The record of a stack, or its copy if the record is damaged; None if there is none."""
    return read_file(f"{folder}/{key}{RECORD_SUFFIX}") or read_file(f"{folder}/{key}{LOCK_SUFFIX}")


def stack_around(
    folder: str, start: str, environ: "Mapping[str, str]", *, held: bool = True
) -> StackRecord | None:
    """The stack of the worktree that `start` lies in; outside git, of the folder.

    A worktree may run several stacks, each with its own namespace. The result is the one with the
    namespace that the user chose. Without a choice it is the one with the worktree's own
    namespace, or any if that does not run.

    Args:
        folder: From `stacks_dir`.
        start: An absolute path without links.
        environ: `PORTWEAVE_NAMESPACE` is the user's choice.
        held: Whether the stack must run; if false, it must have a record and not run.
    """
    names = _names(folder)
    place = start
    while True:
        ending = f"-{path_digest(place)[:KEY_DIGITS]}"
        chosen = chosen_namespace(environ, place)
        found = [
            namespace
            for key in names
            if key.endswith(ending)
            and chosen in (None, namespace := key.removesuffix(ending))
            and is_held(folder, key) == held
        ]
        if found:
            return read_record(folder, f"{_preferred(found, place)}{ending}")
        # Above the worktree's root is another worktree's folder.
        if place == "/" or os.path.lexists(f"{place}/.git"):
            return None
        place = os.path.dirname(place)


def _preferred(namespaces: list[str], root: str) -> str:
    if len(namespaces) == 1:
        return namespaces[0]
    from portweave.allocator.worktree import own_namespace

    own = own_namespace(root)
    return own if own in namespaces else min(namespaces)


def live_stacks(folder: str) -> list[StackRecord]:
    """The stacks that run."""
    return [record for key in stack_keys(folder, held=True) if (record := read_record(folder, key))]


def records(folder: str) -> list[StackRecord]:
    """All records that can be read, whether their stacks run or not."""
    found = [read_record(folder, key) for key in _names(folder)]
    return [record for record in found if record is not None]


def stack_keys(folder: str, *, held: bool) -> list[str]:
    """The keys of the stacks that run, or of those that left files and do not run."""
    return [key for key in _names(folder) if is_held(folder, key) == held]


def is_held(folder: str, key: str) -> bool:
    """Whether a process holds the lock of a stack, and so runs it."""
    try:
        return is_locked(f"{folder}/{key}{LOCK_SUFFIX}")
    except FileNotFoundError:
        record = read_file(f"{folder}/{key}{RECORD_SUFFIX}")
        return record is not None and is_alive(record)
    except OSError:
        return False


def is_alive(record: StackRecord) -> bool:
    """Whether the process in a record still runs. Its pid may belong to a newer process by now."""
    return started_at(record.pid) == record.start


def _names(folder: str) -> list[str]:
    """The keys of all stacks with a record or a journal. Locks alone stay for ever."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    endings = (RECORD_SUFFIX, JOURNAL_SUFFIX)
    return sorted({name.rpartition(".")[0] for name in names if name.endswith(endings)})


def file_contents(record: StackRecord) -> bytes:
    """A record as its file holds it."""
    fields = {
        "schemaVersion": 1,
        "pid": record.pid,
        "start": record.start,
        "project": record.project,
        "namespace": record.namespace,
        "worktreeRoot": record.root,
        "ports": dict(record.ports),
        "tag": record.tag,
        "socket": record.socket,
        "protocol": record.protocol,
        "version": record.version,
        "detached": record.detached,
        "place": record.place,
        "movedTo": record.moved_to,
    }
    return (pretty(fields) + "\n").encode("utf-8", "surrogateescape")


def read_file(path: str) -> StackRecord | None:
    """The record in a file; None if there is none, or if it is damaged."""
    try:
        data = loads(read_all(path).decode("utf-8", "surrogateescape"))
    except (OSError, ValueError):
        return None
    if not is_object(data):
        return None
    pid, ports, protocol = data.get("pid"), data.get("ports"), data.get("protocol")
    if not isinstance(pid, int) or not is_object(ports):
        return None
    return StackRecord(
        pid=pid,
        start=str(data.get("start", "")),
        project=str(data.get("project", "")),
        namespace=str(data.get("namespace", "")),
        root=str(data.get("worktreeRoot", "")),
        ports={name: port for name, port in ports.items() if isinstance(port, int)},
        tag=str(data.get("tag", "")),
        socket=str(data.get("socket", "")),
        protocol=protocol if isinstance(protocol, int) else 0,
        version=str(data.get("version", "")),
        detached=data.get("detached") is True,
        place=str(data.get("place", "")),
        moved_to=str(data.get("movedTo", "")),
    )
