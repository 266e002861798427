"""Read the packages of a JavaScript workspace and their scripts, to see what `npm run` starts."""

import os
from fnmatch import fnmatchcase

from portweave.encoding.json_text import (
    is_list,
    is_object,
    loads,
)
from portweave.planning.workspace_packages import Package
from portweave.system.files import read_all

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# A pattern looks at no more folders than this; packages are found before.
_MOST_FOLDERS = 2_000
_LEFT_OUT = frozenset({"node_modules", ".git"})
_NEEDS = ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies")
# For each executor of nx, a command that does the same.
_EXECUTORS = {
    "@nx/vite:dev-server": "vite",
    "@nx/vite:preview-server": "vite preview",
    "@nx/next:server": "next dev",
    "@nx/angular:dev-server": "ng serve",
    "@nx/webpack:dev-server": "webpack serve",
    "@angular-devkit/build-angular:dev-server": "ng serve",
}
# Tasks that plugins of nx infer from files: nx.dev, Inferred Tasks.
_VITE, _NEXT = "vite", "next dev"
_INFERRED = (
    ("vite.config.", {"dev": _VITE, "serve": _VITE, "vite:dev": _VITE, "preview": "vite preview"}),
    ("next.config.", {"dev": _NEXT, "start": "next start", "serve-static": "next start"}),
)
# The folders of nx projects that no package.json names.
_NX_FOLDERS = ["apps/*", "libs/*", "packages/*"]


class PackageFiles:
    """Reads the files of packages, each once.

    Args:
        base: The folder to which all others are relative; absolute.
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self._scripts: dict[str, dict[str, str]] = {}
        self._members: dict[str, Sequence[Package]] = {}

    def path(self, folder: str) -> str:
        """Return the absolute path of a folder."""
        return os.path.normpath(os.path.join(self._base, folder))

    def is_classic_yarn(self, folder: str) -> bool:
        """Whether the yarn of a folder is version 1.

        Later versions have a `.yarnrc.yml`, or a `packageManager` in package.json, in the folder or
        above it (yarnpkg.com).
        """
        path = self.path(folder)
        while True:
            if os.path.exists(f"{path}/.yarnrc.yml"):
                return False
            try:
                manager = str(_read(f"{path}/package.json").get("packageManager", ""))
            except OSError:
                manager = ""
            if manager:
                return not manager.startswith("yarn@") or manager.startswith("yarn@1.")
            if path in ("/", "") or os.path.lexists(f"{path}/.git"):
                return True
            path = os.path.dirname(path)

    def script(self, folder: str, name: str) -> str | None:
        """Return the text of a script of the nearest package.json in a folder or above it."""
        path = self.path(folder)
        if path not in self._scripts:
            self._scripts[path] = _scripts_above(path)
        return self._scripts[path].get(name)

    def members(self, folder: str) -> "Sequence[Package]":
        """Return the packages of a folder's workspace; none if it belongs to no workspace."""
        root, patterns = _workspace(self.path(folder))
        if root not in self._members:
            is_nx = os.path.exists(f"{root}/nx.json")
            folders = _folders(root, patterns) if patterns else ()
            found = [_package(place, is_nx=is_nx) for place in folders]
            self._members[root] = [package for package in found if package is not None]
        return self._members[root]


def _scripts_above(folder: str) -> dict[str, str]:
    while True:
        try:
            found = _read(f"{folder.rstrip('/')}/package.json")
        except (FileNotFoundError, NotADirectoryError):
            if folder in ("/", ""):
                return {}
            folder = os.path.dirname(folder)
        else:
            return _texts(found.get("scripts"))


def _workspace(folder: str) -> tuple[str, list[str]]:
    """Find the root of a folder's workspace, and the patterns of its packages."""
    while True:
        for read in (_pnpm_patterns, _patterns, _nx_patterns):
            if patterns := read(folder):
                return folder, patterns
        if folder in ("/", "") or os.path.lexists(f"{folder}/.git"):
            return "", []
        folder = os.path.dirname(folder)


def _pnpm_patterns(folder: str) -> list[str]:
    try:
        text = read_all(f"{folder.rstrip('/')}/pnpm-workspace.yaml").decode()
    except (OSError, ValueError):
        return []
    import yaml  # imported here, as few workspaces need it

    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return []
    packages = value.get("packages") if is_object(value) else None
    return [str(item) for item in packages] if is_list(packages) else []


def _patterns(folder: str) -> list[str]:
    try:
        found = _read(f"{folder.rstrip('/')}/package.json")
    except OSError:
        return []
    value = found.get("workspaces")
    # Yarn also allows an object.
    packages = value.get("packages") if is_object(value) else value
    return [str(item) for item in packages] if is_list(packages) else []


def _nx_patterns(folder: str) -> list[str]:
    return _NX_FOLDERS if os.path.exists(f"{folder}/nx.json") else []


def _folders(root: str, patterns: "Sequence[str]") -> "Iterator[str]":
    """Find the folders that match the patterns of a workspace, each once, in order."""
    wanted = [_parts(pattern) for pattern in patterns if not pattern.startswith("!")]
    unwanted = [_parts(pattern[1:]) for pattern in patterns if pattern.startswith("!")]
    seen: set[str] = set()
    left = [_MOST_FOLDERS]
    for parts in wanted:
        for folder in _matching(root, parts, left):
            inside = folder[len(root) :].strip("/").split("/")
            if folder not in seen and not any(_fits(inside, other) for other in unwanted):
                seen.add(folder)
                yield folder


def _parts(pattern: str) -> list[str]:
    return [part for part in pattern.split("/") if part not in ("", ".")]


def _matching(folder: str, parts: "Sequence[str]", left: list[int]) -> "Iterator[str]":
    if not parts:
        yield folder
        return
    first, rest = parts[0], parts[1:]
    if first == "**":
        yield from _matching(folder, rest, left)
    elif not any(char in first for char in "*?[{"):
        path = os.path.normpath(f"{folder}/{first}")
        if os.path.isdir(path):
            yield from _matching(path, rest, left)
        return
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    except OSError:
        return
    for name in names:
        if name in _LEFT_OUT or (name.startswith(".") and first != name) or left[0] <= 0:
            continue
        left[0] -= 1
        if first == "**":
            yield from _matching(f"{folder}/{name}", parts, left)
        elif any(fnmatchcase(name, one) for one in _alternatives(first)):
            yield from _matching(f"{folder}/{name}", rest, left)


def _alternatives(part: str) -> list[str]:
    """Expand `{a,b}` to `a` and `b`."""
    before, brace, rest = part.partition("{")
    inside, _, after = rest.partition("}")
    return [f"{before}{one}{after}" for one in inside.split(",")] if brace else [part]


def _fits(inside: "Sequence[str]", parts: "Sequence[str]") -> bool:
    if not parts:
        return not inside
    if parts[0] == "**":
        return _fits(inside, parts[1:]) or (bool(inside) and _fits(inside[1:], parts))
    return (
        bool(inside)
        and any(fnmatchcase(inside[0], one) for one in _alternatives(parts[0]))
        and _fits(inside[1:], parts[1:])
    )


def _package(folder: str, *, is_nx: bool) -> Package | None:
    """Read the package in a folder; None if it has neither package.json nor project.json."""
    found: dict[str, object] = {}
    project: dict[str, object] = {}
    for file, target in (("package.json", found), ("project.json", project)):
        try:
            target.update(_read(f"{folder}/{file}"))
        except OSError:
            continue
    if not found and not project:
        return None
    name = found.get("name") or project.get("name") or os.path.basename(folder)
    needs = {need for key in _NEEDS for need in _keys(found.get(key))}
    scripts = _texts(found.get("scripts"))
    if is_nx:
        scripts = {**_inferred(folder), **_targets(project), **scripts}
    return Package(str(name), folder, scripts, frozenset(needs))


def _inferred(folder: str) -> dict[str, str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    for prefix, scripts in _INFERRED:
        if any(name.startswith(prefix) for name in names):
            return scripts
    return {}


def _targets(project: "dict[str, object]") -> dict[str, str]:
    """Return the commands of the targets of a project.json, if they are known."""
    targets = project.get("targets")
    found: dict[str, str] = {}
    for name, target in targets.items() if is_object(targets) else ():
        if not is_object(target):
            continue
        options = target.get("options")
        command = target.get("command") or (options.get("command") if is_object(options) else None)
        text = command or _EXECUTORS.get(str(target.get("executor")))
        if isinstance(text, str):
            found[name] = text
    return found


def _read(path: str) -> "dict[str, object]":
    """Read the object of a JSON file; an invalid file counts as an empty object.

    Raises:
        OSError: The file cannot be read.
    """
    try:
        found = loads(read_all(path).decode())
    except ValueError:
        return {}
    return found if is_object(found) else {}


def _texts(value: object) -> dict[str, str]:
    items = value.items() if is_object(value) else ()
    return {name: text for name, text in items if isinstance(text, str)}


def _keys(value: object) -> "Sequence[str]":
    return tuple(value) if is_object(value) else ()
