"""Pure. Untracked files and folders that a worktree lacks, and the commands that create them."""

from collections.abc import Callable

from portweave.encoding.value import value

# The first of these files that exists decides which command creates the folder.
_NODE = (
    ("pnpm-lock.yaml", "pnpm install"),
    ("yarn.lock", "yarn install"),
    ("bun.lock", "bun install"),
    ("bun.lockb", "bun install"),
    ("package-lock.json", "npm ci"),
    ("package.json", "npm install"),
)
_VENV = (
    ("uv.lock", "uv sync"),
    ("poetry.lock", "poetry install"),
    ("Pipfile.lock", "pipenv install"),
    (
        "requirements.txt",
        "python3 -m venv {name} && {name}/bin/pip install -r requirements.txt",
    ),
    ("pyproject.toml", "python3 -m venv {name} && {name}/bin/pip install -e ."),
    ("", "python3 -m venv {name}"),
)
_VENDOR = (("composer.json", "composer install"), ("Gemfile", "bundle install"))
_DEPS = (("mix.exs", "mix deps.get"),)
_COPY = (("", "cp {there} {here}"),)
_KINDS = (
    ("node_modules", _NODE),
    (".venv", _VENV),
    ("venv", _VENV),
    ("vendor", _VENDOR),
    ("deps", _DEPS),
    (".env", _COPY),
    (".env.local", _COPY),
    (".env.development", _COPY),
)


@value
class UntrackedFile:
    """A file or folder that one worktree lacks, and another has.

    Attributes:
        name: Its path, relative to the worktree's root.
        command: The command that creates or copies it.
    """

    name: str
    command: str


def missing_untracked(
    root: str, main_root: str, folder: str, exists: Callable[[str], bool]
) -> tuple[UntrackedFile, ...]:
    """What a worktree lacks that the main one has, at its root and in a service's folder.

    Args:
        root: The worktree's root, absolute.
        main_root: The root of the main worktree.
        folder: The service's working folder.
        exists: Tells whether an absolute path exists.
    """
    if root == main_root:
        return ()
    inside = folder[len(root) :] if f"{folder}/".startswith(f"{root}/") else ""
    found: list[UntrackedFile] = []
    for place in dict.fromkeys((inside, "")):
        here, there = f"{root}{place}", f"{main_root}{place}"
        for name, ways in _KINDS:
            if exists(f"{here}/{name}") or not exists(f"{there}/{name}"):
                continue
            way = next((w for file, w in ways if not file or exists(f"{here}/{file}")), "")
            if not way:
                continue
            command = way.format(name=name, there=f"{there}/{name}", here=f"{here}/{name}")
            shown = f"{place}/{name}".lstrip("/")
            copies = ways is _COPY
            found.append(
                UntrackedFile(shown, command if copies or not place else f"cd {here} && {command}")
            )
    return tuple(found)


def describe_untracked(found: tuple[UntrackedFile, ...]) -> str:
    """What is missing and the commands for it, in words; empty for nothing."""
    if not found:
        return ""
    names = ", ".join(one.name for one in found)
    commands = "; ".join(dict.fromkeys(one.command for one in found))
    return f"this worktree lacks {names}, which git does not track: {commands}"
