"""Replace this process with another command."""

import os

from portweave import errors

# The C library's path for an unset PATH, which `env` uses too.
_DEFAULT_PATH = "/usr/bin:/bin"
# A command starts with the signal dispositions of signal(7), whatever the interpreter has changed.
_SIGNALS = range(1, 32)


def execute(words: list[str], env: dict[str, str]) -> None:
    """Replace this process with a command, found along the PATH of its environment.

    Raises:
        SpawnError: The command is missing, or cannot be executed.
    """
    # The module `signal` makes enumerations, which costs more than the work here.
    signal = __import__("_signal")
    for number in _SIGNALS:
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):  # not a signal, or one that cannot be set
            continue
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    refusal: OSError | None = None
    for path in _candidates(words[0], env):
        try:
            _execute_file(path, words, env)
        except OSError as error:
            # As in execvp(3), the search continues. The error names a file without permission.
            is_absent = isinstance(error, FileNotFoundError | NotADirectoryError)
            if not is_absent or "/" in words[0]:
                refusal = refusal or error
    raise errors.SpawnError(words[0], _errno_name(refusal))


def _candidates(command: str, env: dict[str, str]) -> list[str]:
    if not command:
        return []
    if "/" in command:
        return [command]
    folders = env.get("PATH", _DEFAULT_PATH).split(":")
    return [f"{folder or '.'}/{command}" for folder in folders]


def _execute_file(path: str, words: list[str], env: dict[str, str]) -> None:
    try:
        os.execve(path, words, env)  # noqa: S606 - no shell is meant
    except OSError as error:
        from errno import ENOEXEC

        if error.errno != ENOEXEC:
            raise
    # As in execvp(3), the shell runs a script without an interpreter line.
    os.execve("/bin/sh", ["/bin/sh", path, *words[1:]], env)  # noqa: S606


def _errno_name(error: OSError | None) -> str:
    from errno import errorcode

    return errorcode.get(error.errno or 0, "EIO") if error else "ENOENT"
