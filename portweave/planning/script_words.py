"""Pure. Find the script file that a command runs, and whether it mentions a variable.

The script is the first argument that is a regular file, after interpreters and package runners. The
search does not follow files that the script includes or starts.
"""

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Sequence

from portweave.planning.command_words import (
    RUNNERS,
    called,
)
from portweave.planning.port_arguments import program_of

# The search reads this much of a script.
MOST_BYTES = 256_000
_DEEPEST = 5
# The prefix of names of package.json scripts.
PACKAGE_SCRIPT = "package.json: "
SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})
# Files that `bun`, `deno` and `uv run` run without an option.
_SCRIPTS = (".js", ".ts", ".mjs", ".cjs", ".jsx", ".tsx", ".py")
# Options of interpreters and watchers with a value. The value may be a file, but not the script.
_TAKE_VALUE = frozenset(
    {
        *("-r", "--require", "--import", "--loader", "--experimental-loader", "--preload"),
        *("--env-file", "--env-file-if-exists", "-C", "--conditions", "--watch-path", "-W", "-X"),
        *("-I", "-d", "-c", "--config", "--import-map", "-P", "--project", "--tsconfig", "-e"),
        *("--ext", "-w", "--watch-file", "-t", "-x", "--exec", "-i", "--ignore"),
    }
)
Read = Callable[[str], bytes | None]
Scripts = Callable[[str, str], str | None]


def mentions(
    command: str | Sequence[str], names: Collection[str], read: Read, scripts: Scripts
) -> bool:
    """Whether the script file of a command mentions one of some variables, as a whole word.

    A package.json script that the command runs counts too.

    Args:
        command: A text for a shell, or words.
        names: Names of the variables.
        read: Reads the beginning of a text file, by its path relative to the command's folder;
            returns None if there is no such file.
        scripts: Returns the text of a package.json script, by folder and name.
    """
    pattern = re.compile(rb"\b(?:%b)\b" % b"|".join(re.escape(n.encode()) for n in names))
    texts = script_texts(command, read, scripts)
    return any(pattern.search(text) is not None for _, text in texts)


def script_texts(
    command: str | Sequence[str], read: Read, scripts: Scripts
) -> Iterator[tuple[str, bytes]]:
    """Find the scripts that a command runs, as path or name, and text.

    Args:
        command: A text for a shell, or words.
        read: As for `mentions`.
        scripts: As for `mentions`.
    """
    yield from _Search(read, scripts).texts(command, "", 0)


class _Search:
    """Finds the scripts of a command."""

    def __init__(self, read: Read, scripts: Scripts) -> None:
        self._read = read
        self._scripts = scripts

    def texts(
        self, command: str | Sequence[str], folder: str, depth: int
    ) -> Iterator[tuple[str, bytes]]:
        """Find the scripts that a command runs in a folder."""
        if depth > _DEEPEST:
            return
        if isinstance(command, str):
            simple = _simple_commands(command, folder)
        else:
            simple = [(list(command), folder)]
        for words, place in simple:
            program = program_of(words)
            name = posixpath.basename(program[0]) if program else ""
            if name in SHELLS and (text := text_of(program[1:])) is not None:
                yield from self.texts(text, place, depth + 1)
            elif name in RUNNERS:
                yield from self._behind_runner(name, program[1:], place, depth)
            elif program:
                yield from self._files(program, place)

    def _behind_runner(
        self, runner: str, words: list[str], folder: str, depth: int
    ) -> Iterator[tuple[str, bytes]]:
        call = called(runner, words, folder)
        if call is None or call.folder is None or call.packages or call.is_every:
            return
        place = call.folder
        text = None if call.is_program else self._scripts(place, call.script)
        if text is not None:
            yield f"{PACKAGE_SCRIPT}{call.script}", text.encode("utf-8", "replace")
            yield from self.texts(text, place, depth + 1)
        elif call.is_program or runner not in ("npm", "turbo", "nx"):
            # The word is no script: it is a program of the package, or a file.
            yield from self.texts([call.script, *call.given], place, depth + 1)

    def _files(self, words: list[str], folder: str) -> Iterator[tuple[str, bytes]]:
        """Find the program, if it is a script itself, and the first argument that is a file."""
        program, *arguments = words
        if "/" in program or program.endswith(_SCRIPTS):
            path = posixpath.join(folder, program)
            text = self._read(path)
            if text is not None:
                yield path, text
        is_value = False
        for word in arguments:
            if is_value or word.startswith("-"):
                is_value = not is_value and word in _TAKE_VALUE
                continue
            path = posixpath.join(folder, word)
            text = self._read(path)
            if text is not None:
                yield path, text
                return


def _simple_commands(text: str, folder: str) -> list[tuple[list[str], str]]:
    """Split a shell text into simple commands, each with its folder after `cd`."""
    import shlex  # imported here, as few commands need it

    try:
        lexer = shlex.shlex(text.strip(), posix=True, punctuation_chars="();<>|&\n")
        lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
        tokens = list(lexer)
    except ValueError:
        return []
    found: list[tuple[list[str], str]] = []
    words: list[str] = []
    for token in [*tokens, ";"]:
        if token.strip("();|&\n{}"):
            words.append(token)
            continue
        if words[:1] == ["cd"] and len(words) == 2:
            folder = posixpath.join(folder, words[1])
        elif words:
            found.append((words, folder))
        words = []
    return found


def text_of(words: list[str]) -> str | None:
    """Return the text after a shell's `-c`; None without one."""
    for index, word in enumerate(words[:-1]):
        if word.startswith("-") and not word.startswith("--") and word.endswith("c"):
            return words[index + 1]
    return None
