"""Pure. The rules that give ports to a worktree.

`decide` returns the next step: `Watch` (does anything listen in the worktree's own block?), `Probe`
(are these ports free?), and in the end `Keep` or `Place`. The caller finds the facts and calls it
again. The same facts give the same ports.

A worktree keeps its block as long as the block has all requested names. If a name is missing, a
block with a listener stays and gets more ports. A block without a listener moves to the lowest
place where all names fit, as npm portweave moves it.
"""

from portweave import errors
from portweave.allocator.naming import BLANKS, instance_name, is_own_namespace
from portweave.allocator.ports.model import (
    Entry,
    Key,
    Pool,
)
from portweave.encoding.value import value

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

DEFAULT_POOL = Pool(30000, 60000)
PROBES = 100

_LOWEST_PORT = 1024
_PORTS_END = 65536


@value
class Request:
    """The ports that a worktree needs.

    Attributes:
        key: The worktree.
        names: The instances, in the order of the block.
        pool: The range for a new block.
        offset: Where in the pool the block must begin; None for anywhere.
    """

    key: Key
    names: "Sequence[str]"
    pool: Pool
    offset: int | None = None

    @property
    def pinned(self) -> int | None:
        """The port at which the block must begin; None for anywhere."""
        return None if self.offset is None else self.pool.start + self.offset


@value
class Watch:
    """Find out which of these ports, all of the worktree's own block, have a listener."""

    ports: "tuple[int, ...]"


@value
class Probe:
    """Find out whether these ports are free, in this order, up to the first that is not."""

    ports: "tuple[int, ...]"


@value
class Keep:
    """The worktree has all ports that it needs.

    Attributes:
        entry: The block.
        unpinned: Whether it lies elsewhere than requested, because it has a listener.
    """

    entry: Entry
    unpinned: bool = False


@value
class Place:
    """The worktree gets these ports.

    Attributes:
        ports: All ports of its new entry.
        unpinned: Whether they lie elsewhere than requested, because the block has a listener.
    """

    ports: dict[str, int]
    unpinned: bool = False


def pool_from(text: str) -> Pool | None:
    """The pool in `PORTWEAVE_POOL_RANGE`, such as `30000-60000`; None if it names none."""
    start, dash, end = text.partition("-")
    numbers = [part.strip(BLANKS) for part in (start, end)]
    if not dash or not all(part.isascii() and part.isdigit() for part in numbers):
        return None
    if any(len(part.lstrip("0")) > len("9007199254740991") for part in numbers):
        return None
    pool = Pool(int(numbers[0]), int(numbers[1]))
    return pool if _LOWEST_PORT <= pool.start < pool.end else None


def chosen_pool(text: str) -> tuple[Pool, str | None]:
    """The pool in `PORTWEAVE_POOL_RANGE`, or the default pool.

    Returns:
        The pool, and a warning if the text names none.
    """
    pool = pool_from(text) if text else DEFAULT_POOL
    if pool is not None:
        return pool, None
    default = f"{DEFAULT_POOL.start}-{DEFAULT_POOL.end}"
    return DEFAULT_POOL, (
        f'PORTWEAVE_POOL_RANGE="{text}" ignored — using default {default}'
        " (format: <start>-<end>, integers, start >= 1024, end > start)"
    )


def block_order(services: "Iterable[tuple[str, str | None, int]]") -> list[str]:
    """The names of all instances, in the order of their ports.

    A service comes where it is written, or right after the first of its group. Further instances of
    a service come right after its first.

    Args:
        services: Name, group and number of instances of each service, in the order of the file.
    """
    rank_of_group: dict[str, int] = {}
    ranked: list[tuple[int, int, str, int]] = []
    for index, (name, group, scale) in enumerate(services):
        rank = index if group is None else rank_of_group.setdefault(group, index)
        ranked.append((rank, index, name, scale))
    return [
        instance_name(name, number)
        for _, _, name, scale in sorted(ranked)
        for number in range(1, scale + 1)
    ]


def first_fit(occupied: "Collection[int]", count: int, pool: Pool) -> int | None:
    """The lowest port in the pool from which `count` ports are not occupied; None if there is none.

    Args:
        occupied: Ports that are not available.
        count: How many consecutive ports to find.
        pool: Where to look.
    """
    start, end = pool.start, min(pool.end, _PORTS_END)
    for port in sorted(occupied):
        if port < start:
            continue
        if port >= start + count:
            break
        start = port + 1
    return start if start + count <= end else None


def entry_of(entries: "Iterable[Entry]", key: Key) -> Entry | None:
    """The first entry of a worktree; None if there is none."""
    root = key.worktree_root
    for entry in entries:
        if entry.key.worktree_root == root and entry.key == key:
            return entry
    return None


def adopted(entries: "Sequence[Entry]", key: Key) -> "tuple[list[Entry], str | None]":
    """The entries, after those of a worktree's folder were changed to its key.

    A folder belongs to one repository. An entry with another one is from before the repository was
    moved, made, or replaced by another. The folder keeps its ports.

    Args:
        entries: The registry.
        key: The worktree's key.

    Returns:
        The entries, and the repository of a changed entry: "" for a plain folder, None if no entry
        was changed.
    """
    root, common_dir = key.worktree_root, key.git_common_dir
    if not any(_is_former(entry.key, key) for entry in entries):
        return list(entries), None
    known = {entry.key for entry in entries}
    found: list[Entry] = []
    former: str | None = None
    for entry in entries:
        if not _is_former(entry.key, key):
            found.append(entry)
            continue
        namespace = entry.key.namespace
        if is_own_namespace(namespace, root) and is_own_namespace(key.namespace, root):
            namespace = key.namespace
        renewed = Key(common_dir, namespace, root)
        if renewed in known:
            continue
        known.add(renewed)
        former = former or entry.key.git_common_dir or ""
        found.append(Entry(renewed, entry.last_used_at, namespace, entry.ports))
    return found, former


def _is_former(key: Key, own: Key) -> bool:
    return key.worktree_root == own.worktree_root and key.git_common_dir != own.git_common_dir


def covers(entry: Entry, request: Request) -> bool:
    """Whether a block has all requested names, in the requested place."""
    ports = entry.ports
    if any(name not in ports for name in request.names):
        return False
    return request.offset is None or not ports or min(ports.values()) == request.pinned


def decide(
    entries: "Sequence[Entry]", request: Request, taken: "Mapping[int, bool]"
) -> Watch | Probe | Keep | Place:
    """The next step towards the ports of a worktree.

    Args:
        entries: The registry.
        request: What the worktree needs.
        taken: The results of earlier steps: for each port, whether it is in use.

    Raises:
        PoolExhaustedError: There is no place for the block.
        PinTakenError: `PORTWEAVE_OFFSET` names a port of another worktree, or with a listener.
    """
    entry = entry_of(entries, request.key)
    if entry is not None:
        if covers(entry, request):
            return Keep(entry)
        own = tuple(sorted(entry.ports.values()))
        if any(port not in taken for port in own):
            return Watch(own)
        if any(taken[port] for port in own):
            return _stand(entries, entry, request, taken)
    if request.pinned is not None:
        return _pin(entries, request, request.pinned, taken)
    return _move(entries, request, taken)


def _stand(
    entries: "Sequence[Entry]", entry: Entry, request: Request, taken: "Mapping[int, bool]"
) -> Probe | Keep | Place:
    """Add missing names to a block with a listener: right behind it, or wherever they fit."""
    unpinned = request.pinned not in {None, min(entry.ports.values())}
    missing = [name for name in request.names if name not in entry.ports]
    if not missing:
        return Keep(entry, unpinned=unpinned)
    occupied = _occupied(entries)
    behind = tuple(range(max(entry.ports.values()) + 1, _PORTS_END))[: len(missing)]
    # The pool may have changed since the block was placed.
    in_pool = bool(behind) and request.pool.start <= behind[0] and behind[-1] < request.pool.end
    fits = len(behind) == len(missing) and in_pool
    if fits and not any(port in occupied or taken.get(port) for port in behind):
        unknown = tuple(port for port in behind if port not in taken)
        if unknown:
            return Probe(unknown)
        return Place(entry.ports | dict(zip(missing, behind, strict=True)), unpinned=unpinned)
    found: list[int] = []
    for port in range(request.pool.start, min(request.pool.end, _PORTS_END)):
        if len(found) == len(missing):
            break
        if port not in occupied and not taken.get(port):
            found.append(port)
    if len(found) < len(missing):
        raise errors.PoolExhaustedError(
            "Port pool exhausted: no contiguous block available in registry"
        )
    unknown = tuple(port for port in found if port not in taken)
    if unknown:
        _check_patience(occupied, taken)
        return Probe(unknown)
    return Place(entry.ports | dict(zip(missing, found, strict=True)), unpinned=unpinned)


def _pin(
    entries: "Sequence[Entry]", request: Request, start: int, taken: "Mapping[int, bool]"
) -> Probe | Place:
    """The block at the place that `PORTWEAVE_OFFSET` names."""
    end = start + len(request.names)
    if end > min(request.pool.end, _PORTS_END):
        raise errors.PinTakenError(
            f"PORTWEAVE_OFFSET={request.offset} leaves no room for {len(request.names)} ports"
            f" in the pool {request.pool.start}-{request.pool.end}"
        )
    wanted = range(start, end)
    for entry in entries:
        if entry.key == request.key:
            continue
        for port in entry.ports.values():
            if port in wanted:
                raise errors.PinTakenError(
                    f"PORTWEAVE_OFFSET={request.offset}: port {port} belongs to the worktree"
                    f" {entry.key.worktree_root}",
                    port=port,
                )
    for port in wanted:
        if taken.get(port):
            raise errors.PinTakenError(
                f"PORTWEAVE_OFFSET={request.offset}: port {port} is in use",
                port=port,
                by_listener=True,
            )
    return _place(request.names, wanted, taken)


def _move(
    entries: "Sequence[Entry]", request: Request, taken: "Mapping[int, bool]"
) -> Probe | Place:
    """The lowest free block of the pool that belongs to no worktree."""
    occupied = _occupied(entries)
    _check_patience(occupied, taken)
    busy = {port for port, is_taken in taken.items() if is_taken}
    start = first_fit(occupied | busy, len(request.names), request.pool)
    if start is None:
        raise errors.PoolExhaustedError(
            "Port pool exhausted: no contiguous block available in registry"
        )
    return _place(request.names, range(start, start + len(request.names)), taken)


def _place(names: "Sequence[str]", ports: range, taken: "Mapping[int, bool]") -> Probe | Place:
    unknown = tuple(port for port in ports if port not in taken)
    return Probe(unknown) if unknown else Place(dict(zip(names, ports, strict=True)))


def _occupied(entries: "Sequence[Entry]") -> set[int]:
    return {port for entry in entries for port in entry.ports.values()}


def _check_patience(occupied: set[int], taken: "Mapping[int, bool]") -> None:
    strangers = sum(is_taken and port not in occupied for port, is_taken in taken.items())
    if strangers >= PROBES:
        raise errors.PoolExhaustedError(
            "Port pool exhausted: too many externally-bound ports prevented allocation"
        )


def settle(
    entries: "Sequence[Entry]",
    request: Request,
    *,
    listening: "Callable[[tuple[int, ...]], Collection[int]]",
    is_free: "Callable[[int], bool]",
) -> Keep | Place:
    """Call `decide` until it has decided, and find the facts that it asks for.

    Args:
        entries: The registry.
        request: What the worktree needs.
        listening: Returns which of some ports have a listener.
        is_free: Whether a port is free.

    Raises:
        PoolExhaustedError: There is no place for the block.
        PinTakenError: `PORTWEAVE_OFFSET` names a port of another worktree, or with a listener.
    """
    taken: dict[int, bool] = {}
    while True:
        step = decide(entries, request, taken)
        if isinstance(step, Keep | Place):
            return step
        if isinstance(step, Watch):
            busy = listening(step.ports)
            taken |= {port: port in busy for port in step.ports}
            continue
        for port in step.ports:
            taken[port] = not is_free(port)
            if taken[port]:
                break
