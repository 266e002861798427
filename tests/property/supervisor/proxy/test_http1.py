"""Properties of the proxy: it survives any bytes, and their splitting does not matter."""

import asyncio
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portweave.routes import RouteInfo
from portweave.supervisor.proxy.http.http1_heads import (
    From,
    Refusal,
    Request,
    read_request,
    request_head,
)
from portweave.supervisor.proxy.http.proxy_server import ProxyServer
from portweave.supervisor.proxy.routing.host_table import (
    Directory,
    split_host,
)

REQUESTS = (
    b"GET /1 HTTP/1.1\r\nHost: a.localhost\r\n\r\n"
    b"POST /2 HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 5\r\n\r\nhello"
    b"POST /3 HTTP/1.1\r\nHost: a.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: 1\r\n\r\n"
    b"GET /4 HTTP/1.1\r\nHost: b.localhost\r\n\r\n"
    b"GET /5 HTTP/1.1\r\nHost: a.localhost\r\nConnection: close\r\n\r\n"
)
ANSWER = (
    b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\none\r\n4\r\ntwo!\r\n0\r\nX-T: 2\r\n\r\n"
)
# Fragments of attacks, and input that parsers often get wrong.
PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\n", b"Host: a.localhost\r\n", b"\r\n"),
                *(b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"abc", b"0\r\n"),
                *(
                    b"Connection: Upgrade\r\n",
                    b"Upgrade: x\r\n",
                    b"Connection: close\r\n",
                    b"5\r\n",
                ),
                *(b"Expect: 100-continue\r\n", b"TE: trailers\r\n", b"CONNECT a:1 HTTP/1.1\r\n"),
                REQUESTS,
            ]
        ),
        st.binary(max_size=20),
    ),
    max_size=12,
).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(ends)]


async def exchange(pieces: list[bytes], answer: list[bytes], *, loose: bool) -> tuple[bytes, bytes]:
    """Return the bytes at the client and at the service, without differences in chunks."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                seen.append(head)
                if b"Content-Length: 5" in head:
                    seen.append(await reader.readexactly(5))
                elif b"chunked" in head:
                    seen.append(unchunked(await reader.readuntil(b"0\r\nX-T: 1\r\n\r\n")))
                for piece in answer:
                    writer.write(piece)
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            writer.close()

    errors: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: errors.append(f"{context['message']} {context.get('exception')!r}")
    )
    behind = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = behind.sockets[0].getsockname()[1]
    got = b""
    async with ProxyServer(lambda: [RouteInfo("a.localhost", port)], 1355) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", await server.listen(0))
        try:
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0)
            if loose:
                writer.write_eof()
            async with asyncio.timeout(5):
                got = await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()
        if loose:
            # The proxy still serves the next request.
            reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
            writer.write(b"GET / HTTP/1.1\r\nHost: c.localhost\r\n\r\n")
            async with asyncio.timeout(5):
                assert b" 404 " in await reader.readuntil(b"\r\n\r\n")
            writer.close()
        await server.close(0)
    behind.close()
    assert errors == []
    return got, b"".join(seen)


def unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        if not int(size, 16):
            return whole + body
        whole += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return whole


def plain(got: bytes) -> bytes:
    """Return the answers with chunked bodies joined."""
    parts = got.split(b"Transfer-Encoding: chunked\r\n")
    found = [parts[0]]
    for part in parts[1:]:
        head, _, rest = part.partition(b"\r\n\r\n")
        body, end, after = rest.partition(b"0\r\nX-T: 2\r\n\r\n")
        found += [head, unchunked(body + end), after]
    return b"|".join(found)


@pytest.fixture(scope="module")
def expected() -> tuple[bytes, bytes]:
    got, seen = asyncio.run(exchange([REQUESTS], [ANSWER], loose=False))
    assert got.count(b"HTTP/1.1 200 OK") == 4
    assert got.count(b" 404 ") == 1
    return plain(got), seen


CUTS = st.lists(st.integers(0, 1000), max_size=12)
MODEST = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@MODEST
@given(CUTS, CUTS)
def test_the_splitting_of_bytes_does_not_matter(
    expected: tuple[bytes, bytes], requests: list[int], answers: list[int]
) -> None:
    got, seen = asyncio.run(exchange(cut(REQUESTS, requests), cut(ANSWER, answers), loose=False))
    assert (plain(got), seen) == expected


def test_single_bytes_give_the_same_result(expected: tuple[bytes, bytes]) -> None:
    got, seen = asyncio.run(
        exchange([bytes([b]) for b in REQUESTS], [bytes([b]) for b in ANSWER], loose=False)
    )
    assert (plain(got), seen) == expected


@MODEST
@given(PIECES, CUTS)
def test_no_request_breaks_the_proxy(data: bytes, cuts: list[int]) -> None:
    asyncio.run(exchange(cut(data, cuts), [ANSWER], loose=True))


@MODEST
@given(PIECES, CUTS)
def test_no_answer_breaks_the_proxy(data: bytes, cuts: list[int]) -> None:
    request = b"GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n"
    answer = data.replace(b"GET / HTTP/1.1", b"HTTP/1.1 200 OK").replace(b"POST /", b"HTTP/1.1 101")
    asyncio.run(exchange([request], cut(answer, cuts), loose=True))


NAMES = st.text("abAB.-_:[]1 \x80", max_size=12)


@given(NAMES.map(lambda text: text.encode("latin-1")))
def test_a_host_is_accepted_or_refused(host: bytes) -> None:
    found = split_host(host)
    if found is not None:
        assert found[0] == found[0].lower()
        assert found[0]


@given(st.lists(st.text("ab.", min_size=1, max_size=6), max_size=6), st.text("ab.", max_size=8))
def test_the_longest_parent_is_found(names: list[str], name: str) -> None:
    routes = [RouteInfo(own, 1) for own in names]
    found = Directory(routes, wildcard=True).find(name)
    parents = [own for own in names if name == own or name.endswith(f".{own}")]
    assert (found and found.hostname) == (max(parents, key=len) if parents else None)


FIELD_NAMES = st.sampled_from(
    [b"Host", b"host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"X-A", b"TE"]
)
FIELD_TEXTS = st.sampled_from(
    [
        b"",
        b"a.localhost",
        b"3",
        b"chunked",
        b"Chunked ",
        b"close",
        b"upgrade",
        b"x-a",
        b"host",
        b"1,1",
    ]
)


@given(
    st.lists(st.tuples(FIELD_NAMES, FIELD_TEXTS), max_size=6),
    st.sampled_from(["1.0", "1.1"]),
    st.booleans(),
)
def test_a_head_has_one_host_and_one_framing(
    fields: list[tuple[bytes, bytes]], version: str, keep_alive: bool
) -> None:
    came = From(b"127.0.0.1", b"http")
    request = read_request(b"POST", b"/", fields, version, came, keep_alive=keep_alive)
    if isinstance(request, Refusal):
        return
    head = request_head(request).lower()
    assert isinstance(request, Request)
    assert head.count(b"\r\nhost:") == 1
    assert head.count(b"\r\ncontent-length:") + head.count(b"\r\ntransfer-encoding:") <= 1
    assert head.endswith(b"\r\n\r\n")
    assert head.count(b"\r\n\r\n") == 1
