import pytest

from portweave.supervisor.logs.index import (
    ERR,
    OUT,
    RECORD_BYTES,
    START,
    first_where,
    pack,
    segments,
    stem,
    unpack,
)

ONE = pack(0, 1_700_000_000_000_000_000, 4, 1, OUT)
TWO = pack(4, 1_700_000_000_000_000_001, (1 << 32) - 1, 7, ERR)


def fields(data: bytes) -> list[tuple[int, ...]]:
    return [(r.offset, r.time_ns, r.length, r.run, r.kind) for r in unpack(data)]


def test_what_is_packed_is_unpacked() -> None:
    assert len(ONE) == RECORD_BYTES == 32
    assert fields(ONE + TWO) == [
        (0, 1_700_000_000_000_000_000, 4, 1, OUT),
        (4, 1_700_000_000_000_000_001, (1 << 32) - 1, 7, ERR),
    ]


@pytest.mark.parametrize("size", range(RECORD_BYTES))
def test_a_torn_record_is_left_out(size: int) -> None:
    assert len(fields(ONE + TWO[:size])) == 1


@pytest.mark.parametrize("position", [0, 8, 16, 20, 24, 28, 31])
def test_a_damaged_record_ends_the_index(position: int) -> None:
    damaged = bytearray(ONE + TWO + ONE)
    damaged[RECORD_BYTES + position] ^= 0x40
    assert len(fields(bytes(damaged))) == 1


def test_zeros_that_a_power_cut_leaves_are_no_record() -> None:
    assert fields(ONE + bytes(RECORD_BYTES)) == fields(ONE)


def test_a_record_ends_where_the_next_begins() -> None:
    first, second = unpack(ONE + TWO)
    assert first.end == second.offset
    assert next(unpack(pack(9, 1, 0, 1, START))).end == 9


@pytest.mark.parametrize("count", range(6))
def test_the_first_of_which_it_holds_is_found(count: int) -> None:
    for first in range(count + 1):
        assert first_where(count, first.__le__) == first


def test_segments_are_found_by_their_indexes_in_the_order_of_their_numbers() -> None:
    names = ["web.idx.10", "web.log", "web.log.9", "web.idx.9", "web.2.idx.1", "x.idx.", "a.idx.b"]
    assert segments(names) == {"web": [9, 10], "web.2": [1]}


def test_a_service_called_portweave_has_another_file_than_portweave() -> None:
    assert stem("web.2") == "web.2"
    assert stem("portweave") != "portweave"
    assert segments([f"{stem('portweave')}.idx.1"]) == {"portweave": [1]}
