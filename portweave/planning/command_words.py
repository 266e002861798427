"""Pure. Find the program that a command runs in the end, through shells and package managers."""

import posixpath

from portweave.encoding.value import value

# Package managers, and what runs tasks of a workspace's packages.
RUNNERS = ("npm", "pnpm", "yarn", "bun", "turbo", "nx")
# Their options that name the folder of the package, and those that name the package.
_FOLDER_OPTIONS = frozenset({"--prefix", "-C", "--dir", "--cwd"})
_PACKAGE_OPTIONS = frozenset({"--workspace", "-F", "--filter"})
_MANY_PACKAGES = frozenset({"-r", "--recursive", "-ws", "--workspaces"})
# Their other options whose value is the next word.
_VALUE_OPTIONS = frozenset(
    {
        *("--loglevel", "--reporter", "--workspace-concurrency", "--concurrency", "--output-logs"),
        *("--log-order", "--log-prefix", "--ui", "--env-mode", "--cache-dir", "--elide-lines"),
    }
)
# The scripts that npm runs without `run`. Other managers take any word as a script.
_NPM_SHORT = frozenset({"start", "test"})
_EXECUTED = frozenset({"exec", "x", "dlx"})
# Commands of turbo and nx that run no task of one package.
_OTHER_COMMANDS = frozenset(
    {
        *("affected", "build", "daemon", "format", "gen", "generate", "graph", "info", "init"),
        *("link", "list", "login", "logout", "ls", "migrate", "prune", "report", "reset", "show"),
    }
)
# The folder in which a command runs; None if only the shell knows it.
Folder = str | None


@value
class Call:
    """A script or program that a package manager runs.

    Attributes:
        script: Name of the script, or of a program of the package.
        given: Its arguments.
        folder: The folder in which it runs, or in which the search for its package starts.
        packages: Names of the selected packages.
        is_every: Whether it runs in all packages that have the script.
        is_program: Whether it is certainly a program, not a script.
    """

    script: str
    given: tuple[str, ...]
    folder: Folder
    packages: tuple[str, ...] = ()
    is_every: bool = False
    is_program: bool = False


@value
class _Options:
    """The options of a runner.

    Attributes:
        folder: The folder of the package.
        packages: Names of the selected packages.
        is_every: Whether the script runs in all packages.
    """

    folder: Folder
    packages: tuple[str, ...] = ()
    is_every: bool = False


def called(runner: str, words: list[str], folder: Folder) -> Call | None:
    """Find what a package manager runs; None if it runs no script.

    Args:
        runner: The package manager's name.
        words: Its arguments.
        folder: The folder in which it runs.
    """
    match runner:
        case "npm":
            return _npm_call(words, folder)
        case "turbo":
            return _turbo_call(words, folder)
        case "nx":
            return _nx_call(words, folder)
        case "yarn":
            return _yarn_call(words, folder)
        case _:
            return _call(words, folder, is_pnpm=runner == "pnpm")


def _yarn_call(words: list[str], folder: Folder) -> Call | None:
    """A call of yarn: `yarn workspace NAME SCRIPT`, `yarn workspaces run SCRIPT`, or as pnpm."""
    words, options = _read_options(words, folder, is_all=False)
    match words:
        case ["workspace", name, *behind]:
            named = _Options(options.folder, (name,))
            return _call(behind, options.folder, before=named)
        case ["workspaces", "run" | "foreach", *behind]:
            return _call(behind, options.folder, before=_Options(options.folder, is_every=True))
        case ["workspace" | "workspaces", *_]:
            return None
        case _:
            return _call(words, options.folder, before=options)


def _npm_call(words: list[str], folder: Folder) -> Call | None:
    end = words.index("--") if "--" in words else len(words)
    operands, options = _read_options(words[:end], folder, is_all=True, short="-w")
    rest = words[end:]
    if not operands:
        return None
    if operands[0] in _EXECUTED:
        # Also after `--`, as in `npm exec -w web -- vite`.
        program = [*operands[1:], *rest[1:]]
        return _made(program, options, is_program=True)
    if operands[0] in ("run", "run-script"):
        operands = operands[1:]
    elif operands[0] not in _NPM_SHORT:
        return None
    return _made([*operands, *rest], options) if operands else None


def _call(
    words: list[str], folder: Folder, *, is_pnpm: bool = False, before: _Options | None = None
) -> Call | None:
    # Options of pnpm, yarn and bun end at the script's name.
    words, options = _read_options(words, folder, is_all=False, before=before)
    is_program = False
    if words[:1] in (["run"], ["run-script"]):
        words, options = _read_options(words[1:], options.folder, is_all=False, before=options)
    elif is_pnpm and words[:1] == ["exec"]:
        words, is_program = words[1:], True
    return _made(words, options, is_program=is_program) if words else None


def _turbo_call(words: list[str], folder: Folder) -> Call | None:
    """A call of turbo, of one task: `turbo [run|watch] TASK [options] [-- ARGUMENT ...]`."""
    end = words.index("--") if "--" in words else len(words)
    operands, options = _read_options(words[:end], folder, is_all=True)
    if operands[:1] in (["run"], ["watch"]):
        operands = operands[1:]
    if len(operands) != 1 or operands[0] in _OTHER_COMMANDS:
        return None
    # Without a package, turbo runs the task in all packages below the folder.
    return _made([*operands, *words[end:]], options, is_every=not options.packages)


def _nx_call(words: list[str], folder: Folder) -> Call | None:
    """A call of nx: `nx TARGET PROJECT`, `nx run PROJECT:TARGET`, `nx run-many -t TARGET`."""
    operands = [word for word in words if not word.startswith("-")]
    if operands[:1] == ["run"] and len(operands) > 1:
        package, _, target = operands[1].partition(":")
        target = target.partition(":")[0]
    elif operands[:1] == ["run-many"]:
        targets = _values(words, ("-t", "--target", "--targets"))
        named = [name for text in _values(words, ("-p", "--projects")) for name in text.split(",")]
        if len(targets) != 1:
            return None
        return Call(targets[0], (), folder, tuple(named), is_every=not named)
    elif len(operands) > 1 and operands[0] not in _OTHER_COMMANDS:
        target, package = operands[:2]
    else:
        return None
    given = tuple(words[words.index(operands[1]) + 1 :])
    return Call(target, given, folder, (package,)) if target else None


def _values(words: list[str], options: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for index, word in enumerate(words):
        option, is_joined, text = word.partition("=")
        if option in options:
            found.append(text if is_joined else "".join(words[index + 1 : index + 2]))
    return found


def _made(
    words: list[str], options: _Options, *, is_every: bool = False, is_program: bool = False
) -> Call | None:
    if not words:
        return None
    every = options.is_every or is_every
    given = tuple(words[1:])
    return Call(words[0], given, options.folder, options.packages, every, is_program)


def _read_options(
    words: list[str],
    folder: Folder,
    *,
    is_all: bool,
    short: str = "-F",
    before: _Options | None = None,
) -> tuple[list[str], _Options]:
    """Separate the options of a runner from its operands.

    Args:
        words: The runner's arguments.
        folder: The folder in which it runs.
        is_all: Whether options may follow operands.
        short: The short option that selects a package.
        before: Options that were read before.

    Returns:
        The operands and the options. Without `is_all`, all words after the first operand count as
        operands.
    """
    operands: list[str] = []
    packages = [] if before is None else list(before.packages)
    is_every = before is not None and before.is_every
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if not word.startswith("-"):
            operands.append(word)
            if not is_all:
                operands += words[position:]
                break
            continue
        option, is_joined, text = word.partition("=")
        names_package = option in _PACKAGE_OPTIONS or option == short
        if (names_package or option in _FOLDER_OPTIONS | _VALUE_OPTIONS) and not is_joined:
            text = words[position] if position < len(words) else ""
            position += 1
        if option in _FOLDER_OPTIONS:
            folder = _entered(folder, text)
        elif names_package:
            packages.append(text)
        is_every = is_every or option in _MANY_PACKAGES
    return operands, _Options(folder, tuple(packages), is_every)


def _entered(folder: Folder, name: str) -> Folder:
    """Return the folder after `cd NAME`; None if only the shell knows it."""
    if folder is None or not name or name[0] in "-~" or "$" in name:
        return None
    return posixpath.join(folder, name)


def last_command(text: str, folder: Folder = "") -> tuple[list[str] | None, Folder]:
    """Find the last command of a shell text, if words appended to the text are its arguments.

    Args:
        text: The text.
        folder: The folder in which it runs.

    Returns:
        The words of the command, and its folder after each `cd` before it. The words are None if
        the text has a pipe, a group, a comment, a background command or the like.
    """
    import shlex  # imported here, as few commands need it

    try:
        lexer = shlex.shlex(text.strip(), posix=True, punctuation_chars="();<>|&\n")
        lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
        tokens = list(lexer)
    except ValueError:
        return None, folder
    words: list[str] = []
    is_target, is_certain = False, True
    for token in tokens:
        if is_target:
            is_target = False
        elif token in ("&&", "||", ";") or not token.strip("\n"):
            if words[:1] in (["cd"], ["pushd"]):
                is_plain = is_certain and len(words) == 2
                folder = _entered(folder, words[1]) if is_plain else None
            # Only the shell knows whether a command after `||` runs.
            is_certain = not token.startswith("||")
            words = []
        elif token[0] in "<>" and not token.strip("<>&|"):
            # Neither a redirection nor the descriptor before it is a word of the command.
            is_target = True
            if words and words[-1].isdigit():
                words.pop()
        elif not token.strip("();<>|&\n") or token[0] == "#" or "`" in token or "$(" in token:
            return None, folder
        else:
            words.append(token)
    return words or None, folder
