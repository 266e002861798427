"""The filter of GOAWAY frames, with bytes in any pieces."""

import pytest

from portweave.supervisor.proxy.http.goaway import (
    Goaway,
    GoawayFilter,
    is_settings,
)

SETTINGS = b"\0\0\6\4\0\0\0\0\0" + b"\0\3\0\0\0\1"
PING = b"\0\0\x08\6\0\0\0\0\0" + b"12345678"
EMPTY = b"\0\0\0\4\1\0\0\0\0"
FAREWELL = b"\0\0\x08\7\0\0\0\0\0" + b"\x7f\xff\xff\xff\0\0\0\0"
REASON = b"\0\0\x0b\7\0\0\0\0\0" + b"\x80\0\0\3\0\0\0\x0bwhy"
SHORT = b"\0\0\4\7\0\0\0\0\0" + b"\0\0\0\1"


@pytest.mark.parametrize("size", [1, 2, 8, 9, 10, 17, 1000])
@pytest.mark.parametrize(
    ("data", "passed", "found"),
    [
        (SETTINGS + PING + EMPTY, SETTINGS + PING + EMPTY, []),
        (SETTINGS + FAREWELL + PING, SETTINGS + PING, [Goaway(0x7FFF_FFFF, 0)]),
        (FAREWELL + EMPTY + REASON, EMPTY, [Goaway(0x7FFF_FFFF, 0), Goaway(3, 11)]),
        # A short frame passes: the library reports its error.
        (SHORT + PING, SHORT + PING, []),
        (SETTINGS + FAREWELL[:12], SETTINGS, []),
    ],
)
def test_goaway_frames_are_removed(
    data: bytes, passed: bytes, found: list[Goaway], size: int
) -> None:
    kept = GoawayFilter()
    pieces = [kept.feed(data[at : at + size]) for at in range(0, len(data), size)]
    assert b"".join(piece for piece, _ in pieces) == passed
    assert [goaway for _, goaways in pieces for goaway in goaways] == found


def test_an_http_2_server_is_known_by_its_settings_frame() -> None:
    assert is_settings(SETTINGS)
    for data in (PING, FAREWELL, b"HTTP/1.1 200 OK\r\n", SETTINGS[:8], b""):
        assert not is_settings(data)
