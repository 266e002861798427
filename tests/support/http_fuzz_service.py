"""The service of the HTTP fuzz test."""

import asyncio
import contextlib

from tests.support.http_fuzz import (
    Plan,
    chunk,
    compare,
    cut,
    dice,
    last_chunk,
    nap,
    plan_of,
    read_chunked,
    read_exactly,
    read_head,
    tunnel,
    wrong,
)


class Service:
    """Answers each request by its plan.

    Attributes:
        wrongs: Differences from the plans.
        open: The number of open connections.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.wrongs: list[str] = []
        self.open = 0
        self.nobody = asyncio.Event()
        self.answers = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.nobody.clear()
        plan: Plan | None = None
        try:
            while True:
                first, fields = await read_head(reader)
                plan = plan_of(self.seed, int(first.split(b"/")[1].split()[0]))
                if not await self._answer(plan, dict(fields), reader, writer):
                    break
                self.answers += 1
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except Exception as error:
            self.wrongs.append(f"service, {plan}: {error!r}")
        finally:
            self.open -= 1
            if not self.open:
                self.nobody.set()
            with contextlib.suppress(ConnectionError):
                writer.close()
                await writer.wait_closed()

    async def _answer(
        self,
        plan: Plan,
        fields: dict[bytes, bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Answer a request; return whether the connection stays open."""
        slow = plan.slow == "service"
        # A generator of its own: the client advances the plan's generator.
        random = dice(plan.number)
        asked: list[bytes] = []
        if plan.kind == "upgrade":
            return await self._upgrade(plan, reader, writer)
        if plan.kind == "plain":
            if plan.expects:
                if fields.get(b"expect") != b"100-continue":
                    wrong("no Expect")
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await self._read(plan, reader, asked)
        for n in range(plan.interim):
            writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: <%d>\r\n\r\n" % n)
            await nap(random, slow=slow)
        head = b"HTTP/1.1 %d Words of it\r\nX-Number: %d\r\n" % (plan.status, plan.number)
        closes = plan.closes or (plan.answer_framing == "close" and not plan.is_bodiless)
        if closes:
            head += b"Connection: close\r\n"
        if plan.answer_framing == "length" and plan.status != 204:
            head += b"Content-Length: %d\r\n" % len(plan.answered)
        elif plan.answer_framing == "chunked" and plan.status not in (204, 304):
            head += b"Transfer-Encoding: chunked\r\n"
        if plan.kind == "echo":
            writer.write(head + b"\r\n")
            await self._echo(plan, reader, writer)
            return not closes
        out = head + b"\r\n"
        if not plan.is_bodiless:
            if plan.answer_framing == "chunked":
                out += b"".join(map(chunk, plan.pieces(plan.answered)))
                out += last_chunk(plan.answer_trailers)
            else:
                out += plan.answered
        limit = int(len(out) * plan.breaks_at) if plan.breaks == "service" else -1
        for piece in plan.pieces(out):
            if limit >= 0:
                if len(piece) >= limit:
                    writer.write(piece[:limit])
                    await writer.drain()
                    cut(writer, hard=plan.breaks_hard)
                    return False
                limit -= len(piece)
            writer.write(piece)
            await writer.drain()
            await nap(random, slow=slow)
        if plan.kind == "early":
            # A close with unread bytes resets the connection, so the client could miss the answer.
            await self._read(plan, reader, asked)
        return not closes

    async def _read(self, plan: Plan, reader: asyncio.StreamReader, asked: list[bytes]) -> None:
        random = dice(-plan.number)
        if plan.ask_framing == "chunked":
            trailers = await read_chunked(reader, asked)
            if trailers != plan.ask_trailers:
                wrong(f"trailers: {trailers}, not {plan.ask_trailers}")
        elif plan.ask_framing == "length":
            size = len(plan.asked)
            while size:
                if plan.slow == "service":
                    await nap(random, slow=True)
                before = len(asked)
                await read_exactly(reader, min(size, 1 << 18), asked)
                size -= sum(map(len, asked[before:]))
        compare("a request's body", b"".join(asked), plan.asked)

    async def _echo(
        self, plan: Plan, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        size = len(plan.asked)
        seen: list[bytes] = []
        while True:
            if plan.ask_framing == "chunked":
                length = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            else:
                length = min(size, 1 << 15)
            if not length:
                break
            piece = await reader.readexactly(length)
            if plan.ask_framing == "chunked":
                await reader.readexactly(2)
            size -= length
            seen.append(piece)
            writer.write(chunk(piece) if plan.answer_framing == "chunked" else piece)
            await writer.drain()
        if plan.ask_framing == "chunked":
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
        compare("an echoed body", b"".join(seen), plan.asked)
        if plan.answer_framing == "chunked":
            writer.write(last_chunk(plan.answer_trailers))
        await writer.drain()

    async def _upgrade(
        self, plan: Plan, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        head = b"HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: bedlam\r\n\r\n"
        writer.write(head + plan.answered[:1000])
        await tunnel(
            plan,
            reader,
            writer,
            plan.answered[1000:],
            plan.asked,
            is_first=plan.upgrade_first == "service",
            breaks=plan.breaks == "service",
        )
        return False
