"""Pure. A Procfile: text in, named commands out.

The format is Heroku's and Foreman's: one `name: command` a line, comments (`#`) and blank lines.
Heroku and Foreman ignore a malformed line. Here it is an error: you would notice late that a
service does not start.
"""

from portweave import errors
from portweave.procfiles.model import Origin

NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
# Heroku runs these at a release or for a shell; they are not part of the running stack.
ON_REQUEST = ("release", "console")
# Those of them that are meant to end (devcenter.heroku.com, "Release Phase").
# A failed one is not started again.
JOBS = ("release",)
_NO_PROCESS = 'not a comment, not blank and no "name: command"'


class Process:
    """One line of a Procfile.

    Attributes:
        name: The name as written.
        command: Text for a shell, without blanks around it.
        origin: The place of the line.
        on_request: Whether it starts only when you name it.
        is_job: Whether it is meant to end.
    """

    __slots__ = ("command", "is_job", "name", "on_request", "origin")

    def __init__(self, name: str, command: str, origin: Origin) -> None:
        self.name = name
        self.command = command
        self.origin = origin
        self.on_request = name in ON_REQUEST
        self.is_job = name in JOBS


def parse(text: str, path: str, shown: str) -> tuple[Process, ...]:
    """Read the processes of a Procfile, in file order; CRLF ends a line as well as LF.

    Args:
        text: The Procfile's text.
        path: The file, absolute.
        shown: The file's path as messages show it.

    Raises:
        DefinitionsInvalidError: A line is malformed or repeats a name; the error names all of them.
    """
    processes: dict[str, Process] = {}
    problems: list[tuple[int, int, str, str]] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(" \t\r")
        if not line or line[0] == "#":
            continue
        column = len(raw) - len(raw.lstrip(" \t\r")) + 1
        name, colon, command = line.partition(":")
        command = command.strip(" \t\r")
        what, hint = _problem(name, colon, command)
        if not what and name in processes:
            what = f'the process "{name}" is already defined on line {processes[name].origin.line}'
        if what:
            problems.append((number, column, what, hint))
        else:
            processes[name] = Process(name, command, Origin(path, number, column))
    if problems:
        number, column, _, _ = problems[0]
        error = errors.DefinitionsInvalidError(
            "\n".join(f"{shown}:{number}: {what}" for number, _, what, _ in problems),
            hint=tuple(f"{shown}:{n}:{c}: {hint}" for n, c, _, hint in problems if hint),
            file=path,
            line=number,
            column=column,
        )
        # Imported here: only errors need it.
        from portweave.errors.problem import problem_at

        error.problems = tuple(
            problem_at(
                "this line is not 'name: command'" if what == _NO_PROCESS else what,
                shown,
                text,
                line,
                at,
                token=_first_word(text, line),
                hint=_example(text, line) or hint,
            )
            for line, at, what, hint in problems
        )
        raise error
    return tuple(processes.values())


def _first_word(text: str, number: int) -> str:
    """What to mark on a malformed line: all up to the first colon or blank."""
    words = text.split("\n", number)[number - 1].partition(":")[0].split()
    return words[0] if words else ""


def _example(text: str, number: int) -> str:
    """A hint for a line that lacks nothing but the colon after its name."""
    name, _, command = text.split("\n", number)[number - 1].strip(" \t\r").partition(" ")
    command = command.strip().removeprefix("=")
    if not command.strip() or ":" in name + command or not NAME.issuperset(name):
        return ""
    return f"did you mean {name}: {command.strip()}?"


def _problem(name: str, colon: str, command: str) -> tuple[str, str]:
    """The error of a line and a hint; two empty texts for a valid line."""
    if "\ufeff" in name:
        return "a byte order mark", "save the file without a byte order mark"
    if not colon or not name or not NAME.issuperset(name):
        hint = "name: command, where the name has letters, digits, _ and -; or # and a comment"
        return _NO_PROCESS, hint
    if not command:
        return f'the process "{name}" has no command', "write the command after the colon"
    if "\0" in command:
        return f'the command of "{name}" has a NUL character', ""
    if "\r" in command:
        return f'the command of "{name}" has a carriage return in it', "end lines with LF or CRLF"
    return "", ""
