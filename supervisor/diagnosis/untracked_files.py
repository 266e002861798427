"""Pure. What a worktree lacks because git does not carry it, and the command that mends it."""

from collections.abc import Callable

from portweave.encoding.value import value

# By the first of these files that is there; what makes the folder anew.
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
    """What one worktree lacks, and another has.

    Attributes:
        name: Its path, relative to the worktree's root.
        command: What makes it, or copies it.
    """

    name: str
    command: str


def missing_untracked(
    root: str, main_root: str, folder: str, exists: Callable[[str], bool]
) -> tuple[UntrackedFile, ...]:
    """What a worktree lacks that the main one has, at its root and where a service runs.

    Args:
        root: Of the worktree; absolute.
        main_root: Of the main one.
        folder: Where the service runs.
        exists: Whether there is something at an absolute path.
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
    """The same in words: what is lacking, and the commands; empty for nothing."""
    if not found:
        return ""
    names = ", ".join(one.name for one in found)
    commands = "; ".join(dict.fromkeys(one.command for one in found))
    return f"git does not carry {names} from the main worktree to this one: {commands}"
