"""Where a stack's state lies, and who runs it.

A stack's record is `$XDG_STATE_HOME/portweave/stacks/<key>.json`. Who runs it holds a lock on
`<key>.lock` beside it for as long as he lives, and the kernel lets go of that lock whatever becomes
of him. So the lock is the fact, and the record only tells who it is: a record whose lock is free is
that of a stack whose supervisor and guardian were killed together. What the record says is kept in
the lock's file as well, for whoever finds the record damaged or removed; and where it is the lock
that was removed, the record tells whether somebody lives.

The control socket lies elsewhere (`portweave.supervisor.registry.socket_paths`); the record tells
where.

Looking here is a part of every command, so this imports little.
"""

import fcntl
import os
import time
from errno import EACCES

from portweave.allocator.lease_folders import state_dir
from portweave.allocator.naming import chosen_namespace, path_digest
from portweave.allocator.running_stacks import KEY_DIGITS
from portweave.allocator.running_stacks import stack_key as stack_key
from portweave.encoding.json_read import loads
from portweave.encoding.json_write import (
    is_object,
    pretty,
)
from portweave.errors import StackRunningError, StateUnwritableError
from portweave.system.files import (
    is_locked,
    make_folders,
    read_all,
    replace,
)
from portweave.system.processes import started_at

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

_RECORD = ".json"
_LOCK = ".lock"
_JOURNAL = ".journal"
# What a supervisor understands; grows when a client could no longer ask an older one.
PROTOCOL = 1


class StackRecord:
    """Who runs a stack.

    Attributes:
        pid: Of the process that the user started, and that ends last.
        start: When that process began, as `started_at` has it.
        project: Name of the project.
        namespace: Of the worktree.
        root: The worktree's root.
        ports: By instance.
        tag: What the marks of its processes begin with.
        socket: Path of its control socket; empty where it has none.
        protocol: What is spoken there.
        version: Of the portweave that runs it.
        detached: Whether it goes on without the one who started it.
        place: Which folder the root was when it began (see `place_mark`); empty where not known.
    """

    __slots__ = (
        "detached",
        "namespace",
        "pid",
        "place",
        "ports",
        "project",
        "protocol",
        "root",
        "socket",
        "start",
        "tag",
        "version",
    )

    def __init__(
        self,
        *,
        pid: int,
        start: str,
        project: str,
        namespace: str,
        root: str,
        ports: "Mapping[str, int]",
        tag: str,
        socket: str = "",
        protocol: int = PROTOCOL,
        version: str = "",
        detached: bool = False,
        place: str = "",
    ) -> None:
        self.pid = pid
        self.start = start
        self.project = project
        self.namespace = namespace
        self.root = root
        self.ports = ports
        self.tag = tag
        self.socket = socket
        self.protocol = protocol
        self.version = version
        self.detached = detached
        self.place = place


def stacks_dir(environ: "Mapping[str, str]") -> str:
    """Where the records of all stacks lie; not made by this."""
    return f"{state_dir(environ)}/stacks"


def readable(folder: str) -> str:
    """The folder of `stacks_dir`, for whoever is about to say that nothing runs.

    Raises:
        StateUnwritableError: It cannot be read: nobody can tell whether something does.
    """
    try:
        os.lstat(folder)
    except PermissionError as error:  # of a folder around it
        raise StateUnwritableError(folder, os.strerror(EACCES), "read") from error
    except OSError:
        return folder
    if not os.access(folder, os.R_OK | os.X_OK):
        raise StateUnwritableError(folder, os.strerror(EACCES), "read")
    return folder


class StackLock:
    """The right to run one stack, from the moment it is taken until it is closed.

    Forked processes share it: it is free again when the last of them has ended.

    Args:
        folder: From `stacks_dir`; made if missing, 0700.
        key: From `stack_key`.
        descriptor: Of the lock, where another process has taken it and handed it on.

    Raises:
        StackRunningError: Somebody else has it.
        StateUnwritableError: The folder cannot be used.

    Attributes:
        journal: Path of the file that tells which processes were started.
        descriptor: Of the lock.
    """

    def __init__(self, folder: str, key: str, descriptor: int | None = None) -> None:
        base = f"{folder}/{key}"
        self.journal = base + _JOURNAL
        self._record = base + _RECORD
        self._lock = base + _LOCK
        if descriptor is not None:
            self.descriptor = descriptor
            return
        if not os.path.lexists(self._lock) and is_held(folder, key):
            # With a new lock there would be two who run it.
            raise _running(folder, key)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        while True:
            try:
                make_folders(folder)
                self.descriptor = os.open(self._lock, flags, 0o600)
            except OSError as error:
                raise StateUnwritableError(folder, error.strerror or str(error)) from error
            if not _take(self.descriptor):
                os.close(self.descriptor)
                raise _running(folder, key)
            # What `drop` has removed meanwhile keeps nobody out.
            if _is_in_place(self.descriptor, self._lock):
                return
            os.close(self.descriptor)

    def write(self, record: StackRecord) -> None:
        """Tell others who we are."""
        text = _text(record)
        # It says who lives now; after a power cut nobody does, so this one needs no fsync.
        try:
            replace(self._record, text)
        except OSError as error:
            folder = os.path.dirname(self._record)
            raise StateUnwritableError(folder, error.strerror or str(error)) from error
        _copy(self.descriptor, text)

    def read(self) -> StackRecord | None:
        """The record that lies there: ours, or that of one whose end nobody saw."""
        return _read(self._record) or _read(self._lock)

    def restore(self) -> bool:
        """Put record and lock back where somebody has removed them while the stack runs.

        Returns:
            Whether that was so, and is done.

        Raises:
            OSError: They cannot be written.
            StateUnwritableError: The same of their folder.
        """
        if os.path.lexists(self._record):
            return False
        # The file that was removed is there for as long as it is open.
        text = _contents(self.descriptor)
        if not text:
            return False
        if not _is_in_place(self.descriptor, self._lock):
            make_folders(os.path.dirname(self._lock))
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.dup2(lock, self.descriptor, inheritable=False)
            except BlockingIOError:
                # Who is about to run it will find that we do.
                return False
            finally:
                os.close(lock)
            _copy(self.descriptor, text)
        replace(self._record, text)
        return True

    def forget(self) -> None:
        """Take record, journal and socket away: there is nothing of the stack any more."""
        if os.path.lexists(self._lock) and not _is_in_place(self.descriptor, self._lock):
            # Our state was removed, and put back or begun anew: it is for who has the right now.
            try:
                with StackLock(*place_of(self.journal)) as hold:
                    if _contents(hold.descriptor) == _contents(self.descriptor):
                        hold.forget()
            except (StackRunningError, StateUnwritableError):
                pass
            return
        record = self.read()
        socket = [record.socket] if record is not None and record.socket else []
        _copy(self.descriptor, b"")
        for path in (*socket, self._record, self.journal):
            try:
                os.unlink(path)
            except (FileNotFoundError, IsADirectoryError):
                continue

    def drop(self) -> None:
        """Take the lock's own file away too, while we hold it; see `forget`."""
        self.forget()
        # Where it was removed, another one may lie there by now.
        if _is_in_place(self.descriptor, self._lock):
            os.unlink(self._lock)

    def close(self) -> None:
        """Give the right up."""
        os.close(self.descriptor)

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        self.close()


def place_of(journal: str) -> tuple[str, str]:
    """The folder of a stack's files and its key, by the path of its journal."""
    folder, _, name = journal.rpartition("/")
    return folder, name.removesuffix(_JOURNAL)


def _running(folder: str, key: str) -> StackRunningError:
    other = read_record(folder, key)
    return StackRunningError(other.namespace if other else key, other.pid if other else 0)


def note_ports(journal: str, ports: "Mapping[str, int]") -> None:
    """Have the record of a stack tell these ports from now on.

    Args:
        journal: Path of its journal, as `StackLock` has it.
        ports: By instance.

    Raises:
        OSError: It cannot be written.
    """
    base = journal.removesuffix(_JOURNAL)
    record = _read(base + _RECORD)
    if record is None or record.ports == ports:
        return
    record.ports = ports
    text = _text(record)
    replace(base + _RECORD, text)
    lock = os.open(base + _LOCK, os.O_WRONLY | os.O_CLOEXEC)
    try:
        _copy(lock, text)
    finally:
        os.close(lock)


def _text(record: StackRecord) -> bytes:
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
    }
    return (pretty(fields) + "\n").encode("utf-8", "surrogateescape")


def _copy(lock: int, text: bytes) -> None:
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, text, 0)
    except OSError:  # a full disk: it has no copy, then
        return


def _contents(lock: int) -> bytes:
    return os.pread(lock, os.fstat(lock).st_size, 0)


def _take(lock: int) -> bool:
    # Who only looks whether it is held has it for an instant.
    for pause_s in (0.01, 0.02, 0.04, None):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if pause_s is None:
                return False
            time.sleep(pause_s)
        else:
            return True
    return False


def _is_in_place(descriptor: int, path: str) -> bool:
    """Whether an open file is the one that lies at a path."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (ours.st_dev, ours.st_ino) == (found.st_dev, found.st_ino)


def read_record(folder: str, key: str) -> StackRecord | None:
    """The record of a stack, or its copy where it is damaged; None if there is none."""
    return _read(f"{folder}/{key}{_RECORD}") or _read(f"{folder}/{key}{_LOCK}")


def stack_around(
    folder: str, start: str, environ: "Mapping[str, str]", *, held: bool = True
) -> StackRecord | None:
    """The live stack of the worktree, or outside git of the folder, that `start` lies in.

    A worktree may have several, each with a namespace: it is the one of the namespace that the
    user has chosen; else that of the worktree's own, or of any where that does not run.

    Args:
        folder: From `stacks_dir`.
        start: An absolute path without links.
        environ: `PORTWEAVE_NAMESPACE` in it is obeyed.
        held: Whether somebody has to run it; else, that nobody does although its record is there.
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
        # Beyond the worktree begins another one's.
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
    """The stacks that somebody runs."""
    return [record for key in keys(folder, held=True) if (record := read_record(folder, key))]


def records(folder: str) -> list[StackRecord]:
    """All records that can be read, whether somebody runs their stacks or not."""
    found = [read_record(folder, key) for key in _names(folder)]
    return [record for record in found if record is not None]


def keys(folder: str, *, held: bool) -> list[str]:
    """The keys of the records that somebody holds, or of those that nobody does."""
    return [key for key in _names(folder) if is_held(folder, key) == held]


def is_held(folder: str, key: str) -> bool:
    """Whether somebody runs a stack."""
    try:
        return is_locked(f"{folder}/{key}{_LOCK}")
    except FileNotFoundError:
        record = _read(f"{folder}/{key}{_RECORD}")
        return record is not None and is_same(record)
    except OSError:
        return False


def is_same(record: StackRecord) -> bool:
    """Whether the process of a record is still the one that wrote it."""
    return started_at(record.pid) == record.start


def _names(folder: str) -> list[str]:
    """The keys of all stacks of which more is there than the lock, which stays for ever."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted({name.rpartition(".")[0] for name in names if name.endswith((_RECORD, _JOURNAL))})


def _read(path: str) -> StackRecord | None:
    """The record, None if there is none or it cannot be read: it is evidence, not fact."""
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
    )
