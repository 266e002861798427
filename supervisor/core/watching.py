"""Which changes of files are a service's business."""

import re
from collections.abc import Iterable

from portweave.supervisor.core.value import value

_MAGIC = frozenset("*?[")
# Written by tools all the time, and no part of what a service is made of.
_NEVER = frozenset({".git", ".hg", ".jj", ".portweave", "__pycache__", "node_modules", ".venv"})
_LITTER = r"\.(?:pyc|pyo|sw[a-p]|tmp)$|~$|^\.#|^#.*#$|^4913$"


@value
class Pattern:
    """A path, or a glob, whose changes matter.

    Attributes:
        base: The folder or file that is watched for it, absolute.
        glob: A regular expression for the paths below; None for all of them.
    """

    base: str
    glob: str | None = None

    def fits(self, path: str) -> bool:
        """Whether a changed path is meant."""
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

    # fnmatch knows no folders: what stands for any text must not reach beyond one.
    body = translate(part).removeprefix("(?s:")
    body = body.removesuffix("\\Z").removesuffix("\\z").removesuffix(")")
    return body.replace(".*", "[^/]*")


def is_litter(path: str, base: str) -> bool:
    """Whether nobody restarts a service for a path: what editors and tools leave about."""
    inside = path.removeprefix(base.rstrip("/")).split("/")
    return not _NEVER.isdisjoint(inside) or re.search(_LITTER, inside[-1]) is not None


def concerned(
    watches: Iterable[tuple[str, tuple[Pattern, ...]]], paths: Iterable[str]
) -> dict[str, list[str]]:
    """Those whose business some of the paths are, and which, in order.

    Args:
        watches: Names with their patterns.
        paths: What has changed.
    """
    changed = sorted(paths)
    found = {
        name: [
            path
            for path in changed
            if any(p.fits(path) and not is_litter(path, p.base) for p in patterns)
        ]
        for name, patterns in watches
    }
    return {name: its for name, its in found.items() if its}
