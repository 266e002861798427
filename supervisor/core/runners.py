"""What commands run in the end: the last one of a shell's text, the script of a package manager."""

import posixpath

RUNNERS = ("npm", "pnpm", "yarn", "bun")
# Their options that name the folder of the package, and those that name it in another way.
_FOLDER_OPTIONS = frozenset({"--prefix", "-C", "--dir", "--cwd"})
_PACKAGE_OPTIONS = frozenset({"-w", "--workspace", "-F", "--filter"})
_MANY_PACKAGES = frozenset({"-r", "--recursive", "-ws", "--workspaces"})
# What npm runs without `run`; of the others any word may be a script.
_NPM_SHORT = frozenset({"start", "test"})
# Where a command runs; None where only the shell knows.
Folder = str | None


def called(runner: str, words: list[str], folder: Folder) -> tuple[str, list[str], Folder] | None:
    """What a package manager is to run.

    Args:
        runner: Its name.
        words: Those behind it.
        folder: Where it runs.

    Returns:
        The script, the words that go to it, and the folder of its package; None where it runs none,
        or one of a package that is named otherwise than by its folder.
    """
    return _npm_call(words, folder) if runner == "npm" else _call(words, folder)


def _npm_call(words: list[str], folder: Folder) -> tuple[str, list[str], Folder] | None:
    end = words.index("--") if "--" in words else len(words)
    operands, folder, is_elsewhere = _read_options(words[:end], folder, is_all=True)
    if is_elsewhere or not operands:
        return None
    if operands[0] in ("run", "run-script"):
        operands = operands[1:]
    elif operands[0] not in _NPM_SHORT:
        return None
    return (operands[0], operands[1:] + words[end:], folder) if operands else None


def _call(words: list[str], folder: Folder) -> tuple[str, list[str], Folder] | None:
    # Those of pnpm, yarn and bun end where the script is named.
    words, folder, is_elsewhere = _read_options(words, folder, is_all=False)
    if words[:1] in (["run"], ["run-script"]):
        words, folder, is_as_well = _read_options(words[1:], folder, is_all=False)
        is_elsewhere = is_elsewhere or is_as_well
    return None if is_elsewhere or not words else (words[0], words[1:], folder)


def _read_options(
    words: list[str], folder: Folder, *, is_all: bool
) -> tuple[list[str], Folder, bool]:
    """Take the options of a runner out of its words.

    Args:
        words: Those behind the runner.
        folder: Where it runs.
        is_all: Whether options may stand behind operands, too.

    Returns:
        The operands, and what stands behind the first unless all options are the runner's; the
        folder of the package; whether the script is that of a package that is named, or of several.
    """
    operands: list[str] = []
    is_elsewhere = False
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if not word.startswith("-"):
            operands.append(word)
            if not is_all:
                return operands + words[position:], folder, is_elsewhere
            continue
        option, is_joined, text = word.partition("=")
        if option in _FOLDER_OPTIONS | _PACKAGE_OPTIONS and not is_joined:
            text = words[position] if position < len(words) else ""
            position += 1
        if option in _FOLDER_OPTIONS:
            folder = _entered(folder, text)
        is_elsewhere = is_elsewhere or option in _PACKAGE_OPTIONS | _MANY_PACKAGES
    return operands, folder, is_elsewhere


def _entered(folder: Folder, name: str) -> Folder:
    """The folder that a name leads to from another one."""
    if folder is None or not name or name[0] in "-~" or "$" in name:
        return None
    return posixpath.join(folder, name)


def last_command(text: str, folder: Folder = "") -> tuple[list[str] | None, Folder]:
    """The words of the last command of a shell's text, if what is put behind the text is its own.

    Args:
        text: Of the shell.
        folder: Where it runs.

    Returns:
        The words, and the folder that `cd` leads to before; None for words where a pipe, a group, a
        comment, the background or the like stands in the way.
    """
    import shlex  # where there may be something to find

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
            # Nobody knows whether what stands behind `||` is done.
            is_certain = not token.startswith("||")
            words = []
        elif token[0] in "<>" and not token.strip("<>&|"):
            # A redirection is no word of the command, nor is the descriptor before it.
            is_target = True
            if words and words[-1].isdigit():
                words.pop()
        elif not token.strip("();<>|&\n") or token[0] == "#" or "`" in token or "$(" in token:
            return None, folder
        else:
            words.append(token)
    return words or None, folder
