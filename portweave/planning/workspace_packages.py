"""Pure. Select the packages of a JavaScript workspace that a command means."""

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from portweave.encoding.value import field, value

TYPE_CHECKING = False  # `typing` costs as much as all of this
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


@value
class Package:
    """A package of a workspace.

    Attributes:
        name: The name in its package.json.
        folder: Its folder, absolute.
        scripts: The text of each script by name; with nx, also the commands of its targets.
        needs: Names of the packages on which it depends.
    """

    name: str
    folder: str
    scripts: Mapping[str, str] = field(default_factory=dict[str, str])
    needs: frozenset[str] = frozenset()


class Packages(Protocol):
    """Reads packages. Folders are relative to the command's."""

    def script(self, folder: str, name: str) -> str | None:
        """Return the text of a script of the nearest package.json in a folder or above it."""

    def members(self, folder: str) -> Sequence[Package]:
        """Return the packages of a folder's workspace; none if it belongs to no workspace."""
        ...  # noqa: PIE790 - pyright wants a body

    def path(self, folder: str) -> str:
        """Return the absolute path of a folder."""
        ...  # noqa: PIE790 - pyright wants a body

    def is_classic_yarn(self, folder: str) -> bool:
        """Whether the yarn of a folder is version 1, which removes the first `--`."""
        ...  # noqa: PIE790 - pyright wants a body


class NoPackages:
    """Reads no packages."""

    def script(self, folder: str, name: str) -> str | None:
        """Return none."""
        del folder, name
        return None

    def members(self, folder: str) -> Sequence[Package]:
        """Return none."""
        del folder
        return ()

    def path(self, folder: str) -> str:
        """Return the folder as it is."""
        return folder

    def is_classic_yarn(self, folder: str) -> bool:
        """Return True: no file names a later version."""
        del folder
        return True


NO_PACKAGES = NoPackages()


def selected(packages: Sequence[Package], selectors: Iterable[str], place: str) -> list[Package]:
    """Return the packages that a command selects, in the order of the workspace.

    A selector is a name with or without its scope, a pattern, or a folder. `...` after a name adds
    its dependencies; `...` before it adds the packages that depend on it. Others select nothing.

    Args:
        packages: The packages of the workspace.
        selectors: The selectors, such as `web`, `@shop/*`, `./apps/web`, `web...`.
        place: The folder in which the command runs, absolute.
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
    """Return the package of a folder; all packages if it belongs to none, as the root."""
    inside = [p for p in packages if f"{place}/".startswith(f"{p.folder}/")]
    return inside or list(packages)


def _is_meant(package: Package, selector: str, place: str) -> bool:
    text = selector.strip("{}")
    bare = package.name.rpartition("/")[2]
    if fnmatchcase(package.name, text) or (text == bare and not text.startswith("@")):
        return True
    # A project of nx often has the name of its folder.
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
