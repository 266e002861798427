"""Follow all stacks for the pages that are open, and for a while after the last one has closed.

A hidden page closes its stream: what was measured meanwhile is there when the user comes back.
Without a page for longer, no supervisor is asked.

Each watcher holds at most one pending event of a kind for each stack, the newest. So a slow page or
a busy stack needs no more memory.
"""

import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from portweave.allocator.worktree import logs_dir
from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.panel.log_tail import last_error
from portweave.panel.supervisor_link import (
    ConnectionLostError,
    Link,
)
from portweave.panel.usage_samples import LISTED_SAMPLES, WINDOW_S, Meter
from portweave.supervisor.registry.stack_records import (
    PROTOCOL,
    StackRecord,
    live_stacks,
    stack_key,
    stacks_dir,
)

# How often portweave looks for new stacks.
SCAN_S = 1.0
# How often it asks stacks for their usage: those expanded on a page, and others.
OPEN_S, CLOSED_S = 2.0, 10.0
# Events within this time are sent together.
_TOGETHER_S = 0.05
_AGAIN_S = 3.0
# How long stacks are followed after the last page has closed.
_LINGER_S = WINDOW_S
_OF_EVENTS = ("state", "pid", "port", "restarts", "exitCode", "reason")


class Watcher:
    """The pending events of one page.

    Attributes:
        open: The ids of the worktrees that the page has expanded.
    """

    def __init__(self) -> None:
        self.open: frozenset[str] = frozenset()
        self._waiting: dict[tuple[str, str], object] = {}
        self._news = anyio.Event()
        self.is_closed = False

    def put(self, kind: str, key: str, data: object) -> None:
        """Add an event; it replaces a pending one of the same kind and key.

        Args:
            kind: The kind of event.
            key: What it is about, such as the id of a stack.
            data: Its data.
        """
        # A replaced event moves to the end: a stack that is back was gone before.
        self._waiting.pop((kind, key), None)
        self._waiting[kind, key] = data
        self._news.set()

    def close(self) -> None:
        """End the stream of the page."""
        self.is_closed = True
        self._news.set()

    async def pending(self, patience_s: float) -> list[tuple[str, object]]:
        """Return the pending events; empty where none arrives within `patience_s` seconds."""
        with anyio.move_on_after(patience_s):
            await self._news.wait()
        self._news = anyio.Event()
        found, self._waiting = self._waiting, {}
        return [(kind, data) for (kind, _), data in found.items()]


class _LiveStack:
    """A running stack."""

    def __init__(self, id_: str, record: StackRecord, meters: dict[str, Meter]) -> None:
        self.id = id_
        self.record = record
        self.rows: dict[str, dict[str, object]] = {}
        self.meters = meters
        self.errors: dict[str, tuple[float, str | None]] = {}
        self.supervisor: object = None
        self.lifetime: object = None
        self.problem: str | None = None
        self.is_known = False
        self.scope = anyio.CancelScope()
        self.news = anyio.Event()

    def as_json(self, *, history: bool) -> dict[str, object]:
        """Return it as an object, with the samples of a plot (`history`) or only the newest."""
        return {
            "id": self.id,
            "project": self.record.project,
            "namespace": self.record.namespace,
            "worktreeRoot": self.record.root,
            "supervisor": self.supervisor,
            "lifetime": self.lifetime,
            "problem": self.problem,
            "isKnown": self.is_known,
            "services": [
                {
                    **row,
                    "lastError": self.errors.get(name, (0.0, None))[1],
                    **self._use(name, history),
                }
                for name, row in self.rows.items()
            ],
        }

    def _use(self, name: str, history: bool) -> dict[str, object]:
        meter = self.meters.get(name)
        samples = list(meter.samples) if meter is not None else []
        shown = samples[-LISTED_SAMPLES:] if history else samples[-1:]
        return {"samples": [sample.as_json() for sample in shown]}


class Watch:
    """Follow all stacks while a page watches.

    Args:
        environ: Names the folder of the stack records.
        mark: Returns a value that changes when the worktrees change.
    """

    def __init__(self, environ: Mapping[str, str], mark: Callable[[], object]) -> None:
        self._folder = stacks_dir(environ)
        self._mark = mark
        self._watchers: set[Watcher] = set()
        self._live: dict[str, _LiveStack] = {}
        # Samples of stacks, by id, with the tag of the stack; they outlive a pause without a page.
        self._meters: dict[str, tuple[str, dict[str, Meter]]] = {}
        self._wanted = anyio.Event()

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[Watcher]:
        """Watch for as long as the context is open."""
        watcher = Watcher()
        watcher.put("stacks", "", self._all())
        self._watchers.add(watcher)
        self._wanted.set()
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def show_open(self, watcher: Watcher, ids: frozenset[str]) -> None:
        """Set which worktrees a page has expanded."""
        new = ids - watcher.open
        watcher.open = ids
        for live in self._live.values():
            if live.id in new:
                live.news.set()

    def samples(self, id_: str, full_name: str) -> list[list[float]]:
        """Return the usage of an instance in the last 15 minutes, as far as a page watched.

        Args:
            id_: The id of the worktree.
            full_name: The full name of the instance.

        Returns:
            Arrays of time in seconds since the epoch, percent of one processor, and bytes.
        """
        meter = self._meters.get(id_, ("", {}))[1].get(full_name)
        return [] if meter is None else meter.recent(time.time())

    def close(self) -> None:
        """End the streams of all pages."""
        for watcher in self._watchers:
            watcher.close()

    async def run(self) -> None:
        """Follow stacks while there are watchers."""
        while True:
            await self._wanted.wait()
            try:
                async with anyio.create_task_group() as tasks:
                    await self._scan(tasks)
                    tasks.cancel_scope.cancel()
            finally:
                self._live.clear()

    async def _scan(self, tasks: TaskGroup) -> None:
        """Find stacks that start and end, until no page watches."""
        mark, unwatched_s = self._mark(), None
        is_first = True
        while True:
            records = await to_thread.run_sync(live_stacks, self._folder)
            found = {stack_key(one.root, one.namespace): one for one in records}
            for id_, live in list(self._live.items()):
                if id_ not in found or found[id_].tag != live.record.tag:
                    live.scope.cancel()
                    del self._live[id_]
                    self._send("gone", id_, {"id": id_})
            for id_ in found.keys() - self._live.keys():
                live = self._live[id_] = _LiveStack(
                    id_, found[id_], self._meters_of(found[id_], id_)
                )
                tasks.start_soon(self._follow, live)
            for id_ in self._meters.keys() - found.keys():
                del self._meters[id_]
            if is_first:
                is_first = False
                self._send("stacks", "", self._all())
            before, mark = mark, await to_thread.run_sync(self._mark)
            if mark != before:
                self._send("worktrees", "", {})
            now_s = time.monotonic()
            if self._watchers:
                unwatched_s = None
            elif unwatched_s is None:
                unwatched_s = now_s
            elif now_s - unwatched_s > _LINGER_S:
                self._wanted = anyio.Event()
                return
            await anyio.sleep(SCAN_S)

    def _meters_of(self, record: StackRecord, id_: str) -> dict[str, Meter]:
        tag, meters = self._meters.get(id_, ("", {}))
        if tag != record.tag:
            meters = {}
            self._meters[id_] = (record.tag, meters)
        return meters

    def _all(self) -> dict[str, object]:
        return {"stacks": [live.as_json(history=True) for live in self._live.values()]}

    def _send(self, kind: str, key: str, data: object) -> None:
        for watcher in self._watchers:
            watcher.put(kind, key, data)

    async def _follow(self, live: _LiveStack) -> None:
        """Keep a stack's data up to date; reconnect when the connection ends."""
        with live.scope:
            while True:
                try:
                    await self._listen(live)
                except (ConnectionLostError, OSError) as error:
                    live.problem = f"its supervisor does not answer: {error}"
                    self._publish(live)
                await anyio.sleep(_AGAIN_S)

    async def _listen(self, live: _LiveStack) -> None:
        record = live.record
        if record.protocol != PROTOCOL:
            raise ConnectionLostError(
                f"portweave {record.version or '?'} started it, not this version"
            )
        if not record.socket:
            raise ConnectionLostError("it has no control socket")

        def on_event(event: dict[str, object]) -> None:
            row = live.rows.get(str(event.get("fullName")))
            if row is not None:
                row.update({name: event[name] for name in _OF_EVENTS if name in event})
            live.news.set()

        async with await anyio.connect_unix(record.socket) as stream:
            link = Link(stream, on_event)
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(link.listen)
                    await link.send("/supervisor/events")
                    await self._keep_asking(live, link)
            except* ConnectionLostError as group:
                raise _first(group) from None

    async def _keep_asking(self, live: _LiveStack, link: Link) -> None:
        while True:
            live.news = anyio.Event()
            await self._ask(live, link)
            self._publish(live)
            asked_s = time.monotonic()
            while not live.news.is_set():
                pause_s = OPEN_S if self._is_open(live) else CLOSED_S
                rest_s = asked_s + pause_s - time.monotonic()
                if rest_s <= 0:
                    break
                with anyio.move_on_after(min(rest_s, OPEN_S)):
                    await live.news.wait()
            # The event itself is sent at once; all other data follows a little later.
            if live.news.is_set():
                self._publish(live)
                await anyio.sleep(_TOGETHER_S)

    async def _ask(self, live: _LiveStack, link: Link) -> None:
        answer = await link.ask("/supervisor/ps")
        if not is_object(answer):
            return
        rows = answer.get("services")
        now_s = time.time()
        found: dict[str, dict[str, object]] = {}
        for row in rows if is_list(rows) else ():
            if not is_object(row):
                continue
            name = str(row.get("fullName"))
            percent = live.meters.setdefault(name, Meter()).add(row, now_s)
            found[name] = {**row, "cpuPercent": percent}
        live.rows, live.supervisor = found, answer.get("supervisor")
        live.lifetime = answer.get("lifetime")
        live.problem, live.is_known = None, True
        for gone in live.meters.keys() - found.keys():
            del live.meters[gone]
        if self._is_open(live):
            await to_thread.run_sync(_find_errors, live)

    def _is_open(self, live: _LiveStack) -> bool:
        return any(live.id in watcher.open for watcher in self._watchers)

    def _publish(self, live: _LiveStack) -> None:
        if self._live.get(live.id) is live:
            self._send("stack", live.id, live.as_json(history=False))


def _first(group: BaseExceptionGroup[ConnectionLostError]) -> ConnectionLostError:
    error = group.exceptions[0]
    return error if isinstance(error, ConnectionLostError) else _first(error)


def _find_errors(live: _LiveStack) -> None:
    """Find the last error line of each service whose log has changed."""
    root, namespace = live.record.root, live.record.namespace
    folder = logs_dir(root, namespace)
    for name, row in live.rows.items():
        number = row.get("instance")
        instance = str(row.get("name")) + (f".{number}" if number not in (1, None) else "")
        changed_s = 0.0
        with suppress(OSError):
            changed_s = os.stat(f"{folder}/{instance}.log").st_mtime
        if live.errors.get(name, (0.0, None))[0] != changed_s:
            live.errors[name] = (changed_s, last_error(root, namespace, instance))
