"""Where state lies, and who runs which stack.

A stack's record is `$XDG_STATE_HOME/portweave/stacks/<key>.json`; its supervisor holds a lock on
`<key>.lock` beside it for as long as it lives, and the kernel lets go of that lock whatever becomes
of it. So the lock is the fact, and the record only tells who it is.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from portweave.allocator.naming import path_digest
from portweave.errors import StackRunningError


@dataclass(frozen=True, slots=True)
class StackRecord:
    """Who runs a stack.

    Attributes:
        pid: Of its supervisor.
        project: Name of the project.
        namespace: Of the worktree.
        root: The worktree's root.
        ports: By instance.
    """

    pid: int
    project: str
    namespace: str
    root: str
    ports: Mapping[str, int]


def state_dir(environ: Mapping[str, str]) -> str:
    """`$XDG_STATE_HOME/portweave`, else `~/.local/state/portweave`; not made by this."""
    base = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):
        home = environ.get("HOME") or os.path.expanduser("~")
        base = os.path.join(home, ".local", "state")
    return os.path.join(base, "portweave")


def stack_key(root: str, namespace: str) -> str:
    """The name under which a stack's files lie: readable, and different for different worktrees."""
    return f"{namespace}-{path_digest(root)[:12]}"


@contextlib.contextmanager
def hold_stack(folder: str, key: str, record: StackRecord) -> Generator[None]:
    """Be the one supervisor of a stack.

    Args:
        folder: Where records lie; made if missing, 0700.
        key: From `stack_key`.
        record: What others are told of us.

    Raises:
        StackRunningError: Another one is.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, f"{key}.json")
    lock = os.open(
        os.path.join(folder, f"{key}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = _read(path)
            raise StackRunningError(record.namespace, other.pid if other else 0) from None
        _write(path, record)
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
    finally:
        os.close(lock)


def live_stacks(folder: str) -> list[StackRecord]:
    """The stacks whose supervisor lives; records of others are passed over."""
    found: list[StackRecord] = []
    with contextlib.suppress(FileNotFoundError):
        for name in sorted(os.listdir(folder)):
            key, dot, kind = name.rpartition(".")
            if dot and kind == "json" and _is_held(os.path.join(folder, f"{key}.lock")):
                record = _read(os.path.join(folder, name))
                if record is not None:
                    found.append(record)
    return found


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


def _write(path: str, record: StackRecord) -> None:
    data = {
        "schemaVersion": 1,
        "pid": record.pid,
        "project": record.project,
        "namespace": record.namespace,
        "worktreeRoot": record.root,
        "ports": dict(record.ports),
    }
    # It says who lives now: after a power cut nobody does, so this one needs no fsync.
    new = f"{path}.tmp.{os.getpid()}"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(data, file, indent=2)
    os.replace(new, path)


def _read(path: str) -> StackRecord | None:
    """The record, None if there is none or it cannot be read: it is evidence, not fact."""
    try:
        with open(path, encoding="utf-8") as file:
            data: Any = json.load(file)
        return StackRecord(
            int(data["pid"]),
            str(data["project"]),
            str(data["namespace"]),
            str(data["worktreeRoot"]),
            {str(name): int(port) for name, port in data["ports"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
