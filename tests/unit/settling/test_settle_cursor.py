"""A cursor of settle, which `logs --brief --after` takes too."""

import pytest

from portweave.settling.settle_cursor import pack_cursor, unpack_cursor
from portweave.supervisor.logs.cursor import pack, unpack


def test_it_reads_back() -> None:
    text = pack_cursor({"web": (1, 7)}, 1_700_000_000_123_456_789)
    assert unpack_cursor(text) == ({"web": (1, 7)}, 1_700_000_000_123_456_789)


def test_logs_brief_takes_it_and_gives_one() -> None:
    assert unpack(pack_cursor({"web": (1, 7)}, 5))["web"] == (1, 7)
    assert unpack_cursor(pack({"web": (1, 7)})) == ({"web": (1, 7)}, None)


def test_one_of_many_services_is_the_time_alone() -> None:
    places = {f"service-{number}": (1, number) for number in range(200)}
    assert unpack_cursor(pack_cursor(places, 5)) == ({}, 5)


@pytest.mark.parametrize("text", ["x", "web:1", "web:a:b", ":1:2"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no place"):
        unpack_cursor(text)
