"""The stacks that this server has started: they end with the program that runs the server.

Such a stack belongs to the parent of the server. When stdin ends and the parent lives on, the stack
goes to a process that lives for `GRACE_S`. The supervisor ends a stack `PAUSE_S` after its owner.
So the stack ends a minute after stdin, unless another server, or `portweave up`, takes it over.
"""

import os
from threading import Lock

from portweave.client.client import Client
from portweave.encoding.json_text import is_list, is_object
from portweave.errors import PortweaveError
from portweave.system.processes import started_at

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.supervisor.registry.stack_records import StackRecord

# Together with the supervisor's pause of 30 s, this is a minute.
GRACE_S = 30


class StartedStacks:
    """The stacks that this server has started."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._parent = os.getppid()
        self._parent_start = started_at(self._parent)
        self._records: dict[str, StackRecord] = {}

    def owner_words(self) -> tuple[str, ...]:
        """Return the options of `up` that name the owner; none without a parent that can own."""
        if not self._can_own():
            return ()
        return "--owner", str(self._parent)

    def add(self, record: "StackRecord") -> None:
        """Remember a stack that this server has started."""
        with self._lock:
            self._records[record.tag] = record

    def join(self, record: "StackRecord") -> None:
        """Add the parent to the owners of a running stack, if it has any: it is in use."""
        if self._can_own():
            terms = _terms(self._parent, self._parent_start, "")
            _ask(record, "/supervisor/join", terms)

    def release(self) -> None:
        """Have the stacks end soon, unless they got another owner meanwhile."""
        with self._lock:
            records, self._records = self._records, {}
        if not self._can_own():
            # The supervisor has seen the end of the parent.
            return
        left = [record for record in records.values() if self._is_ours(record)]
        if not left:
            return
        from subprocess import DEVNULL, Popen

        keeper = Popen(
            ["/bin/sleep", str(GRACE_S)],
            cwd="/",
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,
        )
        terms = _terms(keeper.pid, started_at(keeper.pid), "portweave mcp")
        for record in left:
            _ask(record, "/supervisor/keep", terms, False)
        # It outlives this process.
        keeper.returncode = 0

    def _can_own(self) -> bool:
        """Whether the parent still lives, and is not the process that adopts orphans."""
        start = self._parent_start
        return self._parent > 1 and start is not None and started_at(self._parent) == start

    def _is_ours(self, record: "StackRecord") -> bool:
        """Whether the parent is the only owner of a stack."""
        found = _ask(record, "/supervisor/lifetime")
        owners = found.get("owners") if is_object(found) else None
        pids = [one.get("pid") for one in (owners if is_list(owners) else []) if is_object(one)]
        return pids == [self._parent]


def _terms(pid: int, start: str | None, command: str) -> "dict[str, object]":
    """Return an owner as the supervisor reads it: `Terms.as_json`."""
    return {"owners": [{"pid": pid, "start": start or "", "command": command}]}


def _ask(record: "StackRecord", method: str, *params: object) -> object:
    """Ask a supervisor; None if the stack has ended, or does not know the method."""
    try:
        client = Client(record, 1.0)
        try:
            return client.call(method, *params, patience_s=2.0)
        finally:
            client.close()
    except PortweaveError:
        return None
