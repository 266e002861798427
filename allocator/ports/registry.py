"""The registry of all worktrees' blocks, a file that npm portweave shares.

Readers take no lock, because the file is only replaced as a whole.
"""

import os
import time

from portweave import errors
from portweave.allocator.ports.model import Entry
from portweave.allocator.ports.registry_file import (
    entries_from,
    text_of,
)
from portweave.encoding.json_text import loads
from portweave.system.files import (
    read_all,
    remove_all,
    write_new,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# When to remove the temporary file of a killed writer.
_LEFTOVER_S = 60


def registry_path(environ: "Mapping[str, str]") -> str:
    """The path of the registry.

    Raises:
        RegistryUnwritableError: There is no home directory.
    """
    config_home = environ.get("XDG_CONFIG_HOME", "")
    if not config_home.startswith("/"):
        home = environ.get("HOME") or os.path.expanduser("~")
        if not home.startswith("/"):
            raise errors.RegistryUnwritableError(
                "~/.config/portweave/registry.json", "there is no home directory"
            )
        config_home = f"{home.rstrip('/')}/.config"
    return f"{config_home.rstrip('/')}/portweave/registry.json"


def load(path: str) -> list[Entry]:
    """The entries of the registry; none if there is no file yet.

    Raises:
        RegistryDamagedError: It cannot be read, or is no registry.
    """
    return load_again(path, b"", [])[1]


def load_again(path: str, data: bytes, entries: list[Entry]) -> tuple[bytes, list[Entry]]:
    """Read the registry again, and parse it only if it has changed.

    Args:
        path: The registry.
        data: Its bytes before.
        entries: Its entries before.

    Returns:
        The bytes and the entries now.

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
        raise errors.RegistryDamagedError(
            path, f"failed to read registry file at {path}: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise errors.RegistryDamagedError(
            path, f"registry file at {path} is not valid JSON: not UTF-8 at byte {error.start}"
        ) from error
    try:
        value = loads(text)
    except ValueError as error:
        raise errors.RegistryDamagedError(
            path, f"registry file at {path} is not valid JSON: {error}"
        ) from error
    try:
        return found, entries_from(value)
    except ValueError as error:
        raise errors.RegistryDamagedError(
            path, f"registry file at {path} failed schema validation", str(error)
        ) from error


def store(
    path: str,
    entries: list[Entry],
    *,
    still_locked: "Callable[[], None]",
    keep_last: bool = True,
) -> None:
    """Replace the registry. The last version stays as `registry.json.bak`.

    A crash at any moment, even of the machine, leaves the old version or the new one.

    Args:
        path: The registry. If it is a link, its target is replaced.
        entries: The new entries.
        still_locked: Called just before the replacement. Raises if the lock was lost.
        keep_last: Whether the last version is good, and should be kept.

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


def _keep_last(target: str, temporary: str) -> None:
    backup = f"{temporary}.bak"
    try:
        os.link(target, backup)
    except FileNotFoundError:
        return
    except OSError:  # a file system without hard links
        write_new(backup, read_all(target))
    os.rename(backup, f"{target}.bak")


def sweep(path: str, now_s: float) -> None:
    """Remove what killed writers and lock holders have left beside the registry."""
    folder, _, name = path.rpartition("/")
    prefixes = (f"{name}.tmp.", f"{name.removesuffix('.json')}.lock.")
    for entry in os.listdir(folder):
        if not entry.startswith(prefixes):
            continue
        leftover = f"{folder}/{entry}"
        try:
            if now_s - os.lstat(leftover).st_mtime > _LEFTOVER_S:
                remove_all(leftover)
        except OSError:  # another process was faster
            continue
