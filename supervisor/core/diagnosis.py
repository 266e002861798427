"""Why a service ended, told from how it ended and what it printed last.

The texts are those that runtimes and shells print; what is not recognised is a crash like any
other. Some causes are there again at each start, so trying for long cannot help.
"""

import re
from collections.abc import Sequence
from functools import cache

from portweave.supervisor.core.exits import NOT_EXECUTABLE, NOT_FOUND, describe_exit
from portweave.supervisor.core.value import value

_SIGKILL, _SIGABRT = 128 + 9, 128 + 6


@value
class Cause:
    """Why it ended.

    Attributes:
        kind: The class: `port in use`, `missing command`, `missing module`, `missing file`,
            `syntax error`, `out of memory`, `killed`, `permission`, `connection refused`, `crash`.
        text: In words; names what is missing or in the way, where it is known.
        hint: What to do; empty where nobody knows.
        hopeless: Whether the next start would end the same way.
    """

    kind: str
    text: str
    hint: str = ""
    hopeless: bool = False


def diagnose(status: int, lines: Sequence[str], port: int | None = None) -> Cause:
    """Why a run ended.

    Args:
        status: Of its leader; 128+n for signal n.
        lines: The last ones that it printed, as plain text.
        port: Its own; None for a service without one.
    """
    if status in (NOT_FOUND, NOT_EXECUTABLE):
        return _of_shell(status, lines)
    text = "\n".join(lines)
    for kind, pattern, hint, hopeless in _PATTERNS:
        match = _compiled(pattern).search(text)
        if match is not None:
            what = next((group for group in match.groups() if group), "").strip(" '\"`:,.")
            return Cause(kind, _words(kind, what, port), hint.format(what=what or "it"), hopeless)
    if status == _SIGKILL:
        return Cause(
            "killed",
            "it was killed by SIGKILL, and not by portweave: by the kernel for want of memory, or "
            "by somebody",
            "journalctl -k, or dmesg, tells whether the kernel did it",
        )
    return Cause("crash", describe_exit(status))


def prepare() -> None:
    """Compile what `diagnose` looks for: neither a start nor a restart is to wait for that."""
    for _, pattern, _, _ in _PATTERNS:
        _compiled(pattern)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


def _of_shell(status: int, lines: Sequence[str]) -> Cause:
    missing = ""
    for line in reversed(lines):
        match = re.search(_SHELL, line)
        if match is not None:
            missing = match[1] or match[2] or ""
            break
    what = f"{missing.strip()}: " if missing else ""
    if status == NOT_FOUND:
        hint = "install it, or check PATH and the command's spelling"
        return Cause("missing command", f"{what}command not found", hint, hopeless=True)
    return Cause(
        "permission", f"{what}not executable", "chmod +x, or check its first line", hopeless=True
    )


def _words(kind: str, what: str, port: int | None) -> str:
    match kind:
        case "port in use":
            where = what or (str(port) if port is not None else "")
            return f"the port {where} is in use".replace("  ", " ")
        case "missing module":
            return f"the module {what} is not installed" if what else "a module is not installed"
        case "missing file":
            return f"there is no file {what}" if what else "a file is missing"
        case "syntax error":
            return f"syntax error: {what}" if what else "a syntax error"
        case "connection refused":
            return f"nothing answers at {what}" if what else "what it connects to does not answer"
        case "missing variable":
            return f"the variable {what} is not set"
        case "permission":
            return f"permission denied: {what}" if what else "permission denied"
        case _:
            return kind


# dash and bash: `sh: 1: foo: not found`, `bash: foo: command not found`, `sh: foo: Permission …`.
_SHELL = r"(?:^|: )([^:\s]+): (?:command )?not found|(?:^|: )([^:]+): Permission denied"

_PATTERNS: tuple[tuple[str, str, str, bool], ...] = (
    (
        "port in use",
        (
            r"EADDRINUSE[^\n]*?(?::(\d{2,5})\b|$)"
            r"|[Aa]ddress already in use[^\n]*?(?::(\d{2,5})\b|$)"
            r"|[Pp]ort (\d{2,5}) is (?:already )?(?:in use|taken|allocated)|Only one usage of each"
        ),
        "portweave doctor names who has it; the command should listen on $PORT",
        True,
    ),
    (
        "missing module",
        (
            r"ModuleNotFoundError: No module named ([^\n]+)"
            r"|Cannot find (?:module|package) ('[^'\n]+')"
            r"|cannot load such file -- (\S+)|ERR_MODULE_NOT_FOUND"
        ),
        "install the project's dependencies in this worktree",
        True,
    ),
    (
        "syntax error",
        r"((?:Syntax|Indentation|Tab)Error: [^\n]+)|(syntax error[^\n]*)|Parse error: ([^\n]+)",
        "the lines above name the place",
        True,
    ),
    (
        "out of memory",
        r"JavaScript heap out of memory|^MemoryError|Cannot allocate memory|OutOfMemory",
        "give it more memory, or a smaller limit to itself",
        False,
    ),
    (
        "missing variable",
        r"^KeyError: '([A-Z][A-Z0-9_]+)'|environment variable [\"'`]?([A-Z][A-Z0-9_]+)",
        "portweave env SERVICE --explain {what} shows where it would come from",
        False,
    ),
    (
        "connection refused",
        r"ECONNREFUSED ([\w.:\[\]-]+)|[Cc]onnection refused",
        "dependsOn has it wait for what it needs",
        False,
    ),
    (
        "missing file",
        (
            r"No such file or directory: ('[^'\n]+')|ENOENT[^\n]*?('[^'\n]+')"
            r"|can't open file ('[^'\n]+')|([^\s:]+): No such file or directory"
        ),
        "check the path, and the service's workingDir",
        False,
    ),
    (
        "permission",
        r"Permission denied: ('[^'\n]+')|EACCES[^\n]*?('[^'\n]+')|([Pp]ermission denied)",
        "check the rights of what it opens",
        False,
    ),
)
