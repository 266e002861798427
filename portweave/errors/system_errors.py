"""Pure. Errors of the operating system, and faults of portweave itself (PW0506, PW0507)."""

from portweave.errors import PortweaveError


class SystemRefusedError(PortweaveError):
    """The system refuses a file, a folder or memory.

    What to do: the message says which and why.

    Args:
        why: The system's reason.
        path: The file or folder; None where there is none.
        hint: What to do.
    """

    code = "PW0506"

    def __init__(self, why: str, path: str | None, *, hint: str | tuple[str, ...] = ()) -> None:
        what = f"{path}: {why}" if path else why
        super().__init__(f"the system refuses it: {what}", hint=hint, file=path)


class UnforeseenError(PortweaveError):
    """Portweave itself has a fault.

    What to do: report it; `--verbose` shows where it is.

    Args:
        kind: Name of the exception's class.
        said: Its message.
    """

    code = "PW0507"

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(
            f"portweave has a fault: {kind}: {said}",
            hint="--verbose shows where; please report it with that",
        )
