"""Pure. Errors of the panel (PW06)."""

from portweave.errors import PortweaveError


class PanelPortError(PortweaveError):
    """The panel has no port to listen on.

    What to do: `portweave panel --port N` chooses another, 0 any free one.

    Args:
        port: The first port that it tried.
        why: The system's reason; empty if all ports near it are in use.
    """

    code = "PW0604"

    def __init__(self, port: int, why: str = "") -> None:
        if why:
            text = f"failed to start panel server on port {port}: {why}"
        else:
            text = (
                f"panel could not find a free port near {port} — pass --port <n> to choose another"
            )
        super().__init__(text, port=port)


class PanelForbiddenError(PortweaveError):
    """A request to the panel does not come from the panel's own page.

    What to do: reload the page; in a script, use `ps --json` and the like.
    """

    code = "PW0605"

    def __init__(self) -> None:
        super().__init__("request forbidden")


class LaunchForbiddenError(PortweaveError):
    """The panel was asked to open a folder that it does not know as a worktree.

    What to do: `portweave up` in the folder makes it known.
    """

    code = "PW0606"

    def __init__(self) -> None:
        super().__init__("path not allowed")


class CommandFailedError(PortweaveError):
    """A command that the panel ran has failed.

    What to do: the message is the command's own.

    Args:
        verb: The command.
        said: Its output, in lines.
    """

    code = "PW0608"

    def __init__(self, verb: str, said: "tuple[str, ...] | list[str]") -> None:
        errors = [line.removeprefix("error: ") for line in said if line.startswith("error: ")]
        hints = [line.removeprefix("hint: ") for line in said if line.startswith("hint: ")]
        text = "\n".join(errors or said) or "it said nothing"
        super().__init__(f"{verb} failed: {text}", hint=tuple(hints))
