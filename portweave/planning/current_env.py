"""Write the files from which other programs read a worktree's variables: `current.env`."""

import os
import time
from _thread import get_ident

from portweave import errors
from portweave.allocator.worktree import worktree_dir
from portweave.planning.allocation_text import current_env
from portweave.system.files import make_own_folder, read_all

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping


def write_current_env(root: str, env: "Mapping[str, str]") -> None:
    """Write `.portweave/current.env`, unless it has these variables already.

    As with npm portweave, each allocation writes it, of whatever namespace.

    Args:
        root: The worktree's root.
        env: The variables.

    Raises:
        CurrentEnvError: The worktree cannot be written.
    """
    _write(f"{root.rstrip('/')}/.portweave", env)


def write_namespace_env(root: str, namespace: str, env: "Mapping[str, str]") -> None:
    """Write the `current.env` of a namespace that the user has chosen. No other stack writes it.

    Args:
        root: The worktree's root.
        namespace: The stack's namespace. The worktree's own has no file but `write_current_env`'s.
        env: The variables.

    Raises:
        CurrentEnvError: The worktree cannot be written.
    """
    folder = worktree_dir(root, namespace)
    if os.path.dirname(folder) != root.rstrip("/"):
        _write(folder, env)


def _write(folder: str, env: "Mapping[str, str]") -> None:
    path = f"{folder}/current.env"
    data = current_env(env).encode("utf-8", "surrogateescape")
    try:
        make_own_folder(folder)
        _replace_changed(path, data)
    except OSError as error:
        raise errors.CurrentEnvError(path, error.strerror or str(error)) from error


def _replace_changed(path: str, data: bytes) -> None:
    try:
        if read_all(path) == data:
            return
    except FileNotFoundError:
        pass
    # Two threads of one process may write in the same millisecond.
    temporary = f"{path}.tmp.{os.getpid()}.{time.time_ns() // 1_000_000}.{get_ident()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
