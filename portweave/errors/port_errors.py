"""Pure. Errors of the choice of ports: `PORTWEAVE_OFFSET` (PW02) and the pool (PW04)."""

from portweave.errors import PortweaveError


class OffsetError(PortweaveError):
    """`PORTWEAVE_OFFSET` is not an offset.

    What to do: set it to a number from 0, or unset it.
    """

    code = "PW0202"


class PinTakenError(PortweaveError):
    """The block that `PORTWEAVE_OFFSET` names is taken.

    What to do: choose another, or free it; the message names its holder.

    Args:
        message: What is taken.
        port: The first port that is taken; None for a whole block.
        holder: The worktree or process that has it; empty if unknown.
        by_listener: Whether a process listens on the port.
    """

    code = "PW0203"

    def __init__(
        self,
        message: str,
        *,
        port: int | None = None,
        holder: str = "",
        by_listener: bool = False,
    ) -> None:
        super().__init__(
            f"{message} by {holder}" if holder else message,
            hint="choose another PORTWEAVE_OFFSET, or none",
            **({} if port is None else {"port": port}),
        )
        self.port = port
        self.by_listener = by_listener


class PoolExhaustedError(PortweaveError):
    """The pool has no room for a block of ports.

    What to do: run `portweave prune` in worktrees that you do not need, or set a larger
    `PORTWEAVE_POOL_RANGE`.
    """

    code = "PW0401"

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            hint="PORTWEAVE_POOL_RANGE=<start>-<end> names another pool;"
            " portweave prune gives a worktree's ports back",
        )
