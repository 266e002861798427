"""Pure. What the registry holds, as values.

Plain classes with `__slots__`: importing `dataclasses` costs more than a whole `portweave run` may
take. They are made once and never changed.
"""


class Key:
    """What a block belongs to.

    Attributes:
        git_common_dir: The repository, absolute; None outside git.
        namespace: `main`, `<slug>-<hash>`, or what the user chose.
        worktree_root: Absolute.
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
    """A block of ports that was given to a worktree.

    Attributes:
        key: What is matched.
        last_used_at: When it was last asked for, ISO 8601.
        namespace: What is shown and injected; the same as in the key in all that we write.
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
    """The ports that blocks are taken from.

    Attributes:
        start: The first.
        end: The one behind the last.
    """

    __slots__ = ("end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end


class Holder:
    """Who listens on a port.

    Attributes:
        pid: None where the process is not ours to see.
        command: Its words, joined by blanks; empty where they are not ours to see.
        user_id: Whose it is; None where that is unknown.
        working_dir: Where it runs; empty where that is not ours to see.
        worktree: The worktree that portweave started it for; empty where there is none.
        service: Full name of the service that it is of; empty where it is of none.
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
        """It in words: the service that it is of, of this stack or of another, and its process.

        Args:
            root: Of the worktree that asks.
        """
        if not (self.service and self.worktree):
            return str(self)
        where = "this stack" if self.worktree == root else f"the worktree {self.worktree}"
        return f"{self.service} of {where}, {self}"

    def belongs_to(self, root: str) -> bool:
        """Whether it was started for the worktree at `root`, or at least runs inside of it."""
        if self.worktree:
            return self.worktree == root
        return f"{self.working_dir}/".startswith(f"{root.rstrip('/')}/")

    def __str__(self) -> str:
        if self.pid is None:
            owner = "another user" if self.user_id is None else f"user {self.user_id}"
            return f"a process of {owner}"
        return f"pid {self.pid} ({self.command})" if self.command else f"pid {self.pid}"
