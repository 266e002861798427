"""A law of the proxy's memory for heads: with it all is as it is without, but for the time."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portweave.routes import RouteInfo
from portweave.supervisor.proxy.http import (
    exchange,
    http1_parser,
)
from portweave.supervisor.proxy.http import proxy_server as proxy
from portweave.supervisor.proxy.http.backend import Backend
from portweave.supervisor.proxy.http.frontend import Client
from portweave.supervisor.proxy.http.head_cache import (
    HEAD_END,
    MOST_HEADS,
    HeadCache,
)
from portweave.supervisor.proxy.http.pool import Pool
from portweave.supervisor.proxy.http.proxy_server import ProxyServer

GET = b"GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n"
H2C = GET[:-2] + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
# The client's bytes, and what a service may say. Few, so that they come again and again.
ASKED = (
    GET,
    GET,
    GET[:1],
    GET[1:],
    GET + GET,
    GET + GET[:20],
    GET[20:],
    b"\r\n",
    b"\r\n" + GET,
    GET + b"\r\n",
    GET.replace(b"GET", b"HEAD"),
    GET.replace(b"1.1", b"1.0"),
    GET.replace(b"a.", b"b."),
    GET[:-2] + b"Connection: close\r\n\r\n",
    GET[:-2] + b"Content-Length: 2\r\n\r\nok",
    GET[:-2] + b"Content-Length: %d\r\n\r\n" % len(GET),
    GET[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    H2C,
    H2C + GET,
    GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"POST / HTTP/1.1\r\n\r\n",
    b"nonsense\r\n\r\n",
)
SAID = (
    OK + b"ok",
    OK + b"OK",
    OK,
    OK + b"ok\r\n",
    OK + b"o",
    b"k",
    OK + b"ok" + OK + b"ok",
    OK[:9],
    OK[9:] + b"ok",
    b"\r\n" + OK + b"ok",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early\r\n\r\n" + OK + b"ok",
    # As long as what is made of it.
    b"HTTP/1.1 103 Early\r\n\r\n" + OK[:-2] + b"Keep-Alive: %b\r\n\r\nok" % (b"a" * 17),
    OK[:-2] + b"Connection: close\r\n\r\nok",
    OK.replace(b"1.1", b"1.0") + b"ok",
    OK.replace(b": 2", b": 0"),
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    # As long, and not complete.
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabcdefghi",
    b"HTTP/1.1 200 OK\r\n\r\nok",
    b"",
)


class Wire(asyncio.Transport):
    """A connection of which all that is done to it is noted."""

    def __init__(self, notes: list[bytes], name: bytes) -> None:
        ends = {"peername": ("127.0.0.1", 5), "sockname": ("127.0.0.1", 6), "socket": self}
        super().__init__(ends)
        self._notes, self._name = notes, name
        self.is_open = True

    def _note(self, text: bytes) -> None:
        self._notes.append(self._name + b" " + text)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._note(bytes(data))

    def write_eof(self) -> None:
        self._note(b"no more")

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return not self.is_open

    def close(self) -> None:
        self._note(b"closed")
        self.is_open = False

    def abort(self) -> None:
        self._note(b"aborted")
        self.is_open = False

    def pause_reading(self) -> None:
        self._note(b"paused")

    def resume_reading(self) -> None:
        self._note(b"resumed")

    def setsockopt(self, *_option: object) -> None:
        self._note(b"to be reset")


class Services(Pool):
    """A service that takes each connection."""

    def __init__(self, notes: list[bytes]) -> None:
        super().__init__()
        self._notes = notes
        self.last: Backend | None = None

    def take(self, port: int) -> Backend | None:
        found = super().take(port)
        self.last = found or self.last
        return found

    async def connect(self, port: int) -> Backend:
        self._notes.append(b"connected")
        self.last = backend = Backend(port, self)
        backend.connection_made(Wire(self._notes, b"service"))
        return backend


@pytest.fixture(autouse=True)
def _no_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no service again: on a busy machine only one of two talks might last that long."""
    monkeypatch.setattr(exchange, "RETRY_S", 1000.0)


class Forgetful(HeadCache[Any, Any]):
    """One that never knows anything."""

    def keep(self, head: object, meaning: object) -> None:
        return


async def talk(
    steps: list[tuple[bool, bytes]], make: Callable[[], HeadCache[Any, Any]]
) -> tuple[list[bytes], int]:
    """What is done to both sides, and how much is known in the end."""
    notes: list[bytes] = []
    server = ProxyServer(lambda: [RouteInfo("a.localhost", 80)], 1355)
    server.pool = pool = Services(notes)
    server.requests = pool.answers = make()
    connection, wire = Client(server), Wire(notes, b"client")
    connection.connection_made(wire)
    for is_client, data in steps:
        if is_client and wire.is_open:
            connection.take(data)
        elif not is_client and (one := pool.last) is not None and one.is_open:
            if data:
                one.take(data)
            elif not one.take_end():
                one.close()
                one.connection_lost(None)
        for _ in range(4):
            await asyncio.sleep(0)
    known = len(server.requests)
    await server.close(0)
    return notes, known


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just(True), st.sampled_from(ASKED)),
        st.tuples(st.just(False), st.sampled_from(SAID)),
        st.sampled_from([(True, GET), (False, OK + b"ok")]),
    ),
    max_size=12,
)
AGAIN = [(True, GET), (False, OK + b"ok")]


@given(STEPS)
@example([*AGAIN, (True, H2C), (False, OK + b"ok"), (True, b"POST / HTTP/1.1\r\n\r\n")])
@example([*AGAIN, (True, GET + GET[:1]), (False, OK + b"ok"), (True, GET)])
@example([*AGAIN, (True, GET), (False, OK), (False, OK)])
def test_nothing_is_different(steps: list[tuple[bool, bytes]]) -> None:
    check([*AGAIN, *steps])


def check(steps: list[tuple[bool, bytes]]) -> None:
    """Nothing is different."""
    expected, _ = asyncio.run(talk(steps, Forgetful))
    assert asyncio.run(talk(steps, HeadCache))[0] == expected


@pytest.mark.parametrize("asked", ASKED)
def test_one_request_after_the_other(asked: bytes) -> None:
    for other in ASKED:
        check([(True, asked), AGAIN[1], (True, other), AGAIN[1], *AGAIN])


@pytest.mark.parametrize("said", SAID)
def test_one_answer_after_the_other(said: bytes) -> None:
    for other in SAID:
        check([AGAIN[0], (False, said), AGAIN[0], (False, other), *AGAIN])


@pytest.mark.parametrize("asked", ASKED)
def test_twice_is_as_once(asked: bytes) -> None:
    for said in SAID:
        once = [(True, asked), (False, said)]
        check([*AGAIN, *once, *once, *AGAIN])


@pytest.mark.parametrize(("make", "times"), [(Forgetful, 2), (HeadCache, 1)])
def test_what_comes_again_is_not_read_again(
    make: Callable[[], HeadCache[Any, Any]], times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    for module, name in ((http1_parser, "read_request"), (exchange, "read_answer")):
        whole = getattr(module, name)

        def note(*given: object, _whole: Callable[..., object] = whole, **named: object) -> object:
            read.append(_whole.__name__)
            return _whole(*given, **named)

        monkeypatch.setattr(module, name, note)
    asyncio.run(talk([*AGAIN, *AGAIN], make))
    assert read == ["read_request", "read_answer"] * times


@pytest.mark.parametrize("asked", [one for one in ASKED if not one.endswith(b"localhost\r\n\r\n")])
def test_what_is_not_plain_is_not_known(asked: bytes) -> None:
    _, known = asyncio.run(talk([(True, asked)], HeadCache))
    assert known == 0


def test_too_many_are_forgotten() -> None:
    cache: HeadCache[bytes, int] = HeadCache()
    for number in range(MOST_HEADS + 1):
        cache.keep(b"%d" % number + HEAD_END, number)
    assert len(cache) == 1
    assert cache.find(b"%d" % MOST_HEADS + HEAD_END) == MOST_HEADS
    cache.forget()
    assert cache.find(b"%d" % MOST_HEADS + HEAD_END) is None


class Told(HeadCache[Any, Any]):
    """One that tells when it forgets."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten = asyncio.Event()

    def forget(self) -> None:
        super().forget()
        self.forgotten.set()


def test_nothing_is_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "SWEEP_S", 0.01)

    async def leave() -> None:
        server = ProxyServer(lambda: [RouteInfo("a.localhost", 80)], 1355)
        server.requests = told = Told()
        connection = Client(server)
        connection.connection_made(Wire([], b"client"))
        connection.take(GET.replace(b"a.", b"b."))
        assert len(told) == 1
        assert not told.forgotten.is_set()
        connection.connection_lost(None)
        async with asyncio.timeout(5):
            await told.forgotten.wait()
        assert len(told) == 0
        await server.close(0)

    asyncio.run(leave())
