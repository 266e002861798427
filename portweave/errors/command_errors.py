"""Pure. Errors of the command line (PW06)."""

from portweave.errors import PortweaveError


class UsageError(PortweaveError):
    """The command line cannot be understood.

    What to do: `portweave COMMAND --help` explains the command.
    """

    code = "PW0601"


class SpawnError(PortweaveError):
    """A command cannot be started.

    What to do: check its name and its permissions.
    """

    code = "PW0602"
    exit_status = 127

    def __init__(self, command: str, errno_name: str) -> None:
        super().__init__(f'failed to spawn "{command}": spawn {command} {errno_name}')
        self.errno_name = errno_name


class NoAllocationError(PortweaveError):
    """The worktree has no ports yet.

    What to do: `portweave run` or `up` gives it ports.
    """

    code = "PW0603"


class RemovalUnaskedError(PortweaveError):
    """`clean` needs a confirmation, and there is no terminal to ask at.

    What to do: use `--yes` or `--dry-run`.
    """

    code = "PW0612"

    def __init__(self) -> None:
        super().__init__(
            "nothing was removed: without a terminal, portweave cannot ask for confirmation",
            hint="--yes confirms beforehand, --dry-run only shows what would be removed",
        )


class PruneUnaskedError(PortweaveError):
    """`prune --all` needs a confirmation, and there is no terminal to ask at.

    What to do: use `--yes` or `--dry-run`.
    """

    code = "PW0614"

    def __init__(self) -> None:
        super().__init__(
            "nothing was pruned: without a terminal, portweave cannot ask for confirmation",
            hint="--yes confirms beforehand, --dry-run only shows what would be pruned",
        )


class AgentFileError(PortweaveError):
    """A file that configures another program cannot be read, changed or written.

    What to do: the message says why; `agents init --print` and `integrate` show what to add.

    Args:
        path: The file.
        why: The reason.
    """

    code = "PW0615"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"{path} cannot be changed: {why}",
            hint="without options, portweave integrate only shows what it adds;"
            " portweave agents init --print too",
            file=path,
        )


class OutputError(PortweaveError):
    """Output of portweave, or a file that it keeps, cannot be written.

    What to do: free some space; the message names the file.
    """

    code = "PW0613"

    def __init__(self, path: str | None, why: str) -> None:
        super().__init__(
            f"failed to write {path or 'the output'}: {why}",
            hint="the output is incomplete",
            file=path,
        )
