"""Pure. Which services restart for a changed file, and which of them cause their own restarts."""

import re
from collections.abc import Iterable

from portweave.encoding.value import value

_MAGIC = frozenset("*?[")
# Tools write these all the time, and no service consists of them.
_IGNORED_FOLDERS = frozenset(
    {".git", ".hg", ".jj", ".portweave", "__pycache__", "node_modules", ".venv"}
)
_TEMPORARY = r"\.(?:pyc|pyo|sw[a-p]|tmp)$|~$|^\.#|^#.*#$|^4913$"


@value
class Pattern:
    """A path or glob of `watch`.

    Attributes:
        base: The folder or file to watch, absolute.
        glob: A regular expression for the paths below; None for all of them.
    """

    base: str
    glob: str | None = None

    def fits(self, path: str) -> bool:
        """Whether a changed path matches."""
        if self.glob is not None:
            return re.fullmatch(self.glob, path) is not None
        return path == self.base or path.startswith(f"{self.base.rstrip('/')}/")


def pattern(text: str) -> Pattern:
    """An absolute path, or glob, as a pattern. `**` stands for any number of folders."""
    parts = text.split("/")
    magic = next((i for i, part in enumerate(parts) if not _MAGIC.isdisjoint(part)), None)
    if magic is None:
        return Pattern(text.rstrip("/") or "/")
    base = "/".join(parts[:magic]) or "/"
    pieces = ["(?:[^/]+/)*" if part == "**" else f"{_segment(part)}/" for part in parts[magic:-1]]
    pieces.append(".*" if parts[-1] == "**" else _segment(parts[-1]))
    return Pattern(base, re.escape(base.rstrip("/")) + "/" + "".join(pieces))


def _segment(part: str) -> str:
    from fnmatch import translate  # most stacks watch nothing

    # fnmatch knows no folders, and its wildcards would match a slash.
    body = translate(part).removeprefix("(?s:")
    body = body.removesuffix("\\Z").removesuffix("\\z").removesuffix(")")
    return body.replace(".*", "[^/]*")


def is_temporary(path: str, base: str) -> bool:
    """Whether a path is a temporary file of an editor or tool, below a base."""
    inside = path.removeprefix(base.rstrip("/")).split("/")
    return not _IGNORED_FOLDERS.isdisjoint(inside) or re.search(_TEMPORARY, inside[-1]) is not None


def affected(
    watches: Iterable[tuple[str, tuple[Pattern, ...]]], paths: Iterable[str]
) -> dict[str, list[str]]:
    """The instances that changed paths affect, each with these paths in order.

    Args:
        watches: Names of instances, with their patterns.
        paths: The changed paths.
    """
    changed = sorted(paths)
    found = {
        name: [
            path
            for path in changed
            if any(p.fits(path) and not is_temporary(path, p.base) for p in patterns)
        ]
        for name, patterns in watches
    }
    return {name: its for name, its in found.items() if its}


# A loop: so many restarts in a row for the same file, each within this time of the one before.
LOOP_RESTARTS = 4
LOOP_S = 10.0
# A loop is slowed down after so many: a user who saves a file often makes fewer.
_SLOWED_RESTARTS = 8
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


class LoopGuard:
    """Detects a service that writes files that it watches, by its restarts.

    Attributes:
        path: The file that caused the last restarts; empty without a loop.
        restarts: How many restarts in a row had the same file.
        pause_s: How long the next restart should wait.
    """

    def __init__(self) -> None:
        self.path = ""
        self.restarts = 0
        self._paths: frozenset[str] = frozenset()
        self._last_s = float("-inf")

    @property
    def pause_s(self) -> float:
        """How long the next restart should wait."""
        excess = self.restarts - _SLOWED_RESTARTS
        return 0.0 if excess < 0 else min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(excess, 10))

    def add_restart(self, paths: Iterable[str], now_s: float) -> None:
        """Count a restart.

        Args:
            paths: The changed paths.
            now_s: When the restart happens, in seconds of a monotonic clock.
        """
        changed = frozenset(paths)
        again = self._paths & changed if now_s - self._last_s <= LOOP_S else frozenset[str]()
        self.restarts = self.restarts + 1 if again else 1
        self._paths = again or changed
        self._last_s = now_s
        self.path = min(self._paths) if self.restarts >= LOOP_RESTARTS else ""


def outside_repositories(paths: Iterable[str], repositories: Iterable[str]) -> set[str]:
    """The paths that lie in no other repository or worktree.

    Args:
        paths: Absolute.
        repositories: Folders with a `.git` of their own.
    """
    folders = {folder.rstrip("/") for folder in repositories}
    return {
        path
        for path in paths
        if not any(path == folder or path.startswith(f"{folder}/") for folder in folders)
    }
