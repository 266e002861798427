from collections.abc import Collection

import pytest

from portweave.allocator.naming import path_digest
from portweave.allocator.ports.assign import (
    Keep,
    Place,
    Probe,
    Request,
    Watch,
    adopted,
    block_order,
    decide,
    first_fit,
    pool_from,
    settle,
)
from portweave.allocator.ports.model import (
    Entry,
    Key,
    Pool,
)
from portweave.errors import PinTakenError, PoolExhaustedError

POOL = Pool(30000, 30010)
HERE, THERE = Key("/r/.git", "main", "/r"), Key("/s/.git", "main", "/s")
TIME = "2026-01-31T12:34:56.789Z"


def entry(ports: dict[str, int], key: Key = HERE) -> Entry:
    return Entry(key, TIME, key.namespace, ports)


def settled(
    entries: list[Entry],
    names: str,
    *,
    busy: Collection[int] = (),
    pool: Pool = POOL,
    offset: int | None = None,
) -> Keep | Place:
    return settle(
        entries,
        Request(HERE, names.split(), pool, offset),
        listening=lambda ports: [port for port in ports if port in busy],
        is_free=lambda port: port not in busy,
    )


def placed(entries: list[Entry], names: str, **options: object) -> dict[str, int]:
    step = settled(entries, names, **options)  # type: ignore[arg-type]
    assert isinstance(step, Place)
    return step.ports


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30000-60000", (30000, 60000)),
        (" 1024 - 1025 ", (1024, 1025)),
        ("1023-2000", None),
        ("2000-2000", None),
        ("2000-1999", None),
        ("2000", None),
        ("2000-3000-4000", None),
        ("-2000", None),
        ("2e3-3e3", None),
        ("٢٠٠٠-3000", None),
        ("2000-" + "9" * 5000, None),
    ],
)
def test_pool(text: str, expected: tuple[int, int] | None) -> None:
    pool = pool_from(text)
    assert (pool and (pool.start, pool.end)) == expected


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        pytest.param([("b", None, 1), ("a", None, 1)], "b a", id="file order"),
        pytest.param(
            [("a", "x", 1), ("b", None, 1), ("c", "y", 1), ("d", "x", 1), ("e", "y", 1)],
            "a d b c e",
            id="a group stands where its first member does",
        ),
        pytest.param(
            [("a", "constructor", 1), ("b", None, 1), ("c", "constructor", 1)],
            "a c b",
            id="a group may have any name",
        ),
        pytest.param(
            [("web", "x", 3), ("api", None, 1), ("job", "x", 2)],
            "web web.2 web.3 job job.2 api",
            id="instances stand behind the first",
        ),
        pytest.param([("a", "", 1), ("b", None, 1), ("c", "", 1)], "a c b", id="a blank group"),
    ],
)
def test_block_order(services: list[tuple[str, str | None, int]], expected: str) -> None:
    assert block_order(services) == expected.split()


@pytest.mark.parametrize(
    ("occupied", "count", "expected"),
    [
        ([], 2, 30000),
        ([30000], 2, 30001),
        ([30001], 2, 30002),
        ([30001, 30004], 2, 30002),
        ([30008], 2, 30000),
        ([30001, 30003, 30005, 30007], 2, 30008),
        ([30001, 30003, 30005, 30007, 30009], 2, None),
        ([], 10, 30000),
        ([], 11, None),
        ([29999, 30010], 10, 30000),
        ([], 0, 30000),
    ],
)
def test_first_fit(occupied: list[int], count: int, expected: int | None) -> None:
    assert first_fit(occupied, count, POOL) == expected


def test_no_port_is_above_65535() -> None:
    assert first_fit([], 2, Pool(65534, 99999)) == 65534
    assert first_fit([], 3, Pool(65534, 99999)) is None


def test_a_new_block_is_the_lowest() -> None:
    assert placed([entry({"x": 30000}, THERE)], "web api") == {"web": 30001, "api": 30002}


def test_a_busy_port_is_passed_over() -> None:
    assert placed([], "web api", busy={30001}) == {"web": 30002, "api": 30003}


def test_a_block_is_kept_whatever_listens_and_wherever_it_lies() -> None:
    mine = entry({"web": 50000, "old": 50001})
    step = settled([mine], "web", busy={50000})
    assert isinstance(step, Keep)
    assert step.entry is mine
    assert not step.unpinned


def test_the_first_of_two_equal_entries_counts() -> None:
    first, second = entry({"web": 30004}), entry({"web": 30006})
    step = settled([first, second], "web")
    assert isinstance(step, Keep)
    assert step.entry is first


def test_a_block_that_lacks_a_name_moves_beyond_itself() -> None:
    mine = entry({"web": 30000, "api": 30001})
    assert placed([mine], "web api job") == {"web": 30002, "api": 30003, "job": 30004}


@pytest.mark.parametrize(
    ("others", "busy", "expected"),
    [
        pytest.param({}, {30001}, {"job": 30002, "db": 30003}, id="right behind"),
        pytest.param({"x": 30003}, {30000}, {"job": 30002, "db": 30004}, id="another's is there"),
        pytest.param({}, {30001, 30002}, {"job": 30003, "db": 30004}, id="a listener is there"),
        pytest.param(
            {"x": 30002, "y": 30003, "z": 30005},
            {30000},
            {"job": 30004, "db": 30006},
            id="the lowest free ones need not be neighbours",
        ),
    ],
)
def test_a_block_with_a_listener_stands_still(
    others: dict[str, int], busy: set[int], expected: dict[str, int]
) -> None:
    entries = [entry({"web": 30000, "api": 30001}), entry(others, THERE)]
    ports = placed(entries, "web job api db", busy=busy)
    assert ports == {"web": 30000, "api": 30001, **expected}


def test_a_standing_block_at_the_end_of_the_pool_takes_the_lowest() -> None:
    mine = entry({"web": 30009})
    assert placed([mine], "web job", busy={30009}) == {"web": 30009, "job": 30000}


def test_a_standing_block_in_a_full_pool_cannot_grow() -> None:
    full = entry({f"s{port}": port for port in range(30001, 30010)}, THERE)
    with pytest.raises(PoolExhaustedError, match="no contiguous block"):
        settled([entry({"web": 30000}), full], "web job", busy={30000})


def test_the_offset_pins_a_new_block() -> None:
    assert placed([], "web api", offset=4) == {"web": 30004, "api": 30005}


def test_the_offset_moves_a_block() -> None:
    assert placed([entry({"web": 30000})], "web", offset=4) == {"web": 30004}


def test_a_pinned_block_may_overlap_its_predecessor() -> None:
    mine = entry({"web": 30004})
    assert placed([mine], "web api", offset=4) == {"web": 30004, "api": 30005}


def test_a_block_at_its_pin_is_kept() -> None:
    step = settled([entry({"web": 30004, "old": 30005})], "web", offset=4, busy={30004})
    assert isinstance(step, Keep)
    assert not step.unpinned


def test_a_listener_holds_a_block_against_its_pin() -> None:
    step = settled([entry({"web": 30000})], "web", offset=4, busy={30000})
    assert isinstance(step, Keep)
    assert step.unpinned
    grown = settled([entry({"web": 30000})], "web api", offset=4, busy={30000})
    assert isinstance(grown, Place)
    assert grown.unpinned


def test_a_pin_on_the_port_of_another_worktree_names_it() -> None:
    with pytest.raises(PinTakenError, match="port 30005 belongs to the worktree /s"):
        settled([entry({"x": 30005}, THERE)], "web api", offset=4)


def test_a_pin_on_a_listener_names_the_port() -> None:
    with pytest.raises(PinTakenError, match="port 30005 is in use") as caught:
        settled([], "web api", offset=4, busy={30005})
    assert (caught.value.port, caught.value.by_listener) == (30005, True)


@pytest.mark.parametrize("offset", [9, 10, 2**53 - 1])
def test_a_pin_without_room_is_refused(offset: int) -> None:
    with pytest.raises(PinTakenError, match="leaves no room for 2 ports"):
        settled([], "web api", offset=offset)


def test_a_full_pool_is_exhausted() -> None:
    with pytest.raises(PoolExhaustedError, match="no contiguous block"):
        settled([], "web", busy=range(30000, 30010))


@pytest.mark.parametrize(
    ("strangers", "is_enough"), [pytest.param(99, True), pytest.param(100, False)]
)
def test_a_hundred_ports_in_use_by_others_are_too_many(strangers: int, is_enough: bool) -> None:
    busy, pool = range(30000, 30000 + strangers), Pool(30000, 60000)
    if is_enough:
        assert placed([], "web", busy=busy, pool=pool) == {"web": 30099}
    else:
        with pytest.raises(PoolExhaustedError, match="too many externally-bound ports"):
            settled([], "web", busy=busy, pool=pool)


def test_no_name_is_an_empty_block() -> None:
    assert placed([], "") == {}
    assert isinstance(settled([entry({})], ""), Keep)


def test_each_step_asks_only_for_what_is_not_known() -> None:
    request = Request(HERE, ["web", "api"], POOL)
    mine = [entry({"web": 30000})]
    first = decide(mine, request, {})
    assert isinstance(first, Watch)
    assert first.ports == (30000,)
    second = decide(mine, request, {30000: True})
    assert isinstance(second, Probe)
    assert second.ports == (30001,)
    third = decide(mine, request, {30000: True, 30001: False})
    assert isinstance(third, Place)


@pytest.mark.parametrize(
    ("keys", "expected", "former"),
    [
        # The repository was moved.
        ([("/old/.git", "w-1")], [("/r/.git", "main")], "/old/.git"),
        (
            [("/old/.git", "main"), ("/old/.git", "demo")],
            [("/r/.git", "main"), ("/r/.git", "demo")],
            "/old/.git",
        ),
        # A plain folder became a repository.
        ([(None, "main")], [("/r/.git", "main")], ""),
        # An entry of its own is kept.
        ([("/r/.git", "main"), ("/old/.git", "main")], [("/r/.git", "main")], None),
        (
            [("/r/.git", "main"), ("/r/.git", "demo")],
            [("/r/.git", "main"), ("/r/.git", "demo")],
            None,
        ),
    ],
)
def test_a_folder_has_one_repository(
    keys: list[tuple[str | None, str]],
    expected: list[tuple[str | None, str]],
    former: str | None,
) -> None:
    """The namespace of a linked worktree ends in the digest of its path."""
    own = path_digest("/r")[:8]
    made = [Key(common, name.replace("w-1", f"w-{own}"), "/r") for common, name in keys]
    others = [entry({"b": 30009}, THERE)]
    entries = [entry({"a": 30000 + n}, key) for n, key in enumerate(made)]
    found, was = adopted([*entries, *others], HERE)
    assert [(e.key.git_common_dir, e.key.namespace) for e in found[:-1]] == expected
    assert found[-1:] == others
    assert was == former
    assert all(e.namespace == e.key.namespace for e in found)
    assert found[0].ports == entries[0].ports
