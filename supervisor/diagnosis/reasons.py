"""Pure. Find out why a service ended, from its exit status and last output.

The patterns match texts that runtimes and shells print. An unknown end is a crash. Some causes
recur at each start, so many restarts cannot help.
"""

import re
from functools import cache

from portweave.encoding.value import (
    replace,
    value,
)
from portweave.supervisor.diagnosis.background import (
    background_hint,
    job_cause,
    watcher_cause,
)
from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.diagnosis.port_in_use import IN_USE
from portweave.supervisor.diagnosis.printed_error import (
    PrintedError,
    find_error,
)
from portweave.supervisor.diagnosis.shell_cause import shell_cause
from portweave.supervisor.processes.exit_status import describe_exit

_SIGNALS = 128
_SIGKILL = _SIGNALS + 9
# How many of the last lines are searched if no error is recognised.
_LAST_LINES = 12


@value
class End:
    """How a run ended.

    Attributes:
        status: Of its leader; 128+n for signal n.
        lines: Its last printed lines, as plain text.
        command: Its command.
        folder: Its working folder.
        signalled: How portweave sent the signal that ended it, in words; empty if it did not.
        out_of_memory: Whether the kernel killed a process because memory ran out, during the run.
        left_behind: The processes that outlived its leader, in words: `left … behind`.
    """

    status: int
    lines: tuple[str, ...] = ()
    command: str = ""
    folder: str = ""
    signalled: str = ""
    out_of_memory: bool = False
    left_behind: str = ""


def diagnose(end: End) -> Cause:
    """Find out why a run ended."""
    if end.signalled:
        return Cause("killed", end.signalled)
    last = end.lines[-_LAST_LINES:]
    if end.left_behind and end.status == 0:
        text = f"its program went into the background: it {end.left_behind}"
        return Cause("background", text, background_hint(end.command), lines=last)
    if end.status == 0:
        ended = "it has ended with status 0, and is not started again"
        cause = watcher_cause(end.command) or job_cause(end.command)
        return cause or Cause("ended", ended, lines=last)
    cause = shell_cause(end.status, last, end.command)
    if cause is not None:
        return cause
    error = find_error(end.lines, end.folder)
    cause = _recognised(end, error)
    return cause if cause.lines else replace(cause, lines=error.excerpt if error else last)


def _recognised(end: End, error: PrintedError | None) -> Cause:
    # After a signal and without a printed error, the last lines explain nothing.
    last = () if end.status > _SIGNALS else end.lines[-_LAST_LINES:]
    text = "\n".join(last if error is None else error.lines)
    place = error.place if error is not None else ""
    where = f" ({place})" if place else ""
    if missing := _missing_script(text, end.folder):
        return replace(missing, text=missing.text + where, place=place)
    for kind, pattern, hint, permanent in _PATTERNS if text else ():
        match = _compiled(pattern).search(text)
        if match is not None:
            what = next((group for group in match.groups() if group), "").strip(" '\"`:,.")
            words = error.message if kind == "syntax error" and error else _text_for(kind, what)
            return Cause(kind, words + where, hint.format(what=what or "it"), permanent, place)
    if end.status == _SIGKILL and end.out_of_memory:
        return Cause(
            "out of memory",
            "memory ran out: the kernel killed a process during the run, which ended by SIGKILL",
            "give it more memory, or a lower limit of its own",
        )
    if end.status == _SIGKILL:
        return Cause(
            "killed",
            "it was killed by SIGKILL, and not by portweave",
            "look for what sends SIGKILL: another program, or a user",
        )
    how = describe_exit(end.status)
    return Cause("crash", how if error is None else f"{how}: {error.message}{where}", place=place)


def prepare() -> None:
    """Compile the patterns of `diagnose`, so that no start or restart waits for that."""
    for pattern in (_SCRIPT, _REQUIRED, _REQUIRED_BY, *(row[1] for row in _PATTERNS)):
        _compiled(pattern)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


def _missing_script(text: str, folder: str) -> Cause | None:
    """The cause if a file is missing that the command names, or that another file requires."""
    match = _compiled(_SCRIPT).search(text)
    if match is not None:
        name = next(group for group in match.groups() if group)
        place = name if name.startswith("/") or not folder else f"{name} in {folder}"
        hint = f"check the path; relative ones begin at workingDir, {folder or 'its folder'}"
        return Cause("missing file", f"there is no file {place}", hint, permanent=True)
    match = _compiled(_REQUIRED).search(text)
    if match is None:
        return None
    by = _compiled(_REQUIRED_BY).search(text)
    name = (match["node"] or match["ruby"]).removeprefix("file://")
    if by is None:
        hint = f"check the path; relative ones begin at workingDir, {folder or 'its folder'}"
        return Cause("missing file", f"there is no file {name}", hint, permanent=True)
    asks = f"there is no file {name}, which {by[1] or by[2]} asks for"
    return Cause("missing file", asks, "check the path that it asks for", permanent=True)


def _text_for(kind: str, what: str) -> str:
    match kind:
        case "port in use":
            return "the port that it asks for is in use"
        case "missing module":
            return f"the module {what} is not installed" if what else "a module is not installed"
        case "missing file":
            return f"there is no file {what}" if what else "a file is missing"
        case "missing script":
            return f"there is no script {what} in package.json"
        case "connection refused":
            return f"nothing answers at {what}" if what else "what it connects to does not answer"
        case "missing variable":
            return f"the variable {what} is not set"
        case "permission":
            return f"permission denied: {what}" if what else "permission denied"
        case "syntax error":
            return what
        case _:
            return kind


# Messages of runtimes that do not find the file of the command.
_SCRIPT = (
    r"can't open file '([^'\n]+)'|^ruby: No such file or directory -- (\S+)"
    r"|Could not open input file: (\S+)|Failed opening required '([^'\n]+)'"
    r"|Unable to access jarfile (\S+)"
    r"|^stat (\S+\.go): no such file"
    r"|^(?:/\S+/)?(?:ba|da|z)?sh: (?:\d+: )?(?:\.: )?(?:cannot open )?(\S+): No such file"
    r"|Module not found \"file://(/[^\"\n]+)\""
)
# Node and Ruby: a path, not the name of a package.
_REQUIRED = (
    r"Cannot find module '(?P<node>(?:file://)?\.{0,2}/[^'\n]+)'"
    r"|cannot load such file -- (?P<ruby>/\S+)"
)
_REQUIRED_BY = r"imported from (/\S+\.\w+)|^- (?!\S*imaginaryUncacheable)(/\S+)$"

_PATTERNS: tuple[tuple[str, str, str, bool], ...] = (
    # `port_cause` replaces the hint, by how the port is used.
    ("port in use", IN_USE, "have it listen on $PORT", False),
    (
        "missing module",
        (
            r"No module named ([^\n]+)"
            r"|Cannot find (?:module|package) ('[^'\n]+')"
            r"|cannot load such file -- (\S+)|Could not import module (\S+)"
            r"|(?:cannot find (?:module|package) providing|no required module provides)"
            r" package ([^\s;]+)"
            r"|Can't locate \S+ in @INC \(you may need to install the (\S+) module"
            r"|Could not resolve \"([^\"\n]+)\"|ERR_MODULE_NOT_FOUND(?!\]: Cannot find)"
        ),
        "install the project's dependencies in this worktree",
        True,
    ),
    (
        "missing script",
        r"Missing script: (\S+)|Script not found (\S+)|find a script named (\S+)",
        "check package.json, and the service's workingDir",
        True,
    ),
    (
        "syntax error",
        (
            r"((?:Syntax|Indentation|Tab)Error: [^\n]+)|([Ss]yntax error[^\n]*)"
            r"|Parse error: ([^\n]+)"
        ),
        "correct the file",
        True,
    ),
    (
        "out of memory",
        r"JavaScript heap out of memory|^MemoryError|Cannot allocate memory|OutOfMemory",
        "give it more memory, or a lower limit of its own",
        False,
    ),
    (
        "missing variable",
        (
            r"^KeyError: '([A-Z][A-Z0-9_]+)'|environment variable [\"'`]?([A-Z][A-Z0-9_]+)"
            r"|key not found: \"([A-Z][A-Z0-9_]+)\""
        ),
        "portweave env SERVICE --explain {what} shows where it would come from",
        False,
    ),
    (
        "connection refused",
        r"ECONNREFUSED ([\w.:\[\]-]+)|[Cc]onnection refused",
        "dependsOn makes it wait for the services that it needs",
        False,
    ),
    (
        "missing file",
        (
            r"No such file or directory: ('[^'\n]+')|ENOENT[^\n]*?('[^'\n]+')"
            # Matched at the beginning of a word only: otherwise a long word takes quadratic time.
            r"|(?<![^\s:])([^\s:]+): No such file or directory"
            r"|open (\S+): no such file or directory"
        ),
        "check the path, and the service's workingDir",
        False,
    ),
    (
        "permission",
        r"Permission denied: ('[^'\n]+')|EACCES[^\n]*?('[^'\n]+')|([Pp]ermission denied)",
        "check the permissions of the files that it opens",
        False,
    ),
)
