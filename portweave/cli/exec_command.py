"""Become another command."""

import os

from portweave import errors

# What `env` finds where PATH is unset: the C library's own.
_DEFAULT_PATH = "/usr/bin:/bin"
# Whatever the interpreter or a caller has changed, a command begins as signal(7) says.
_SIGNALS = range(1, 32)


def execute(words: list[str], env: dict[str, str]) -> None:
    """Become the command, found along its own PATH.

    Raises:
        SpawnError: It is missing, or cannot be executed.
    """
    # `signal` makes enumerations of all this, which costs more than the work.
    signal = __import__("_signal")
    for number in _SIGNALS:
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):  # not a signal, or none that can be set
            continue
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    refusal: OSError | None = None
    for path in _candidates(words[0], env):
        try:
            _become(path, words, env)
        except OSError as error:
            # As execvp(3): the search goes on, and one that may not be executed is told of.
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


def _become(path: str, words: list[str], env: dict[str, str]) -> None:
    try:
        os.execve(path, words, env)  # noqa: S606 - no shell is meant
    except OSError as error:
        from errno import ENOEXEC

        if error.errno != ENOEXEC:
            raise
    # A script without a first line that names its interpreter: execvp(3).
    os.execve("/bin/sh", ["/bin/sh", path, *words[1:]], env)  # noqa: S606


def _errno_name(error: OSError | None) -> str:
    from errno import errorcode

    return errorcode.get(error.errno or 0, "EIO") if error else "ENOENT"
