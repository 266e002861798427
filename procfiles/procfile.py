"""Pure. A Procfile: text in, named commands out.

The format of Heroku and Foreman, `name: command`, one a line, with comments (`#`) and blank lines.
They drop a line that they do not understand; here it is an error, since a service that is not
started is found out late.
"""

from portweave.errors import DefinitionsInvalidError
from portweave.procfiles.model import Origin

NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
# What Heroku runs at a release or for a shell: not part of the running stack.
ON_REQUEST = ("release", "console")
# Of these, what is meant to end (devcenter.heroku.com, "Release Phase"): a failed one fails once.
JOBS = ("release",)


class Process:
    """One line of a Procfile.

    Attributes:
        name: As it is written.
        command: Text for a shell, without blanks around it.
        origin: Where it stands.
        on_request: Whether it is only started when it is named.
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
        text: The text.
        path: The file's, absolute.
        shown: The same for people.

    Raises:
        DefinitionsInvalidError: Lines that are no comment, not blank and no `name: command`, or a
            name that is there twice; all of them are named.
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
        raise DefinitionsInvalidError(
            "\n".join(f"{shown}:{number}: {what}" for number, _, what, _ in problems),
            hint=tuple(f"{shown}:{n}:{c}: {hint}" for n, c, _, hint in problems if hint),
            file=path,
            line=number,
            column=column,
        )
    return tuple(processes.values())


def _problem(name: str, colon: str, command: str) -> tuple[str, str]:
    """What is wrong with a line, and what to do; the texts are empty where nothing is."""
    if "\ufeff" in name:
        return "a byte order mark", "save the file without a byte order mark"
    if not colon or not name or not NAME.issuperset(name):
        hint = "name: command, where the name has letters, digits, _ and -; or # and a comment"
        return 'not a comment, not blank and no "name: command"', hint
    if not command:
        return f'the process "{name}" has no command', ""
    if "\0" in command:
        return f'the command of "{name}" has a NUL character', ""
    if "\r" in command:
        return f'the command of "{name}" has a carriage return in it', "end lines with LF or CRLF"
    return "", ""
