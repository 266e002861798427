"""Laws of allocation, whatever the registry holds and whatever listens."""

from hypothesis import example, given
from hypothesis import strategies as st

from portweave.allocator.ports.assign import (
    Keep,
    Place,
    Request,
    block_order,
    first_fit,
    settle,
)
from portweave.allocator.ports.model import (
    Entry,
    Key,
    Pool,
)
from portweave.errors import PinTakenError, PoolExhaustedError

POOL = Pool(30000, 30040)
TIME = "2026-01-31T12:34:56.789Z"
NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6)
PORTS = st.integers(POOL.start - 3, POOL.end + 3)


def key(number: int) -> Key:
    return Key("/r/.git", f"n{number}", f"/w{number}")


@st.composite
def registries(draw: st.DrawFn) -> list[Entry]:
    ports = draw(st.lists(PORTS, unique=True, max_size=20))
    entries: list[Entry] = []
    while ports:
        names = draw(NAMES)[: len(ports)] or ["z"]
        held = {name: ports.pop() for name in names}
        entries.append(Entry(key(len(entries)), TIME, f"n{len(entries)}", held))
    return entries


REQUESTS = st.builds(
    Request,
    st.builds(key, st.integers(0, 4)),
    NAMES,
    st.just(POOL),
    st.none() | st.integers(0, 45),
)


def settled(entries: list[Entry], request: Request, busy: set[int]) -> Keep | Place | None:
    try:
        return settle(
            entries,
            request,
            listening=lambda ports: [port for port in ports if port in busy],
            is_free=lambda port: port not in busy,
        )
    except (PoolExhaustedError, PinTakenError):
        return None


def held_by(entries: list[Entry], request: Request) -> dict[str, int]:
    for entry in entries:
        if entry.key == request.key:
            return entry.ports
    return {}


@given(st.sets(PORTS), st.integers(0, 8))
def test_first_fit_is_free_and_the_lowest(occupied: set[int], count: int) -> None:
    fits = [
        start
        for start in range(POOL.start, POOL.end - count + 1)
        if occupied.isdisjoint(range(start, start + count))
    ]
    assert first_fit(occupied, count, POOL) == (fits[0] if fits else None)


@given(registries(), REQUESTS, st.sets(PORTS))
@example(
    [Entry(key(0), TIME, "n0", {"z": POOL.start - 3})],
    Request(key(0), ["z", "a"], POOL, None),
    {POOL.start - 3},
)
def test_placed_ports_are_free_and_belong_to_no_other_worktree(
    entries: list[Entry], request: Request, busy: set[int]
) -> None:
    step = settled(entries, request, busy)
    if not isinstance(step, Place):
        return
    mine = held_by(entries, request)
    others = {
        port for entry in entries if entry.key != request.key for port in entry.ports.values()
    }
    new = {name: port for name, port in step.ports.items() if mine.get(name) != port}
    assert set(request.names) <= step.ports.keys()
    assert len(set(step.ports.values())) == len(step.ports)
    assert others.isdisjoint(step.ports.values())
    assert busy.isdisjoint(new.values())
    assert all(POOL.start <= port < POOL.end for port in new.values())


@given(registries(), REQUESTS, st.sets(PORTS))
def test_a_listener_in_the_block_keeps_all_of_it(
    entries: list[Entry], request: Request, busy: set[int]
) -> None:
    mine = held_by(entries, request)
    step = settled(entries, request, busy)
    if step is None or busy.isdisjoint(mine.values()):
        return
    after = step.ports if isinstance(step, Place) else step.entry.ports
    assert mine.items() <= after.items()


@given(registries(), REQUESTS, st.sets(PORTS))
def test_without_a_listener_a_new_block_is_contiguous_and_in_order(
    entries: list[Entry], request: Request, busy: set[int]
) -> None:
    mine = held_by(entries, request)
    step = settled(entries, request, busy)
    if not isinstance(step, Place) or not busy.isdisjoint(mine.values()):
        return
    ports = [step.ports[name] for name in request.names]
    assert list(step.ports) == list(request.names)
    assert ports == list(range(ports[0], ports[0] + len(ports))) if ports else True
    if request.pinned is not None and ports:
        assert ports[0] == request.pinned


@given(registries(), REQUESTS, st.sets(PORTS), st.sets(PORTS))
def test_a_placed_block_is_kept(
    entries: list[Entry], request: Request, busy: set[int], later: set[int]
) -> None:
    step = settled(entries, request, busy)
    if not isinstance(step, Place) or step.unpinned:
        return
    entry = Entry(request.key, TIME, request.key.namespace, step.ports)
    others = [other for other in entries if other.key != request.key]
    if request.pinned not in {None, min(step.ports.values(), default=None)}:
        # The block kept its place although it was pinned elsewhere.
        return
    again = settled([*others, entry], request, later)
    assert isinstance(again, Keep)
    assert again.entry is entry


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdefgh"), st.none() | st.sampled_from("xyz"), st.integers(1, 3)
        ),
        unique_by=lambda service: service[0],
    )
)
def test_groups_and_instances_are_neighbours(services: list[tuple[str, str | None, int]]) -> None:
    order = block_order(services)
    group_of = {name: group for name, group, _ in services}
    assert len(order) == sum(scale for _, _, scale in services)
    firsts = [name for name in order if "." not in name]
    for members in ({n for n in firsts if group_of[n] == group} for group in "xyz"):
        places = [place for place, name in enumerate(firsts) if name in members]
        assert places == list(range(places[0], places[0] + len(places))) if places else True
    for name, _, scale in services:
        place = order.index(name)
        assert order[place : place + scale] == [name, *(f"{name}.{n}" for n in range(2, scale + 1))]
