import struct

from hypothesis import given
from hypothesis import strategies as st

from portweave.supervisor.core.inotify import IN_CREATE, IN_DELETE, IN_ISDIR, Told, parse


def packed(watch: int, mask: int, name: bytes, padding: int = 0) -> bytes:
    text = name + bytes(padding) if name else b""
    return struct.pack("iIII", watch, mask, 0, len(text)) + text


NAMES = st.binary(max_size=255).map(lambda name: name.replace(b"\0", b"x"))
EVENTS = st.lists(
    st.builds(Told, st.integers(-1, 2**31 - 1), st.integers(0, 2**32 - 1), NAMES), max_size=5
)


@given(EVENTS, st.integers(1, 16))
def test_what_is_told_reads_back_whatever_the_padding(events: list[Told], padding: int) -> None:
    data = b"".join(packed(told.watch, told.mask, told.name, padding) for told in events)
    assert list(parse(data)) == events


@given(st.binary(max_size=100))
def test_no_bytes_are_an_error(data: bytes) -> None:
    assert all(len(told.name) <= len(data) for told in parse(data))


def test_an_event_is_one_of_several() -> None:
    told = Told(1, IN_CREATE | IN_ISDIR, b"src")
    assert told.is_about(IN_DELETE, IN_CREATE)
    assert not told.is_about(IN_DELETE)
