"""Pure. Exit statuses in words."""

# sh(1): found but not executable, and not found. Starting again does not make a command appear.
NOT_EXECUTABLE = 126
NOT_FOUND = 127
SHELL_FAULTS = {NOT_EXECUTABLE: "not executable", NOT_FOUND: "command not found"}


def describe_exit(status: int) -> str:
    """An exit status in words: `exited with status 3`, `ended by signal 9 (SIGKILL)`."""
    if status in SHELL_FAULTS:
        return f"exited with status {status} ({SHELL_FAULTS[status]})"
    if status > 128 and (name := SIGNAL_NAMES.get(status - 128)):
        return f"ended by signal {status - 128} ({name})"
    return f"exited with status {status}"


# signal(7): the numbers that are the same on Linux and macOS.
SIGNAL_NAMES = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 8: "SIGFPE",
    9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 24: "SIGXCPU",
    25: "SIGXFSZ",
}  # fmt: skip
