"""Pure. Why a shell could not run a command: not found, not executable, bash syntax."""

import re
from collections.abc import Sequence

from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.processes.exit_status import (
    NOT_EXECUTABLE,
    NOT_FOUND,
)

# Words of bash that dash(1) does not find (POSIX.1-2017, Shell Command Language).
_BASH_WORDS = (
    r"source|\[\[|shopt|declare|typeset|function|pushd|popd|dirs|let|mapfile|readarray|disown"
    r"|complete|compgen|coproc|select|enable"
)
_BASH_WORD = re.compile(rf"(?:^|: )\d+: ({_BASH_WORDS}): not found$")
# dash's messages about bash's syntax, a pattern for the command where needed, and the name.
_BASH_SYNTAX: tuple[tuple[str, str, str], ...] = (
    (r"Illegal option -o pipefail", "", "set -o pipefail"),
    (r'Syntax error: "\(" unexpected', r"[<>]\(", "<( )"),
    (r"Syntax error: redirection unexpected", r"[<>]\(", "<( )"),
    (r"Syntax error: redirection unexpected", "", "<<<"),
    (r'Syntax error: "\(" unexpected', r"\w\+?=\(", "an array"),
    (r'Syntax error: "\(" unexpected', r"\bfunction\s", "function"),
    (r"Bad substitution", r"\$\{\w+\[", "an array"),
    (r"Bad substitution", "", "this form of ${ }"),
    (r"Bad for loop variable", "", "for (( ))"),
    (r'Syntax error: "\}" unexpected', r"\bfunction\s", "function"),
    (r'Syntax error: "&" unexpected', r"\|&", "|&"),
    (r": unexpected operator$", r"==", "== in [ ]"),
    (r"trap: ERR: bad trap", "", "trap … ERR"),
    (
        r"(local|export|wait|exec|read|printf): (?:Illegal option )?-\w+",
        "",
        "an option of this builtin",
    ),
)
_INSTEAD = {"source": "write `.` for `source`, or ", "[[": "write [ ] for [[ ]], or "}
# dash and bash: `sh: 1: foo: not found`, `bash: foo: command not found`, `sh: foo: Permission …`.
_SHELL = r"(?:^|: )([^:\s]+): (?:command )?not found|(?:^|: )([^:]+): Permission denied"
# Messages of env(1), which many scripts have in their first line.
_ENV = r"^(?:/usr/bin/)?env: \W?([^\s'\"\u2019]+)\W?: (?:No such file|Permission denied)"
_SYNTAX = re.compile(r"^(?:/\S+/)?(?:da|ba)?sh: (?:-c: )?(?:line )?\d+: ([Ss]yntax error.*)$")
# In POSIX, `.` searches PATH for a name without a slash, and not the folder.
_SOURCED = re.compile(r"(?:^|: )\.: ([^\s:/]+): (?:file )?not found$")


def shell_cause(status: int, lines: Sequence[str], command: str) -> Cause | None:
    """Why a shell could not run a command; None if it could.

    Args:
        status: The exit status.
        lines: The last printed lines.
        command: The command.
    """
    if (bash := _bash_syntax(lines, command)) is not None:
        name, line = bash
        return Cause(
            "shell syntax",
            f"{name} is syntax of bash, but /bin/sh runs the command",
            f"{_INSTEAD.get(name.strip('`'), '')}run the whole command by bash: bash -c '…'",
            permanent=True,
            lines=(line,),
        )
    line = lines[-1] if lines else ""
    if match := _SYNTAX.match(line):
        return Cause(
            "syntax error",
            f"the shell does not understand the command: {match[1]}",
            "correct the command",
            permanent=True,
            lines=(line,),
        )
    if match := _SOURCED.search(line):
        return Cause(
            "missing file",
            f"`.` of /bin/sh looks for {match[1]} on PATH, and there is no such file",
            f"write `. ./{match[1]}`",
            permanent=True,
            lines=(line,),
        )
    if status not in (NOT_FOUND, NOT_EXECUTABLE):
        return None
    missing = ""
    shown: tuple[str, ...] = ()
    for line in reversed(lines):
        match = re.search(f"{_SHELL}|{_ENV}", line)
        if match is not None:
            missing, shown = (match[1] or match[2] or match[3] or "").strip(), (line,)
            break
    what = f"{missing}: " if missing else ""
    if status == NOT_FOUND:
        hint = "install it, or check PATH and the command's spelling"
        if "/" in missing:
            hint = (
                "check the path, relative to workingDir, and the program in the file's first line"
            )
        return Cause("missing command", f"{what}command not found", hint, True, lines=shown)
    return Cause(
        "permission",
        f"{what}not executable",
        "chmod +x, or check its first line",
        True,
        lines=shown,
    )


def _bash_syntax(lines: Sequence[str], command: str) -> tuple[str, str] | None:
    """The syntax of bash in a command, by its shell's last messages, and the line of that."""
    for line in reversed(lines[-3:]):
        if match := _BASH_WORD.search(line):
            return f"`{match[1]}`", line
        if not re.search(r"(?:^|: )\d+: |bad trap", line):
            continue
        for said, has, name in _BASH_SYNTAX:
            if re.search(said, line) and re.search(has, command):
                return f"`{name}`" if name[0] not in "at" or name[:4] == "trap" else name, line
    return None
