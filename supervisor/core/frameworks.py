"""Frameworks that do not listen where `PORT` says: what their commands need besides.

A command in words in, the words that are to stand behind it out. Its program is looked for behind
what starts programs (npx, uv run, bundle exec and so on) and, where the caller knows the scripts of
a package.json, behind npm run, pnpm, yarn and bun, in the folder that `cd` or they themselves say.
"""

from collections.abc import Callable, Mapping, Sequence

from portweave.supervisor.core.runners import RUNNERS, Folder, called, last_command
from portweave.supervisor.core.value import value

HOST = "127.0.0.1"
PORT = "{port}"


@value
class Framework:
    """How a framework's server is told where to listen.

    Attributes:
        name: As users write it for `framework`.
        port: Words that say which port, with `{port}` in them.
        host: Words that say which address.
        port_flags: What a command that says the port itself has.
        host_flags: What a command that says the address itself has.
        commands: First words behind the program that start the server; "" for none.
    """

    name: str
    port: tuple[str, ...]
    host: tuple[str, ...] = ("--host", HOST)
    port_flags: tuple[str, ...] = ("--port", "-p")
    host_flags: tuple[str, ...] = ("--host", "-h")
    commands: tuple[str, ...] = ("dev",)


_PORT = ("--port", PORT)
_STRICT = (*_PORT, "--strictPort")
FRAMEWORKS: Mapping[str, Framework] = {
    framework.name: framework
    for framework in (
        Framework(
            "vite", _STRICT, port_flags=("--port",), commands=("", "dev", "serve", "preview"),
        ),
        Framework("vp", _STRICT, port_flags=("--port",), commands=("dev", "preview")),
        Framework("react-router", _STRICT, port_flags=("--port",), commands=("dev",)),
        Framework("astro", _PORT, port_flags=("--port",), commands=("dev", "preview")),
        Framework("rsbuild", _PORT, port_flags=("--port",), commands=("", "dev", "preview")),
        Framework("ng", _PORT, port_flags=("--port",), commands=("serve", "s", "dev")),
        Framework(
            "expo", _PORT, ("--host", "localhost"), ("--port", "-p"),
            ("--host", "-m", "--lan", "--localhost", "--tunnel"), ("start",),
        ),
        Framework("react-native", _PORT, port_flags=("--port",), commands=("start",)),
        Framework(
            "next", _PORT, ("--hostname", HOST), host_flags=("--hostname", "-H"),
            commands=("", "dev", "start"),
        ),
        Framework("uvicorn", _PORT, port_flags=("--port", "--fd", "--uds"), commands=("*",)),
        Framework("fastapi", _PORT, port_flags=("--port",), commands=("dev", "run")),
        Framework(
            "gunicorn", ("--bind", f"{HOST}:{PORT}"), (), ("--bind", "-b"), (), ("*",),
        ),
        Framework("flask", _PORT, commands=("run",)),
        Framework(
            "rails", _PORT, ("--binding", HOST), host_flags=("--binding", "-b"),
            commands=("server", "s"),
        ),
        Framework("django", (f"{HOST}:{PORT}",), (), (), (), ("runserver",)),
    )
}  # fmt: skip

# What starts other programs, by its words; with the options of it that take a value.
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
_PYTHON_VALUES = frozenset({"-W", "-X"})
_MENTIONED = (*FRAMEWORKS, *RUNNERS, "manage.py")
_DEEPEST = 5
# The text of a script of the package.json that a folder has or is below of. The folder is relative
# to that where the command starts.
Scripts = Callable[[str, str], str | None]


def _no_script(_folder: str, _name: str) -> str | None:
    return None


@value
class Fitting:
    """What a command is, and what it lacks.

    Attributes:
        framework: Its name.
        words: To be put behind the command; `{port}` stands for the port.
    """

    framework: str
    words: tuple[str, ...]

    def with_port(self, port: int) -> tuple[str, ...]:
        """The words for an instance."""
        return tuple(word.replace(PORT, str(port)) for word in self.words)


def fit(
    command: str | Sequence[str], scripts: Scripts = _no_script, name: str | None = None
) -> Fitting | None:
    """Recognise the framework of a command.

    Args:
        command: Text for a shell, or words.
        scripts: The text of a script of package.json, by its folder and name.
        name: What the command is, where that is said; the words then go behind it as it is.

    Returns:
        None where it is none of them, or where nothing can be put behind the command.
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
            # What is said to be one may be a script of the user's own.
            words = command.split() if isinstance(command, str) else list(command)
        return None if framework is None else Fitting(name, _lacking(framework, words))
    if words is None:
        return None
    return _fit(words, folder, scripts, 0)


def _last(text: str, folder: Folder) -> tuple[list[str] | None, Folder]:
    """The last command of a text, and where it runs; none where no framework can be in it."""
    if not any(word in text for word in _MENTIONED):
        return None, folder
    return last_command(text, folder)


def _fit(words: list[str], folder: Folder, scripts: Scripts, depth: int) -> Fitting | None:
    words = program_of(words)
    if not words or depth > _DEEPEST:
        return None
    program = words[0].rpartition("/")[2]
    if program in RUNNERS:
        return _behind_script(program, words[1:], folder, scripts, depth)
    found = _framework(program, words[1:])
    if found is None:
        return None
    framework, rest = found
    return Fitting(framework.name, _lacking(framework, rest))


def program_of(words: list[str]) -> list[str]:
    """The words of a command from the program on, without what only starts it."""
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


def _framework(program: str, rest: list[str]) -> tuple[Framework, list[str]] | None:
    """The framework of a program, and the words behind what names it."""
    if program.startswith("python") or program == "pypy3":
        return _python(rest)
    if program == "manage.py" or program == "django-admin":
        return _started(FRAMEWORKS["django"], rest)
    # As npx takes them: with a version.
    framework = FRAMEWORKS.get(program.partition("@")[0])
    return None if framework is None else _started(framework, rest)


def _python(words: list[str]) -> tuple[Framework, list[str]] | None:
    position = 0
    while position < len(words) and words[position].startswith("-") and words[position] != "-m":
        position += 2 if words[position] in _PYTHON_VALUES else 1
    words = words[position:]
    if words[:1] == ["-m"] and len(words) > 1:
        module = "django-admin" if words[1] == "django" else words[1]
        return None if module.startswith("python") else _framework(module, words[2:])
    if words and words[0].rpartition("/")[2] == "manage.py":
        return _started(FRAMEWORKS["django"], words[1:])
    return None


def _started(framework: Framework, rest: list[str]) -> tuple[Framework, list[str]] | None:
    """The same where the words start its server, and not something else of it."""
    if "*" in framework.commands:
        return framework, rest
    # Options may stand before; what an option's value is, nobody knows but the program.
    for index, word in enumerate(rest):
        if word in framework.commands:
            return framework, rest[index + 1 :]
        if not word.startswith("-") and (index == 0 or not rest[index - 1].startswith("-")):
            # `vite web` serves a folder; but `vite build` is not a server.
            is_folder = "" in framework.commands and ("/" in word or word == ".")
            return (framework, rest) if is_folder else None
    return (framework, rest) if "" in framework.commands else None


def _lacking(framework: Framework, words: list[str]) -> tuple[str, ...]:
    if framework.name == "django":
        # The address is the only operand.
        has_one = any(
            not word.startswith("-")
            and (index == 0 or words[index - 1] not in ("--settings", "--pythonpath", "-v"))
            for index, word in enumerate(words)
        )
        return () if has_one else framework.port
    port = () if _says(words, framework.port_flags) else framework.port
    return port + (() if _says(words, framework.host_flags) else framework.host)


def _says(words: list[str], flags: tuple[str, ...]) -> bool:
    return any(
        word == flag
        or word.startswith(f"{flag}=")
        # `-p3000`
        or (len(flag) == 2 and word.startswith(flag) and not word.startswith("--"))
        for word in words
        for flag in flags
    )


def _behind_script(
    runner: str, words: list[str], folder: Folder, scripts: Scripts, depth: int
) -> Fitting | None:
    call = called(runner, words, folder)
    if call is None:
        return None
    script, given, folder = call
    text = None if folder is None else scripts(folder, script)
    if text is None:
        # What is no script is a program of the package's, but with npm.
        return None if runner == "npm" else _fit([script, *given], folder, scripts, depth + 1)
    inner, inner_folder = _last(text, folder)
    if inner is None:
        return None
    has_dashes = "--" in given
    given = [word for word in given if word != "--"]
    found = _fit(inner + given, inner_folder, scripts, depth + 1)
    if found is None or not found.words:
        return found
    # npm reads options up to `--`, the others pass all on that stands behind the script's name.
    between = ("--",) if runner == "npm" and not has_dashes else ()
    return Fitting(found.framework, between + found.words)
