"""Pure. Errors of state that outlives a command: registry, leases, worktrees (PW03)."""

from portweave.errors import PortweaveError


class RegistryLockedError(PortweaveError):
    """Another process holds the lock of the registry.

    What to do: wait for the process that the hint names, or end it.

    Args:
        lock_dir: The folder that is the lock.
        attempts: How often portweave tried.
        holder: The process that has it, in words.
        pid: Process id of the holder; None if unknown.
    """

    code = "PW0301"

    def __init__(self, lock_dir: str, attempts: int, holder: str, pid: int | None) -> None:
        super().__init__(
            f"timed out acquiring registry lock at {lock_dir} after {attempts} retries",
            hint=f"it is held by {holder}",
            **({} if pid is None else {"pid": pid}),
        )


class RegistryDamagedError(PortweaveError):
    """The registry is damaged.

    What to do: the hint names the entry and the last good copy.

    Args:
        path: The registry's file.
        what: What is wrong with it.
        detail: Where; empty if unknown.
    """

    code = "PW0302"

    def __init__(self, path: str, what: str, detail: str = "") -> None:
        super().__init__(
            what,
            hint=(
                *((detail,) if detail else ()),
                (
                    "portweave doctor --fix sets it aside and rebuilds what can be rebuilt;"
                    f" the version before it is {path}.bak"
                ),
            ),
            file=path,
        )


class RegistryUnwritableError(PortweaveError):
    """The registry cannot be written.

    What to do: check `HOME`, `XDG_CONFIG_HOME` and the permissions of their folders.
    """

    code = "PW0303"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"failed to write the registry at {path}: {why}",
            hint="XDG_CONFIG_HOME names the folder that it lies in, else HOME",
            file=path,
        )


class LeaseUnknownError(PortweaveError):
    """There is no such lease.

    What to do: `portweave lease --list` shows all leases.
    """

    code = "PW0304"

    def __init__(self, lease_id: str) -> None:
        super().__init__(
            f"there is no lease {lease_id}",
            hint="it was released, its time was up or its owner has ended:"
            " portweave lease --list shows all leases",
            lease=lease_id,
        )


class StateUnwritableError(PortweaveError):
    """The state folder cannot be written or read.

    What to do: check `HOME`, `XDG_STATE_HOME` and the permissions of their folders.

    Args:
        path: The file or folder.
        why: The system's reason.
        what: What failed: `write` or `read`.
    """

    code = "PW0305"

    def __init__(self, path: str, why: str, what: str = "write") -> None:
        super().__init__(
            f"failed to {what} {path}: {why}",
            hint="XDG_STATE_HOME names the folder that it lies in, else HOME",
            file=path,
        )


class BrokenWorktreeError(PortweaveError):
    """The `.git` of a worktree leads nowhere: its repository was moved, removed or replaced.

    What to do: run `git worktree repair`, as the hint says.

    Args:
        root: The worktree's folder.
        why: What its `.git` file has instead.
        way_out: `repair` for a worktree, `submodule` for a submodule, `link` for a symbolic link.
    """

    code = "PW0306"

    def __init__(self, root: str, why: str, way_out: str = "repair") -> None:
        hints = {
            "repair": (
                f"git -C MAIN worktree repair {root}",
                "MAIN is the main worktree or the bare repository, wherever it lies now",
            ),
            "submodule": ("git submodule update --init  in the project above makes it anew",),
            "link": (f"have the link {root}/.git lead to the repository again, or remove it",),
        }
        super().__init__(
            f"{root}/.git leads nowhere: {why}", hint=hints.get(way_out, ()), worktreeRoot=root
        )
