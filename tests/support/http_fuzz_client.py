"""The clients of the HTTP fuzz test, and the function that runs it."""

import asyncio
import contextlib
from collections.abc import Callable
from time import monotonic

from tests.support.http_fuzz import (
    PATIENCE_S,
    Fields,
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
from tests.support.http_fuzz_service import Service

# The number of requests that clients may repeat.
OFTEN = 60


class Client:
    """Sends one request after the other, on one connection while that stays open.

    Args:
        seed: The seed of the plans.
        numbers: The requests' numbers.
        port: The port of the proxy, or of the service itself.
        hosts: The hosts to send requests to.
    """

    def __init__(self, seed: int, numbers: list[int], port: int, hosts: list[bytes]) -> None:
        self._plans = [plan_of(seed, number) for number in numbers]
        self._port = port
        self._hosts = hosts
        self._limit: asyncio.Timeout | None = None
        self.wrongs: list[str] = []
        self.whole = 0

    async def run(self) -> None:
        """Send all requests."""
        plans = list(self._plans)
        while plans:
            plan = plans[0]
            try:
                async with asyncio.timeout(PATIENCE_S) as self._limit:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                    try:
                        plan = await self._ask(plans, reader, writer)
                    finally:
                        writer.close()
                        with contextlib.suppress(ConnectionError):
                            await writer.wait_closed()
            except TimeoutError:
                self.wrongs.append(f"client: it takes too long, {plans[0]}")
                return
            except Exception as error:
                self.wrongs.append(f"client: {error!r}, {plans[0] if plans else plan}")
                return

    def _head(self, plan: Plan) -> bytes:
        host = self._hosts[plan.number % len(self._hosts)]
        version = b"1.0" if plan.is_old else b"1.1"
        head = b"%b /%d HTTP/%b\r\nHost: %b\r\n" % (plan.method, plan.number, version, host)
        if plan.kind in ("upgrade", "refused"):
            return head + b"Connection: Upgrade\r\nUpgrade: bedlam\r\n\r\n"
        if plan.client_closes and not plan.is_old:
            head += b"Connection: close\r\n"
        if plan.expects:
            head += b"Expect: 100-continue\r\n"
        if plan.ask_framing == "length":
            head += b"Content-Length: %d\r\n" % len(plan.asked)
        elif plan.ask_framing == "chunked":
            head += b"Transfer-Encoding: chunked\r\n"
        return head + b"\r\n"

    def _request(self, plan: Plan) -> bytes:
        out = self._head(plan)
        if plan.ask_framing == "chunked":
            out += b"".join(map(chunk, plan.pieces(plan.asked))) + last_chunk(plan.ask_trailers)
        elif plan.ask_framing == "length":
            out += plan.asked
        return out

    async def _send(self, plan: Plan, writer: asyncio.StreamWriter, ahead: bytes) -> None:
        random = dice(plan.number)
        out = self._request(plan)
        limit = int(len(out) * plan.breaks_at) if plan.breaks == "client sending" else -1
        try:
            for piece in plan.pieces(out + ahead):
                if limit >= 0:
                    if len(piece) >= limit:
                        writer.write(piece[:limit])
                        await writer.drain()
                        cut(writer, hard=plan.breaks_hard)
                        return
                    limit -= len(piece)
                writer.write(piece)
                await writer.drain()
                await nap(random, slow=plan.slow == "client")
        except ConnectionError:
            # A service that answers early may not read the whole request.
            if plan.kind not in ("early", "echo") and not plan.breaks:
                raise

    async def _ask(
        self, plans: list[Plan], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Plan:
        """Send requests until the connection closes; return the last plan."""
        is_sent = False
        while True:
            assert self._limit is not None
            self._limit.reschedule(asyncio.get_running_loop().time() + PATIENCE_S)
            plan = plans[0]
            if plan.kind == "upgrade":
                await self._upgrade(plan, reader, writer)
                plans.pop(0)
                return plan
            ahead = b""
            will_send_next = False
            if len(plans) > 1 and plan.sends_ahead and not plan.breaks and not plan.expects:
                following = plans[1]
                if (
                    following.kind == "plain"
                    and not following.expects
                    and not following.breaks
                    and not plan.client_closes
                ):
                    ahead, will_send_next = self._request(following), True
            sending: asyncio.Future[None] | None = None
            if plan.expects:
                writer.write(self._head(plan))
            elif not is_sent:
                sending = asyncio.ensure_future(self._send(plan, writer, ahead))
            else:
                will_send_next = False
            try:
                stays = await self._read_answer(plan, reader, writer)
                if sending is not None and stays:
                    await sending
            finally:
                if sending is not None:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
            plans.pop(0)
            if not stays or not plans:
                return plan
            is_sent = will_send_next

    async def _read_answer(
        self, plan: Plan, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Read an answer; return whether the connection stays open."""
        interim = 0
        try:
            while True:
                first, fields = await read_head(reader)
                status = int(first.split()[1])
                if status == 100:
                    if not plan.expects:
                        wrong("an unexpected 100")
                    out = self._request(plan)[len(self._head(plan)) :]
                    for piece in plan.pieces(out):
                        writer.write(piece)
                        await writer.drain()
                elif status == 103:
                    if plan.breaks == "service":
                        # The proxy may send the request again.
                        continue
                    if dict(fields).get(b"link") != b"<%d>" % interim:
                        wrong(f"hints in another order: {fields}")
                    interim += 1
                else:
                    break
            found = dict(fields)
            if status == 502 and plan.breaks == "service":
                return False
            if status != plan.status:
                wrong(f"status {status} {fields}")
            if found.get(b"x-number") != b"%d" % plan.number:
                wrong("the answer to another request")
            if interim != plan.interim and plan.breaks != "service":
                wrong(f"{interim} hints")
            return await self._read_body(plan, found, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            if not plan.breaks:
                raise
            return False

    async def _read_body(
        self,
        plan: Plan,
        found: dict[bytes, bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        body: list[bytes] = []
        trailers: Fields = []
        stays = found.get(b"connection") != b"close" and (
            not plan.is_old or found.get(b"connection") == b"keep-alive"
        )
        random = dice(plan.number)
        is_whole = False
        try:
            if plan.breaks == "client reading":
                with contextlib.suppress(asyncio.IncompleteReadError):
                    await read_exactly(
                        reader,
                        0 if plan.is_bodiless else int(len(plan.answered) * plan.breaks_at),
                        body,
                    )
                cut(writer, hard=plan.breaks_hard)
                return False
            if plan.is_bodiless:
                pass
            elif b"content-length" in found:
                size = int(found[b"content-length"])
                while size:
                    await nap(random, slow=plan.slow == "client")
                    before = len(body)
                    await read_exactly(reader, min(size, 1 << 18), body)
                    size -= sum(map(len, body[before:]))
            elif found.get(b"transfer-encoding") == b"chunked":
                trailers = await read_chunked(reader, body)
            else:
                while data := await reader.read(1 << 16):
                    body.append(data)
                    await nap(random, slow=plan.slow == "client")
                stays = False
            is_whole = True
        finally:
            if not plan.is_bodiless and plan.breaks != "client reading":
                may_be_less = not is_whole or (
                    plan.breaks == "service"
                    and plan.answer_framing == "close"
                    and not plan.breaks_hard
                )
                compare("an answer's body", b"".join(body), plan.answered, whole=not may_be_less)
        if (
            not plan.is_bodiless
            and plan.answer_framing == "chunked"
            and trailers != ([] if plan.is_old else plan.answer_trailers)
        ):
            wrong(f"trailers {trailers}, not {plan.answer_trailers}")
        self.whole += 1
        if not stays and await reader.read(1):
            wrong("something behind the last answer")
        return stays

    async def _upgrade(
        self, plan: Plan, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # A part is sent before the service accepts the upgrade.
        early = plan.asked[: plan.random.choice((0, 0, 10, 3000))]
        writer.write(self._head(plan) + early)
        try:
            first, fields = await read_head(reader)
            if b" 101 " not in first or dict(fields).get(b"upgrade") != b"bedlam":
                wrong(f"no other protocol: {first!r} {fields}")
            await tunnel(
                plan,
                reader,
                writer,
                plan.asked[len(early) :],
                plan.answered,
                is_first=plan.upgrade_first == "client",
                breaks=plan.breaks.startswith("client"),
            )
            self.whole += 1
        except (ConnectionError, asyncio.IncompleteReadError):
            if not plan.breaks:
                raise


async def bedlam(
    seed: int,
    port_of_proxy: int,
    add_route: Callable[[int], object],
    seconds: float,
    crowd: int = 40,
) -> tuple[int, int, list[str]]:
    """Run clients against a service through the proxy.

    Args:
        seed: The seed of the plans.
        port_of_proxy: The proxy's port.
        add_route: Called with the service's port before the first request.
        seconds: The duration.
        crowd: The number of concurrent clients.

    Returns:
        The number of requests, the number of complete answers, and the errors.
    """
    service = Service(seed)
    server = await asyncio.start_server(service, "127.0.0.1", 0, limit=1 << 17, backlog=1024)
    add_route(server.sockets[0].getsockname()[1])
    until_s = monotonic() + seconds
    random = dice(seed)
    hosts = [b"a.localhost", b"b.localhost:80"]
    number = whole = 0
    wrongs: list[str] = []

    async def one() -> None:
        nonlocal number, whole
        while monotonic() < until_s and not wrongs:
            count = random.choice((1, 2, 5, 9))
            # Half of the requests repeat earlier ones.
            numbers = [
                random.randrange(OFTEN) if random.random() < 0.5 else OFTEN + number + n
                for n in range(count)
            ]
            number += count
            client = Client(seed, numbers, port_of_proxy, hosts)
            await client.run()
            whole += client.whole
            wrongs.extend(client.wrongs)
            if service.wrongs:
                wrongs.extend(service.wrongs)

    await asyncio.gather(*(one() for _ in range(crowd)))
    # The proxy keeps idle connections for some seconds.
    async with asyncio.timeout(PATIENCE_S):
        await service.nobody.wait()
    server.close()
    return number, whole, wrongs
