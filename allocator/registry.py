"""The registry of all worktrees' blocks, shared with npm portweave, as a file.

Readers take no lock: the file is only ever replaced as a whole.
"""

import os
import time

from portweave.allocator.entries import entries_from, text_of
from portweave.allocator.model import Entry
from portweave.errors import RegistryDamagedError, RegistryUnwritableError
from portweave.fastjson import loads

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What a writer that was killed has left is removed after this time.
_LEFTOVER_S = 60


def registry_path(environ: "Mapping[str, str]") -> str:
    """Where the registry lies.

    Raises:
        RegistryUnwritableError: There is no home directory.
    """
    config_home = environ.get("XDG_CONFIG_HOME", "")
    if not config_home.startswith("/"):
        home = environ.get("HOME") or os.path.expanduser("~")
        if not home.startswith("/"):
            raise RegistryUnwritableError(
                "~/.config/portweave/registry.json", "there is no home directory"
            )
        config_home = f"{home.rstrip('/')}/.config"
    return f"{config_home.rstrip('/')}/portweave/registry.json"


def load(path: str) -> list[Entry]:
    """The entries of the registry; none where there is no file yet.

    Raises:
        RegistryDamagedError: It cannot be read, or is no registry.
    """
    return load_again(path, b"", [])[1]


def load_again(path: str, data: bytes, entries: list[Entry]) -> tuple[bytes, list[Entry]]:
    """The registry's bytes and its entries, which are `entries` where it still is `data`.

    Raises:
        RegistryDamagedError: It cannot be read, or is no registry.
    """
    try:
        found = read_all(path)
        if found and found == data:
            return data, entries
        text = found.decode()
    except (FileNotFoundError, NotADirectoryError):
        return b"", []
    except OSError as error:
        raise RegistryDamagedError(
            path, f"failed to read registry file at {path}: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise RegistryDamagedError(
            path, f"registry file at {path} is not valid JSON: not UTF-8 at byte {error.start}"
        ) from error
    try:
        value = loads(text)
    except ValueError as error:
        raise RegistryDamagedError(
            path, f"registry file at {path} is not valid JSON: {error}"
        ) from error
    try:
        return found, entries_from(value)
    except ValueError as error:
        raise RegistryDamagedError(
            path, f"registry file at {path} failed schema validation", str(error)
        ) from error


def read_all(path: str) -> bytes:
    """The bytes of a file; `open` and what it imports cost more than the reading."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces: list[bytes] = []
        while piece := os.read(descriptor, 1 << 18):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def store(
    path: str,
    entries: list[Entry],
    *,
    still_locked: "Callable[[], None]",
    keep_last: bool = True,
) -> None:
    """Replace the registry; the version before it stays as `registry.json.bak`.

    A crash at any moment, of the machine too, leaves the old version or the new one.

    Args:
        path: The registry; where it is a link, what it names is replaced.
        entries: What it is to hold.
        still_locked: Called just before the replacement; raises where the lock was lost.
        keep_last: Whether the version before it is a good one, to be kept.

    Raises:
        OSError: It cannot be written.
    """
    target = os.path.realpath(path) if os.path.islink(path) else path
    temporary = f"{target}.tmp.{os.getpid()}.{time.time_ns() // 1_000_000}"
    write_new(temporary, text_of(entries).encode())
    try:
        if keep_last:
            _keep_last(target, temporary)
        still_locked()
        os.rename(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def write_new(path: str, data: bytes) -> None:
    """Write a file that only its owner may read, and wait for the disk to have it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except BaseException:
        os.unlink(path)
        raise
    finally:
        os.close(descriptor)


def _keep_last(target: str, temporary: str) -> None:
    backup = f"{temporary}.bak"
    try:
        os.link(target, backup)
    except FileNotFoundError:
        return
    except OSError:  # a file system without hard links
        write_new(backup, read_all(target))
    os.rename(backup, f"{target}.bak")


def sync_folder(path: str) -> None:
    """Wait for the disk to know the names in the folder that a file lies in: fsync(2)."""
    descriptor = os.open(os.path.dirname(os.path.realpath(path)), os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(path: str) -> None:
    """Make a folder and those above it, for its owner alone; existing ones keep their modes."""
    if os.path.isdir(path):
        return
    make_folders(os.path.dirname(path))
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def make_own_folder(path: str) -> None:
    """Make a folder of a worktree's `.portweave`, and that; never the worktree itself.

    It may have been removed or moved while its stack runs: who made its folders again would be in
    the way of the next `git worktree add`.

    Raises:
        OSError: It cannot be made, as where there is no worktree any more.
    """
    for folder in (os.path.dirname(path), path):
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            continue


def sweep(path: str, now_s: float) -> None:
    """Remove what writers and lock holders left beside the registry when they were killed."""
    folder, _, name = path.rpartition("/")
    prefixes = (f"{name}.tmp.", f"{name.removesuffix('.json')}.lock.")
    for entry in os.listdir(folder):
        if not entry.startswith(prefixes):
            continue
        leftover = f"{folder}/{entry}"
        try:
            if now_s - os.lstat(leftover).st_mtime > _LEFTOVER_S:
                remove_all(leftover)
        except OSError:  # somebody else was faster
            continue


def remove_all(path: str) -> None:
    """Remove a file, or a folder and what lies in it."""
    try:
        os.unlink(path)
    except (IsADirectoryError, PermissionError):
        for name in os.listdir(path):
            remove_all(f"{path}/{name}")
        os.rmdir(path)
