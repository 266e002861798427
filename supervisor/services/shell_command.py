"""Pure. Commands as the user wrote them, to what is executed.

A text is for a shell, but a shell that stays between us and the program takes the signals that are
meant for the program. So where a text is one simple command (POSIX.1-2017, Shell Command Language,
2.9.1) it is run with `exec`; anything else is left as it is.
"""

import re

SHELL = "/bin/sh"

_FIRST_WORD = re.compile(
    r"[ \t]*(?P<assignments>(?:[A-Za-z_]\w*=[^\s;&|()<>`]*\s+)*)(?P<word>[\w./+@%:-]+)(?=\s|$)"
)
# What ends a command, puts it into the background, or opens a list of them; `2>&1` does not. Where
# a comment begins quotes mean nothing, so that a text with one is left alone.
_SEPARATOR = re.compile(r"[;|()`#\n\r]|(?<![<>])&")
# What a shell does itself, or reads as part of its grammar; `exec` would fail or change it.
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
    """What to execute for a command that is written as text."""
    # The newline that a YAML block ends with is no second command.
    return (SHELL, "-c", _with_exec(text.removesuffix("\n")))


def _with_exec(text: str) -> str:
    bare = _masked(text)
    match = _FIRST_WORD.match(bare)
    if match is None or _SEPARATOR.search(bare) or match["word"] in _OF_THE_SHELL:
        return text
    start = match.start("word")
    return f"{text[:start]}exec {text[start:]}"


def _masked(text: str) -> str:
    """The text, with a mask in place of each character that is quoted or escaped."""
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
