"""Find the files of folders that were changed lately. What git ignores is left out."""

import os
from collections.abc import Iterable, Iterator

from portweave.allocator.git_output import git_output
from portweave.allocator.git_queries import look_environment

_GIT_PATIENCE_S = 10.0
# Outside of a repository: folders of tools and of what they build.
_SKIPPED = frozenset(
    {"__pycache__", "build", "coverage", "dist", "node_modules", "out", "target", "venv"}
)
_MOST_FILES = 20_000
_TEMPORARY = ("~", ".swp", ".swx", ".tmp", ".pyc")


def changed_files(folder: str, since_s: float) -> list[tuple[float, str]]:
    """The files below a folder that were changed after a time, the newest first.

    A tracked file that was removed counts with the time of its folder.

    Args:
        folder: An absolute path.
        since_s: Seconds since the epoch.

    Returns:
        The time of the change, and the path relative to the folder.
    """
    found: list[tuple[float, str]] = []
    for name in _files(folder):
        changed_s = _changed_s(folder, name)
        if changed_s > since_s:
            found.append((changed_s, name))
    return sorted(found, reverse=True)


def topmost(folders: Iterable[str]) -> list[str]:
    """The folders that lie in no other one of them."""
    found: list[str] = []
    for folder in sorted(set(folders)):
        if not any(folder.startswith(f"{other.rstrip('/')}/") for other in found):
            found.append(folder)
    return found


def _changed_s(folder: str, name: str) -> float:
    path = f"{folder}/{name}"
    try:
        return os.stat(path).st_mtime
    except OSError:
        pass
    try:
        return os.stat(os.path.dirname(path)).st_mtime
    except OSError:
        return 0.0


def _files(folder: str) -> Iterable[str]:
    words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    found = git_output(folder, look_environment(os.environ), *words, limit_s=_GIT_PATIENCE_S)
    if found is None:
        return _walked(folder)
    return [name for name in found.split("\0") if name and not _is_own(name)]


def _is_own(name: str) -> bool:
    return name.startswith(".portweave/") or name.endswith(_TEMPORARY)


def _walked(folder: str) -> Iterator[str]:
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [one for one in folders if one not in _SKIPPED and not one.startswith(".")]
        for name in names:
            count += 1
            if count > _MOST_FILES:
                return
            path = f"{place}/{name}".removeprefix(f"{folder}/")
            if not _is_own(path):
                yield path
