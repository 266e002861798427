"""Pure. The values that the registry holds.

Plain classes with `__slots__`: importing `dataclasses` takes longer than a whole `portweave run`
may take. They never change after they were made.
"""


class Key:
    """What identifies a block.

    Attributes:
        git_common_dir: The repository, absolute; None outside git.
        namespace: `main`, `<slug>-<hash>`, or the user's choice.
        worktree_root: An absolute path.
    """

    __slots__ = ("git_common_dir", "namespace", "worktree_root")

    def __init__(self, git_common_dir: str | None, namespace: str, worktree_root: str) -> None:
        self.git_common_dir = git_common_dir
        self.namespace = namespace
        self.worktree_root = worktree_root

    def _fields(self) -> tuple[str | None, str, str]:
        return self.git_common_dir, self.namespace, self.worktree_root

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return f"Key{self._fields()!r}"


class Entry:
    """A worktree's block of ports.

    Attributes:
        key: What identifies the block.
        last_used_at: The time of its last use, in ISO 8601.
        namespace: The namespace to show and to inject. Portweave writes the key's namespace.
        ports: The port of each instance: `web`, `web.2`.
    """

    __slots__ = ("key", "last_used_at", "namespace", "ports")

    def __init__(self, key: Key, last_used_at: str, namespace: str, ports: dict[str, int]) -> None:
        self.key = key
        self.last_used_at = last_used_at
        self.namespace = namespace
        self.ports = ports

    def _fields(self) -> tuple[Key, str, str, dict[str, int]]:
        return self.key, self.last_used_at, self.namespace, self.ports

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and self._fields() == other._fields()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Entry{self._fields()!r}"


class Pool:
    """A range of ports for blocks.

    Attributes:
        start: The first port.
        end: The port behind the last.
    """

    __slots__ = ("end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end


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

    __slots__ = ("command", "pid", "service", "user_id", "working_dir", "worktree")

    def __init__(
        self,
        pid: int | None = None,
        command: str = "",
        *,
        user_id: int | None = None,
        working_dir: str = "",
        worktree: str = "",
        service: str = "",
    ) -> None:
        self.pid = pid
        self.command = command
        self.user_id = user_id
        self.working_dir = working_dir
        self.worktree = worktree
        self.service = service

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
