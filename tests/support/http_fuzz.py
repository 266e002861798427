"""Random requests and answers for fuzz tests of the proxy.

A request's target is a number. The number and the seed determine the client's actions and the
service's answer. So both ends know the other's bytes, and see lost, repeated or reordered bytes.
"""

import asyncio
import contextlib
import socket
import struct
from functools import lru_cache
from random import Random
from typing import NoReturn

# Seconds for one request on a busy machine.
PATIENCE_S = 60.0
SIZES = (0, 1, 2, 300, 300, 5_000, 16_384, 65_535, 65_536, 65_537, 200_000, 1_000_000)
LARGEST = 10_000_000
Fields = list[tuple[bytes, bytes]]


class WrongError(Exception):
    """A message differs from its plan."""


def dice(*seed: object) -> Random:
    """Return a random generator that depends on the seed alone."""
    return Random(" ".join(map(str, seed)))  # noqa: S311


NOISE = dice(1).randbytes(LARGEST + (1 << 20))


class Plan:
    """The plan of one request and its answer.

    Attributes:
        number: The request's target.
    """

    def __init__(self, seed: int, number: int) -> None:
        self.number = number
        self.random = random = dice(seed, number)
        self.kind = random.choices(
            ("plain", "echo", "early", "upgrade", "refused"), (60, 10, 8, 10, 4)
        )[0]
        self.method = random.choice((b"GET", b"GET", b"GET", b"POST", b"POST", b"HEAD", b"OPTIONS"))
        self.is_old = self.kind == "plain" and random.random() < 0.05
        self.ask_framing = random.choice(("none", "length", "chunked"))
        if self.kind in ("echo", "early"):
            self.method = b"POST"
            self.ask_framing = random.choice(("length", "chunked"))
        elif self.kind in ("upgrade", "refused"):
            self.method = b"GET"
        if self.method != b"POST":
            self.ask_framing = "none"
        if self.is_old and self.ask_framing == "chunked":
            self.ask_framing = "length"
        self.asked = self._body() if self.ask_framing != "none" or self.kind == "upgrade" else b""
        self.ask_trailers = self._trailers() if self.ask_framing == "chunked" else []
        self.expects = (
            self.kind == "plain" and self.ask_framing != "none"
            and not self.is_old and random.random() < 0.2
        )  # fmt: skip
        self.status = random.choice((200, 200, 200, 200, 201, 204, 304, 404, 500))
        if self.kind == "echo":
            self.status = 200
        self.answer_framing = random.choice(("length", "chunked", "chunked", "close"))
        self.answered = self.asked if self.kind == "echo" else self._body()
        if self.kind == "echo" and self.answer_framing == "length" and random.random() < 0.5:
            self.answer_framing = "chunked"
        self.is_bodiless = self.method == b"HEAD" or self.status in (204, 304)
        self.answer_trailers = self._trailers() if self.answer_framing == "chunked" else []
        self.interim = random.choice((0, 0, 0, 1, 2)) if not self.is_old else 0
        self.closes = random.random() < 0.15
        self.client_closes = self.is_old or random.random() < 0.1
        self.sends_ahead = random.random() < 0.3
        # Which end breaks the connection, after what share of its bytes, and whether by a reset.
        self.breaks = random.choices(
            ("", "client sending", "client reading", "service"), (80, 6, 6, 8)
        )[0]
        self.breaks_at = random.random()
        self.breaks_hard = random.random() < 0.5
        self.slow = random.choices(("", "client", "service"), (80, 10, 10))[0]
        self.upgrade_first = random.choice(("client", "service"))

    def __repr__(self) -> str:
        hidden = ("random", "asked", "answered")
        shown = {name: text for name, text in vars(self).items() if name not in hidden}
        return f"{shown} asked={len(self.asked)} answered={len(self.answered)}"

    def _body(self) -> bytes:
        size = LARGEST if self.random.random() < 0.01 else self.random.choice(SIZES)
        start = self.random.randrange(1 << 20)
        return NOISE[start : start + size]

    def _trailers(self) -> Fields:
        return [(b"x-behind", b"%d" % n) for n in range(self.random.choice((0, 0, 1, 3)))]

    def pieces(self, data: bytes) -> list[bytes]:
        """Cut data into the pieces to send."""
        most = self.random.choice((1 << 22, 1 << 22, 1 << 16, 5_000, 17))
        if len(data) > 100 * most:
            most = len(data) // 50
        found: list[bytes] = []
        while data:
            size = self.random.randint(1, most)
            found.append(data[:size])
            data = data[size:]
        return found


@lru_cache(4000)
def plan_of(seed: int, number: int) -> Plan:
    return Plan(seed, number)


async def nap(random: Random, *, slow: bool) -> None:
    """Let other tasks run for a random time."""
    dice = random.random()
    if slow and dice < 0.3:
        await asyncio.sleep(0.02)
    elif dice < 0.02:
        await asyncio.sleep(0.005)
    elif dice < 0.2:
        await asyncio.sleep(0)


def cut(writer: asyncio.StreamWriter, *, hard: bool) -> None:
    """Break a connection by a reset or an early close."""
    if hard:
        sock: socket.socket = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: Fields) -> bytes:
    return b"0\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % field for field in trailers)


async def read_head(reader: asyncio.StreamReader) -> tuple[bytes, Fields]:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head[:-4].split(b"\r\n")
    fields: Fields = []
    for line in lines:
        name, _, text = line.partition(b":")
        fields.append((name.strip().lower(), text.strip()))
    return first, fields


async def read_chunked(reader: asyncio.StreamReader, take: list[bytes]) -> Fields:
    """Append the pieces of a chunked body to `take`; return the trailers."""
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        if not size:
            break
        await read_exactly(reader, size, take)
        if await reader.readexactly(2) != b"\r\n":
            wrong("no line's end behind a chunk")
    trailers: Fields = []
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        name, _, text = line.partition(b":")
        trailers.append((name.lower(), text.strip()))
    return trailers


async def read_exactly(reader: asyncio.StreamReader, size: int, take: list[bytes]) -> None:
    while size:
        data = await reader.read(min(size, 1 << 16))
        if not data:
            raise asyncio.IncompleteReadError(b"", size)
        take.append(data)
        size -= len(data)


def wrong(why: str) -> NoReturn:
    raise WrongError(why)


def compare(what: str, found: bytes, expected: bytes, *, whole: bool = True) -> None:
    if found == expected or (not whole and expected.startswith(found)):
        return
    at = next(
        (n for n, (one, other) in enumerate(zip(found, expected, strict=False)) if one != other),
        min(len(found), len(expected)),
    )
    wrong(
        f"{what}: {len(found)} bytes, not {len(expected)}; other from {at} on:"
        f" {found[at : at + 60]!r}, not {expected[at : at + 60]!r}"
    )


async def tunnel(
    plan: Plan,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    mine: bytes,
    theirs: bytes,
    *,
    is_first: bool,
    breaks: bool,
) -> None:
    """Send and read concurrently; the second end to close waits for the first.

    Args:
        plan: The request's plan.
        reader: The connection's reader.
        writer: The connection's writer.
        mine: The bytes to send.
        theirs: The bytes to expect.
        is_first: Whether this end closes first.
        breaks: Whether this end breaks the connection.
    """
    random = dice(plan.number + is_first)
    is_broken = False

    async def send() -> None:
        nonlocal is_broken
        limit = int(len(mine) * plan.breaks_at)
        for start in range(0, len(mine), 1 << 15):
            if breaks and start >= limit:
                is_broken = True
                cut(writer, hard=plan.breaks_hard)
                return
            writer.write(mine[start : start + (1 << 15)])
            await writer.drain()
            await nap(random, slow=False)
        if is_first:
            with contextlib.suppress(OSError):
                writer.write_eof()

    async def read() -> bytes:
        seen: list[bytes] = []
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                seen.append(data)
                await nap(random, slow=bool(plan.slow) != is_first)
        if not is_first:
            await sending
        return b"".join(seen)

    sending = asyncio.ensure_future(send())
    try:
        seen = await read()
        await sending
    except ConnectionError:
        if not plan.breaks:
            raise
        return
    finally:
        sending.cancel()
    compare("what came by another protocol", seen, theirs, whole=not plan.breaks)
    if not is_broken and not is_first:
        with contextlib.suppress(OSError):
            writer.write_eof()
