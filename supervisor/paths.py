"""Where a stack's state lies, and who runs it.

A stack's record is `$XDG_STATE_HOME/portweave/stacks/<key>.json`. Who runs it holds a lock on
`<key>.lock` beside it for as long as he lives, and the kernel lets go of that lock whatever becomes
of him. So the lock is the fact, and the record only tells who it is: a record whose lock is free is
that of a stack whose supervisor and guardian were killed together.

The control socket lies elsewhere: in the session's runtime folder, which is emptied by whoever
emptied the machine's memory, and under a short name, as the address of a socket has at most 104
bytes (unix(4)). The record tells where.

Looking here is a part of every command, so this imports little.
"""

import fcntl
import os
import time

from portweave.allocator.jsontext import is_object, pretty
from portweave.allocator.leases import state_dir
from portweave.allocator.naming import path_digest
from portweave.allocator.processes import started_at
from portweave.allocator.registry import read_all
from portweave.errors import StackRunningError, StateUnwritableError
from portweave.fastjson import loads

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
LONGEST_SOCKET_BYTES = 103


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
    """

    __slots__ = (
        "detached",
        "namespace",
        "pid",
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


def stacks_dir(environ: "Mapping[str, str]") -> str:
    """Where the records of all stacks lie; not made by this."""
    return f"{state_dir(environ)}/stacks"


def stack_key(root: str, namespace: str) -> str:
    """The name under which a stack's files lie: readable, and different for different worktrees."""
    return f"{namespace}-{path_digest(root)[:12]}"


def socket_path(environ: "Mapping[str, str]", folder: str, key: str) -> str:
    """Where the control socket of a stack lies; empty where there is no place for one.

    Args:
        environ: Names the session's runtime folder. What lies in it for portweave is made if it is
            missing; a folder that others could get into is not used.
        folder: From `stacks_dir`.
        key: From `stack_key`.
    """
    name = _socket_name(folder, key)
    for place in _socket_places(environ):
        path = f"{place}/{name}"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_BYTES and _is_private(place, os.getuid()):
            return path
    return ""


def sockets_of(environ: "Mapping[str, str]", folder: str, key: str) -> list[str]:
    """Where a control socket of a stack lies, or was left."""
    name = _socket_name(folder, key)
    found = [f"{place}/{name}" for place in socket_folders(environ)]
    return [path for path in found if os.path.lexists(path)]


def _socket_name(folder: str, key: str) -> str:
    return f"{path_digest(f'{folder}/{key}')[:16]}.sock"


def socket_folders(environ: "Mapping[str, str]") -> list[str]:
    """The folders of the user's own in which control sockets may lie; none is made by this."""
    found: list[str] = []
    for place in _socket_places(environ):
        try:
            status = os.lstat(place)
        except OSError:
            continue
        if status.st_mode & 0o170000 == 0o040000 and status.st_uid == os.getuid():
            found.append(place)
    return found


def _socket_places(environ: "Mapping[str, str]") -> list[str]:
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    # XDG Base Directory Specification: what is not absolute is to be ignored.
    places = [f"{runtime}/portweave"] if runtime.startswith("/") else []
    return [*places, f"/tmp/portweave-{os.getuid()}"]  # noqa: S108 - checked where it is used


def _is_private(folder: str, uid: int) -> bool:
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except OSError:
        return False
    try:
        found = os.lstat(folder)
        # S_IFDIR: a link to a folder is not one.
        if found.st_mode & 0o170000 != 0o040000 or found.st_uid != uid:
            return False
        if found.st_mode & 0o077:
            os.chmod(folder, 0o700)
    except OSError:
        return False
    return True


class Hold:
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
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        while True:
            try:
                os.makedirs(folder, mode=0o700, exist_ok=True)
                self.descriptor = os.open(self._lock, flags, 0o600)
            except OSError as error:
                raise StateUnwritableError(folder, error.strerror or str(error)) from error
            if not _take(self.descriptor):
                os.close(self.descriptor)
                other = _read(self._record)
                name = other.namespace if other else key
                raise StackRunningError(name, other.pid if other else 0)
            # What `drop` has removed meanwhile keeps nobody out.
            if _is_in_place(self.descriptor, self._lock):
                return
            os.close(self.descriptor)

    def write(self, record: StackRecord) -> None:
        """Tell others who we are."""
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
        }
        # It says who lives now; after a power cut nobody does, so this one needs no fsync.
        new = f"{self._record}.tmp.{os.getpid()}"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, (pretty(fields) + "\n").encode("utf-8", "surrogateescape"))
        finally:
            os.close(descriptor)
        os.replace(new, self._record)

    def read(self) -> StackRecord | None:
        """The record that lies there: ours, or that of one whose end nobody saw."""
        return _read(self._record)

    def forget(self) -> None:
        """Take record, journal and socket away: there is nothing of the stack any more."""
        record = _read(self._record)
        socket = [record.socket] if record is not None and record.socket else []
        for path in (*socket, self._record, self.journal):
            try:
                os.unlink(path)
            except FileNotFoundError:
                continue

    def drop(self) -> None:
        """Take the lock's own file away too, while we hold it; see `forget`."""
        self.forget()
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
    """The record of a stack; None if there is none."""
    return _read(_path(folder, key))


def stack_around(folder: str, start: str, *, held: bool = True) -> StackRecord | None:
    """The live stack of the worktree, or outside git of the folder, that `start` lies in.

    Args:
        folder: From `stacks_dir`.
        start: An absolute path without links.
        held: Whether somebody has to run it; else, that nobody does although its record is there.
    """
    try:
        names = {name for name in os.listdir(folder) if name.endswith(_RECORD)}
    except OSError:
        return None
    place = start
    while True:
        ending = f"-{path_digest(place)[:12]}{_RECORD}"
        for name in names:
            key = name.removesuffix(_RECORD)
            if name.endswith(ending) and _is_held(f"{folder}/{key}{_LOCK}") == held:
                return _read(f"{folder}/{name}")
        # Beyond the worktree begins another one's.
        if place == "/" or os.path.lexists(f"{place}/.git"):
            return None
        place = os.path.dirname(place)


def live_stacks(folder: str) -> list[StackRecord]:
    """The stacks that somebody runs."""
    return [record for key in keys(folder, held=True) if (record := _read(_path(folder, key)))]


def records(folder: str) -> list[StackRecord]:
    """All records that can be read, whether somebody runs their stacks or not."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = [_read(f"{folder}/{name}") for name in names if name.endswith(_RECORD)]
    return [record for record in found if record is not None]


def keys(folder: str, *, held: bool) -> list[str]:
    """The keys of the records that somebody holds, or of those that nobody does."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = [name.removesuffix(_RECORD) for name in sorted(names) if name.endswith(_RECORD)]
    return [key for key in found if _is_held(f"{folder}/{key}{_LOCK}") == held]


def is_held(folder: str, key: str) -> bool:
    """Whether somebody runs a stack."""
    return _is_held(f"{folder}/{key}{_LOCK}")


def is_same(record: StackRecord) -> bool:
    """Whether the process of a record is still the one that wrote it."""
    return started_at(record.pid) == record.start


def _path(folder: str, key: str) -> str:
    return f"{folder}/{key}{_RECORD}"


def _is_held(path: str) -> bool:
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


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
    )
