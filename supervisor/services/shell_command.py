"""Pure. The arguments to execute for a command that the user wrote as text.

A shell runs the text. If the shell stayed as parent of the program, it would get the program's
signals. So a simple command (POSIX.1-2017, Shell Command Language, 2.9.1) is run with `exec`. Any
other text stays as it is.
"""

import re
from collections.abc import Iterable

SHELL = "/bin/sh"

_FIRST_WORD = re.compile(
    r"[ \t]*(?P<assignments>(?:[A-Za-z_]\w*=[^\s;&|()<>`]*\s+)*)(?P<word>[\w./+@%:-]+)(?=\s|$)"
)
# What ends a command, puts it into the background, or begins a list; `2>&1` does not. Quotes mean
# nothing in a comment, so a text with a comment stays as it is.
_SEPARATOR = re.compile(r"[;|()`#\n\r]|(?<![<>])&")
# Builtins and reserved words. With `exec` they would fail or change their meaning.
_WORDS_OF_THE_SHELL = """
    . : [ [[ alias bg bind break builtin caller case cd chdir command compgen complete continue
    coproc declare dirs disown do done echo elif else enable esac eval exec exit export false fc fg
    fi for function getopts hash help history if in jobs kill let local logout mapfile popd printf
    pushd pwd read readarray readonly return select set shift shopt source suspend test then time
    times trap true type typeset ulimit umask unalias unset until wait while
"""
_OF_THE_SHELL = frozenset(_WORDS_OF_THE_SHELL.split())
_MASK = "\0"


def shell_argv(text: str) -> tuple[str, ...]:
    """The arguments to execute for a command text."""
    # The newline at the end of a YAML block begins no second command.
    return (SHELL, "-c", _with_exec(text.removesuffix("\n")))


# Prints each command before it runs, and ends with the status of the first that fails.
_IN_TURN = 'for command do printf "$ %s\\n" "$command"; /bin/sh -c "$command" || exit; done'


def run_in_turn(commands: Iterable[str]) -> tuple[str, ...]:
    """The arguments to execute for command texts that run in turn, until one fails."""
    return (SHELL, "-c", _IN_TURN, "sh", *commands)


def _with_exec(text: str) -> str:
    bare = _masked(text)
    match = _FIRST_WORD.match(bare)
    if match is None or _SEPARATOR.search(bare) or match["word"] in _OF_THE_SHELL:
        return text
    start = match.start("word")
    return f"{text[:start]}exec {text[start:]}"


def _masked(text: str) -> str:
    """The text, with each quoted or escaped character masked."""
    bare: list[str] = []
    quote = ""
    escaped = False
    for character in text:
        if escaped:
            escaped = False
            bare.append(_MASK)
        elif character == "\\" and quote != "'":
            escaped = True
            bare.append(_MASK)
        elif quote:
            quote = "" if character == quote else quote
            bare.append(_MASK)
        elif character in "'\"":
            quote = character
            bare.append(_MASK)
        else:
            bare.append(character)
    return "".join(bare)
