"""Pure. Find the arguments that make a command listen on its port if it does not read `PORT`.

The search skips programs that start others, such as npx, uv run and bundle exec. With a caller that
knows packages, it also follows npm run, pnpm, yarn, bun, turbo and nx. It follows them into the
folder of `cd` or of their options, and into the package of the workspace that they select.
"""

import posixpath
from collections.abc import Mapping, Sequence

from portweave.encoding.value import value
from portweave.planning.command_words import (
    RUNNERS,
    Call,
    Folder,
    called,
    last_command,
)
from portweave.planning.frameworks import (
    FRAMEWORKS,
    PORT,
    Framework,
    framework_of,
    lacking,
    variables,
)
from portweave.planning.parallel_commands import (
    PARALLEL,
    started_at_once,
)
from portweave.planning.workspace_packages import (
    NO_PACKAGES,
    Package,
    Packages,
    around,
    selected,
)

# Programs that start others, and their options with a value.
_STARTERS: Mapping[tuple[str, ...], frozenset[str]] = {
    ("npx",): frozenset({"-p", "--package", "-w", "--workspace", "--prefix"}),
    ("bunx",): frozenset({"-p", "--package"}),
    ("pnpx",): frozenset({"--package"}),
    ("npm", "exec"): frozenset({"-p", "--package", "-w", "--workspace", "--prefix"}),
    ("npm", "x"): frozenset({"-p", "--package", "-w", "--workspace", "--prefix"}),
    ("pnpm", "exec"): frozenset(),
    ("pnpm", "dlx"): frozenset({"--package"}),
    ("yarn", "exec"): frozenset(),
    ("yarn", "dlx"): frozenset({"-p", "--package"}),
    ("bun", "x"): frozenset({"-p", "--package"}),
    ("uv", "run"): frozenset(
        {
            *("--with", "--with-editable", "--with-requirements", "--python", "-p", "--extra"),
            *("--group", "--only-group", "--no-group", "--env-file", "--directory", "--project"),
            *("--package", "--index", "--index-url", "-i", "--cache-dir", "--no-extra"),
        }
    ),
    ("poetry", "run"): frozenset(),
    ("pipenv", "run"): frozenset(),
    ("pdm", "run"): frozenset(),
    ("rye", "run"): frozenset(),
    ("hatch", "run"): frozenset(),
    ("bundle", "exec"): frozenset({"--gemfile"}),
    ("env",): frozenset({"-u", "--unset", "-C", "--chdir"}),
    ("cross-env",): frozenset(),
    ("dotenv",): frozenset({"-e", "-f"}),
    ("exec",): frozenset(),
    ("nice",): frozenset({"-n"}),
    ("time",): frozenset(),
    ("corepack",): frozenset(),
}
_MENTIONED = (*FRAMEWORKS, *RUNNERS, *PARALLEL, "manage.py")
_DEEPEST = 5


@value
class Fitting:
    """The framework of a command, and the arguments that the command lacks.

    Attributes:
        framework: The framework's name.
        words: Words to append to the command; `{port}` stands for the port.
        env: Variables to set unless they are set already.
    """

    framework: str
    words: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()

    def with_port(self, port: int) -> tuple[str, ...]:
        """Return the words for an instance."""
        return tuple(word.replace(PORT, str(port)) for word in self.words)


@value
class Several:
    """A command that starts several servers, for which one port is not enough.

    Attributes:
        apps: A service's name and command for each server.
    """

    apps: tuple[tuple[str, str], ...]


def fit(
    command: str | Sequence[str],
    packages: Packages = NO_PACKAGES,
    name: str | None = None,
    *,
    secure: bool = False,
) -> Fitting | Several | None:
    """Recognise the framework of a command.

    Args:
        command: A text for a shell, or words.
        packages: The packages whose scripts it may run.
        name: The framework's name, if the user gives it; the words then follow any command.
        secure: Whether browsers reach the service by HTTPS.

    Returns:
        None if the command has no known framework, or if no words can be appended to it.
    """
    folder: Folder = ""
    words: list[str] | None
    if isinstance(command, str):
        words, folder = _last(command, folder)
    else:
        words = list(command)
    if name is not None:
        framework = FRAMEWORKS.get(name)
        if not words:
            # The command may be the user's own script for the framework.
            words = command.split() if isinstance(command, str) else list(command)
        return None if framework is None else _fitting(framework, words, secure=secure)
    if words is None:
        return None
    return _Search(packages, secure=secure).fit(words, folder, 0)


def _fitting(framework: Framework, words: list[str], *, secure: bool) -> Fitting:
    needed = lacking(framework, words, secure=secure)
    return Fitting(framework.name, needed, variables(framework, secure=secure))


def _last(text: str, folder: Folder) -> tuple[list[str] | None, Folder]:
    """Find the last command of a text and its folder; None if the text names no framework."""
    # A loop takes half the time of `any`, and there may be thousands of services.
    for word in _MENTIONED:
        if word in text:
            return last_command(text, folder)
    return None, folder


class _Search:
    """Search for the framework of a command, through the scripts of packages.

    Args:
        packages: The packages.
        secure: Whether browsers reach the service by HTTPS.
    """

    def __init__(self, packages: Packages, *, secure: bool) -> None:
        self._packages = packages
        self._secure = secure

    def fit(self, words: list[str], folder: Folder, depth: int) -> Fitting | Several | None:
        """Recognise the framework of a command.

        Args:
            words: The words of the command.
            folder: The folder in which it runs.
            depth: The number of scripts around it.
        """
        words = program_of(words)
        if not words or depth > _DEEPEST:
            return None
        program = words[0].rpartition("/")[2].partition("@")[0]
        if program in RUNNERS:
            call = called(program, words[1:], folder)
            return None if call is None else self._behind(program, call, depth)
        if program in PARALLEL:
            return self._at_once(started_at_once(program, words[1:]), folder, depth)
        found = framework_of(program, words[1:])
        if found is None:
            return None
        framework, rest = found
        return _fitting(framework, rest, secure=self._secure)

    def _behind(self, runner: str, call: Call, depth: int) -> Fitting | Several | None:
        if call.folder is None:
            return None
        if not call.packages and not call.is_every:
            text = None if call.is_program else self._packages.script(call.folder, call.script)
            return self._run(runner, call, call.folder, text, depth)
        place = self._packages.path(call.folder)
        members = self._packages.members(call.folder)
        meant = selected(members, call.packages, place) if call.packages else list(members)
        if call.is_every and runner == "turbo":
            meant = around(members, place)
        if call.is_program:
            return (
                self._run(runner, call, meant[0].folder, None, depth) if len(meant) == 1 else None
            )
        with_script = [package for package in meant if call.script in package.scripts]
        if runner == "yarn" and len(meant) == 1 and not with_script:
            return self._run(runner, call, meant[0].folder, None, depth)
        meant = with_script
        if len(meant) == 1:
            package = meant[0]
            return self._run(runner, call, package.folder, package.scripts[call.script], depth)
        found = [
            self._run(runner, call, package.folder, package.scripts[call.script], depth)
            for package in meant
        ]
        if not any(found):
            return None
        return Several(tuple(_app(runner, package, call.script) for package in meant))

    def _at_once(self, commands: list[str], folder: Folder, depth: int) -> Several | None:
        """Make a service of each command: a program that starts several passes no words on."""
        apps: dict[str, str] = {}
        is_server = False
        for text in commands:
            words, place = last_command(text, folder)
            words = program_of(words or [])
            if not words or place is None:
                return None
            program = words[0].rpartition("/")[2]
            call = called(program, words[1:], place) if program in RUNNERS else None
            is_framework = self.fit(words, place, depth + 1) is not None
            is_server |= is_framework
            # Outside the scripts of a package, npx finds the package's programs.
            is_bare = is_framework and call is None and text.startswith(program)
            label = _label(program if call is None else (*call.packages, call.script)[0])
            name = label if label not in apps else f"{label}-{len(apps) + 1}"
            apps[name] = f"{self._way_to(folder)}{'npx ' if is_bare else ''}{text}"
        return Several(tuple(apps.items())) if is_server else None

    def _way_to(self, folder: Folder) -> str:
        """Return the `cd` that a command in a folder begins with."""
        if not folder:
            return ""
        return f"cd {posixpath.relpath(self._packages.path(folder), self._packages.path(''))} && "

    def _run(
        self, runner: str, call: Call, folder: str, text: str | None, depth: int
    ) -> Fitting | Several | None:
        """Return the words that a script or program of a package needs, for its runner."""
        given = list(call.given)
        if text is None:
            # npm, turbo and nx run scripts only. Others run programs of the package too.
            if not call.is_program and runner in ("npm", "turbo", "nx"):
                return None
            return self.fit([call.script, *given], folder, depth + 1)
        inner, inner_folder = _last(text, folder)
        if inner is None:
            return None
        has_dashes = "--" in given
        given = [word for word in given if word != "--"]
        found = self.fit(inner + given, inner_folder, depth + 1)
        if not isinstance(found, Fitting) or not found.words:
            return found
        # npm and turbo read options up to `--`. The others pass on all words after the script's
        # name, but yarn 1 removes the first `--`.
        is_needed = runner in ("npm", "turbo") or (
            runner == "yarn"
            and found.words[0] == "--"
            and self._packages.is_classic_yarn(call.folder or folder)
        )
        between = ("--",) if is_needed and not has_dashes else ()
        return Fitting(found.framework, between + found.words, found.env)


def _app(runner: str, package: Package, script: str) -> tuple[str, str]:
    """Return a service's name for a package, and the command that runs only its script."""
    name = package.name
    commands = {
        "npm": f"npm run {script} -w {name}",
        "pnpm": f"pnpm --filter {name} {script}",
        "yarn": f"yarn workspace {name} {script}",
        "bun": f"bun run --filter {name} {script}",
        "turbo": f"npx turbo run {script} --filter={name}",
        "nx": f"npx nx run {name}:{script}",
    }
    return _label(name), commands[runner]


def _label(name: str) -> str:
    """Return a service's name for a package."""
    letters = (
        char if char.isascii() and char.isalnum() else "-" for char in name.rpartition("/")[2]
    )
    return "".join(letters).strip("-").lower() or "app"


def program_of(words: list[str]) -> list[str]:
    """Return the words from the program on, without the programs that start it."""
    while words:
        head = words[0].rpartition("/")[2]
        if "=" in words[0] and words[0].partition("=")[0].isidentifier():
            words = words[1:]
            continue
        for size in (2, 1):
            takes = _STARTERS.get((head, *words[1:size]))
            if takes is not None and len(words) >= size:
                words = _behind_options(words[size:], takes)
                break
        else:
            return words
    return words


def _behind_options(words: list[str], takes: frozenset[str]) -> list[str]:
    position = 0
    while position < len(words) and words[position].startswith("-"):
        word = words[position]
        position += 1
        if word == "--":
            break
        if word in takes:
            position += 1
    return words[position:]
