"""Pure. The packages of a JavaScript workspace: which of them the words of a command mean."""

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Protocol

from portweave.encoding.value import value


@value
class Package:
    """A package of a workspace.

    Attributes:
        name: As its package.json says.
        folder: Absolute.
        scripts: Text by name; for nx, what its targets run besides.
        needs: Names of the packages that it depends on.
    """

    name: str
    folder: str
    scripts: Mapping[str, str] = field(default_factory=dict[str, str])
    needs: frozenset[str] = frozenset()


class Packages(Protocol):
    """What is read of packages; folders are relative to that where a command starts."""

    def script(self, folder: str, name: str) -> str | None:
        """The text of a script of the package.json that a folder has or is below of."""
        ...

    def members(self, folder: str) -> Sequence[Package]:
        """The packages of the workspace that a folder lies in; none where it lies in none."""
        ...

    def path(self, folder: str) -> str:
        """The absolute path of a folder."""
        ...

    def is_classic_yarn(self, folder: str) -> bool:
        """Whether the yarn of a folder is version 1, which takes the first `--` away."""
        ...


class NoPackages:
    """Knows of none."""

    def script(self, folder: str, name: str) -> str | None:
        """None."""
        del folder, name
        return None

    def members(self, folder: str) -> Sequence[Package]:
        """None."""
        del folder
        return ()

    def path(self, folder: str) -> str:
        """As it is."""
        return folder

    def is_classic_yarn(self, folder: str) -> bool:
        """Yes, as nothing tells of another."""
        del folder
        return True


NO_PACKAGES = NoPackages()


def selected(packages: Sequence[Package], selectors: Iterable[str], place: str) -> list[Package]:
    """The packages that the filters of a command mean, in the order of the workspace.

    Names with or without their scope, patterns of names, folders, and a name with `...` behind it
    or before it: with what it depends on, or what depends on it. Other filters mean none.

    Args:
        packages: Of the workspace.
        selectors: As `web`, `@shop/*`, `./apps/web`, `web...`.
        place: Where the command runs; absolute.
    """
    found: set[str] = set()
    for selector in selectors:
        name = selector.removeprefix("...").removesuffix("...")
        chosen = {package.name for package in packages if _is_meant(package, name, place)}
        if selector.endswith("..."):
            chosen = _closure(chosen, {package.name: package.needs for package in packages})
        if selector.startswith("..."):
            users = {
                package.name: frozenset(p.name for p in packages if package.name in p.needs)
                for package in packages
            }
            chosen = _closure(chosen, users)
        found |= chosen
    return [package for package in packages if package.name in found]


def around(packages: Sequence[Package], place: str) -> list[Package]:
    """The package that a folder lies in; all where it lies in none, as the root does."""
    inside = [p for p in packages if f"{place}/".startswith(f"{p.folder}/")]
    return inside or list(packages)


def _is_meant(package: Package, selector: str, place: str) -> bool:
    text = selector.strip("{}")
    bare = package.name.rpartition("/")[2]
    if fnmatchcase(package.name, text) or (text == bare and not text.startswith("@")):
        return True
    # A project of nx is often called as its folder.
    if text == posixpath.basename(package.folder):
        return True
    if "/" not in text or text.startswith("@"):
        return False
    path = posixpath.normpath(posixpath.join(place, text))
    return fnmatchcase(package.folder, path) or f"{package.folder}/".startswith(f"{path}/")


def _closure(names: set[str], needs: Mapping[str, frozenset[str]]) -> set[str]:
    found, todo = set(names), list(names)
    while todo:
        new = (needs.get(todo.pop(), frozenset()) & needs.keys()) - found
        found |= new
        todo += new
    return found
