"""Pure. The values that the registry holds."""

from portweave.encoding.value import value


@value
class Key:
    """What identifies a block.

    Attributes:
        git_common_dir: The repository, absolute; None outside git.
        namespace: `main`, `<slug>-<hash>`, or the user's choice.
        worktree_root: An absolute path.
    """

    git_common_dir: str | None
    namespace: str
    worktree_root: str


@value
class Entry:
    """A worktree's block of ports.

    Attributes:
        key: What identifies the block.
        last_used_at: The time of its last use, in ISO 8601.
        namespace: The namespace to show and to inject. Portweave writes the key's namespace.
        ports: The port of each instance: `web`, `web.2`.
    """

    key: Key
    last_used_at: str
    namespace: str
    ports: dict[str, int]


@value
class Pool:
    """A range of ports for blocks.

    Attributes:
        start: The first port.
        end: The port behind the last.
    """

    start: int
    end: int


@value
class Holder:
    """The process that listens on a port.

    Attributes:
        pid: The process; None if this user may not see it.
        command: Its command line, joined by blanks; empty if unknown.
        user_id: Its user; None if unknown.
        working_dir: Its working directory; empty if unknown.
        worktree: The worktree that portweave started it for; empty if none.
        service: Full name of the service it belongs to; empty if none.
    """

    pid: int | None = None
    command: str = ""
    user_id: int | None = None
    working_dir: str = ""
    worktree: str = ""
    service: str = ""

    def seen_from(self, root: str) -> str:
        """A description: its service, of this stack or another, and its process.

        Args:
            root: The root of this stack's worktree.
        """
        if not (self.service and self.worktree):
            return str(self)
        where = "this stack" if self.worktree == root else f"the worktree {self.worktree}"
        return f"{self.service} of {where}, {self}"

    def belongs_to(self, root: str) -> bool:
        """Whether it was started for the worktree at `root`, or at least runs inside it."""
        if self.worktree:
            return self.worktree == root
        return f"{self.working_dir}/".startswith(f"{root.rstrip('/')}/")

    def __str__(self) -> str:
        if self.pid is None:
            owner = "another user" if self.user_id is None else f"user {self.user_id}"
            return f"a process of {owner}"
        return f"pid {self.pid} ({self.command})" if self.command else f"pid {self.pid}"
