"""The control socket accepts any bytes, split anywhere, and answers each request once."""

import asyncio
import json
import socket
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portweave.encoding.json_text import is_object
from portweave.errors import UsageError
from portweave.supervisor.control.server import (
    INVALID_PARAMS,
    MOST_REQUESTS,
    Connection,
    RefusedError,
    Stream,
)
from portweave.system.hangups import Hangups
from portweave.system.tasks import Group

pytestmark = pytest.mark.timeout(120)
# Making a loop for each example takes a while.
SETTINGS = settings(suppress_health_check=[HealthCheck.too_slow])


class Wire(asyncio.Transport):
    """Keeps what is written to it; its peer is this process."""

    def __init__(self, peer: socket.socket) -> None:
        super().__init__({"socket": peer})
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


async def serve(method: str, params: list[object], stream: Stream) -> list[object]:
    """Commands that behave oddly in all allowed ways."""
    match method:
        case "echo":
            return params
        case "later":
            stream({"params": params})
            await asyncio.sleep(0)
            return [method]
        case "refuse":
            raise RefusedError(INVALID_PARAMS, f"no {params}")
        case "fail":
            raise UsageError(str(params))
        case "odd":
            return [object()]
        case _:
            raise KeyError(method)


async def settle(connection: Connection) -> None:
    async with asyncio.timeout(5):
        while connection.is_busy:  # noqa: ASYNC110
            await asyncio.sleep(0)


def converse(data: bytes, cuts: list[int], *, half_close: bool) -> list[dict[str, object]]:
    """The answers to bytes that arrive in these pieces."""

    async def talk() -> bytes:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            wire = Wire(ours)
            async with Group() as tasks:
                connection = Connection(serve, tasks, set(), None, Hangups())
                connection.connection_made(wire)
                begin = 0
                for end in [*sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]:
                    if not wire.closed and begin < end:
                        connection.data_received(data[begin:end])
                    begin = end
                if half_close and not wire.closed:
                    connection.eof_received()
                await settle(connection)
                connection.connection_lost(None)
            return bytes(wire.written)

    lines = asyncio.run(talk()).split(b"\n")
    assert lines.pop() == b""
    return [json.loads(line.decode()) for line in lines]


TEXTS = st.text(max_size=8) | st.sampled_from(["\ud800", "w\udcff", "naïve\x00"])
KEYS = TEXTS | st.integers() | st.none() | st.booleans() | st.floats() | st.lists(st.none())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
METHODS = st.sampled_from(["echo", "later", "refuse", "fail", "odd", "$/cancel", "none", "\ud800"])
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "id": KEYS,
        "method": METHODS | VALUES,
        "params": st.lists(VALUES, max_size=3) | VALUES,
        "extra": VALUES,
    },
).map(lambda fields: json.dumps(fields).encode())
LINES = st.one_of(
    REQUESTS,
    st.binary(max_size=30).map(lambda data: data.replace(b"\n", b" ")),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"", b"  ", b"[" * 5000, b"1" * 5000, b"\xef\xbb\xbf{}"]),
)
CUTS = st.lists(st.integers(0, 10_000), max_size=8)


@SETTINGS
@given(st.lists(LINES, max_size=8), CUTS, st.booleans())
def test_each_line_with_an_id_is_answered_once(
    lines: list[bytes], cuts: list[int], half_close: bool
) -> None:
    data = b"\n".join(lines) + (b"" if half_close else b"\n")
    answers = [one for one in converse(data, cuts, half_close=half_close) if "method" not in one]
    expected: Counter[str] = Counter()
    bad = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            message: object = json.loads(line.decode(), parse_constant=int)
        except (ValueError, RecursionError):
            bad += 1
            continue
        if not is_object(message):
            bad += 1
            continue
        key = message.get("id")
        is_key = isinstance(key, (str, int)) and not isinstance(key, bool)
        if not isinstance(message.get("method"), str):
            bad += 1
        elif is_key:
            expected[repr(key)] += 1
        elif key is not None:
            bad += 1
        elif not isinstance(message.get("params", []), list):
            # A notification gets no answer but an error without an id.
            bad += 1
    assert Counter(repr(one["id"]) for one in answers if one["id"] is not None) == expected
    assert sum(one["id"] is None for one in answers) == bad
    assert all(("result" in one) != ("error" in one) for one in answers)


@SETTINGS
@given(st.binary(max_size=400), CUTS, st.booleans())
def test_arbitrary_bytes_do_no_harm(data: bytes, cuts: list[int], half_close: bool) -> None:
    whole = converse(data, [], half_close=half_close)
    assert converse(data, cuts, half_close=half_close) == whole


def test_requests_beyond_the_limit_are_refused_one_by_one() -> None:
    data = b"".join(b'{"id":%d,"method":"later"}\n' % number for number in range(MOST_REQUESTS + 9))
    answers = [one for one in converse(data, [], half_close=True) if "method" not in one]
    assert sorted(str(one["id"]) for one in answers) == sorted(map(str, range(MOST_REQUESTS + 9)))
    assert sum("error" in one for one in answers) == 9
