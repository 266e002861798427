"""A connection to a bus that is made again when it is lost, over nats-py.

nats-py could connect again by itself. But it would keep what was published meanwhile, and a call
that its caller has given up would run later. It also notices a server that stands still only after
minutes. So each connection is a client of its own, and pings of ours watch it.
"""

import asyncio
import contextlib
import os
import ssl
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, cast

from portweave.calls.bus_member import BusMember
from portweave.calls.bus_settings import BusSettings
from portweave.errors import ClusterError, ConfigError, HubUnreachable

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    Subscribe = Callable[..., Coroutine[Any, Any, Subscription]]

CONNECT_S = 2.0
PING_S = 1.0
# A server that does not answer a ping for this time counts as gone.
PONG_S = 1.5
PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
# Until the client has sent so many bytes, no more are given to it.
HIGH_WATER_BYTES = 1024 * 1024
_LOOK_S = 0.005
_AGAIN_S = 0.1
# nats-py passes the errors of the server on in small letters.
_REFUSED = "permissions violation for publish to "


class NatsSession:
    """A member's connection to its bus.

    Args:
        settings: The bus.
        member: Translates messages.
        deliver: Gets lines for the local side, one after the other.

    Attributes:
        problem: Why the bus is not connected, in words; empty while it is.
    """

    def __init__(
        self, settings: BusSettings, member: BusMember, deliver: Callable[[list[bytes]], None]
    ) -> None:
        self.problem = "not connected yet"
        self._settings = settings
        self._member = member
        self._deliver = deliver
        self._services: tuple[str, ...] = ()
        self._loop = asyncio.get_running_loop()
        self._client: Client | None = None
        self._subscribed: dict[str, Subscription] = {}
        self._lost = asyncio.Event()
        self._news = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_s = float("inf")
        self._running: asyncio.Task[None] | None = None
        self._closing = False
        self._on_state: Callable[[], None] = _nothing
        self._sending_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether much waits to be sent."""
        return self._sending_bytes + self._pending_bytes > HIGH_WATER_BYTES

    @property
    def _pending_bytes(self) -> int:
        return 0 if self._client is None else self._client.pending_data_size

    async def drain(self) -> None:
        """Wait until less waits to be sent."""
        # The client does not tell when it has sent something.
        while self.is_full:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)

    # Beginning and end.

    async def connect(self) -> None:
        """Connect once.

        Raises:
            HubUnreachable: The bus cannot be reached, or refuses.
            ConfigError: A file cannot be used, or nats-py is not installed.
        """
        client = await self._open_client()
        self._client = client
        self._lost.clear()
        try:
            await self._subscribe(client)
            await client.flush(timeout=CONNECT_S)  # type: ignore[arg-type]
        except Exception as error:
            await self._drop_client()
            raise HubUnreachable(f"the bus at {self._settings.shown} has gone: {error}") from None
        self.problem = ""
        self._member.connected(client.max_payload, self._loop.time())
        self.work_off()

    def keep(self, on_state: Callable[[], None] | None = None) -> None:
        """Keep the connection up in the background until `close`.

        Args:
            on_state: Called when `problem` has changed.
        """
        self._on_state = on_state or _nothing
        self._running = self._loop.create_task(self._keep())

    async def close(self) -> None:
        """Disconnect, after what waits has been sent."""
        if self._client is not None and not self._lost.is_set():
            with contextlib.suppress(Exception):
                async with asyncio.timeout(PONG_S):
                    await self._send_all(self._client)
                    await self._client.flush(timeout=PONG_S)  # type: ignore[arg-type]
        self._closing = True
        if self._running is not None:
            await _end((self._running,))
        if self._alarm is not None:
            self._alarm.cancel()
        await self._drop_client()

    async def serve(self, services: "list[str] | tuple[str, ...]") -> None:
        """Subscribe to the calls of services, instead of those before.

        Raises:
            BadPath: A name is too long.
        """
        self._services = tuple(services)
        # A name that is too long is told to the caller.
        self._member.subscriptions(self._services)
        if (client := self._client) is not None:
            with contextlib.suppress(Exception):
                await self._subscribe(client)
                await client.flush(timeout=CONNECT_S)  # type: ignore[arg-type]

    async def _keep(self) -> None:
        tries = 0
        while not self._closing:
            if self._client is None:
                try:
                    await self.connect()
                except ClusterError as error:
                    self._tell(error.message)
                    await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
                    tries += 1
                    continue
                tries = 0
                self._on_state()
            await self._watch(self._client)
            self._member.lost()
            self._tell(f"the connection to {self._settings.shown} was lost")
            self.work_off()
            await self._drop_client()

    def _tell(self, problem: str) -> None:
        if self.problem != problem:
            self.problem = problem
            self._on_state()

    async def _watch(self, client: "Client | None") -> None:
        """Send, and ping, until the connection is lost."""
        assert client is not None
        send = self._loop.create_task(self._send(client))
        ping = self._loop.create_task(self._ping(client))
        lost = self._loop.create_task(self._lost.wait())
        tasks: set[asyncio.Task[Any]] = {send, ping, lost}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(tasks)

    async def _ping(self, client: "Client") -> None:
        with contextlib.suppress(Exception):
            while True:
                await asyncio.sleep(PING_S)
                await client.flush(timeout=PONG_S)  # type: ignore[arg-type]

    # Messages.

    def work_off(self) -> None:
        """Do what the member wants: after each call of it."""
        output = self._member.output
        while output.lines:
            lines, output.lines = output.lines, []
            self._deliver(lines)
        if output.publications:
            self._news.set()
        if self._member.next_s < self._alarm_s:
            self._set_alarm(self._member.next_s)

    async def _send(self, client: "Client") -> None:
        with contextlib.suppress(Exception):
            while True:
                await self._news.wait()
                self._news.clear()
                await self._send_all(client)

    async def _send_all(self, client: "Client") -> None:
        output = self._member.output
        while output.publications:
            messages, output.publications = output.publications, []
            self._sending_bytes = sum(len(message.body) for message in messages)
            for message in messages:
                await client.publish(message.subject, message.body, message.reply, message.headers)
                self._sending_bytes -= len(message.body)
                while client.pending_data_size > HIGH_WATER_BYTES:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)
            self._sending_bytes = 0

    async def _receive(self, message: "Msg") -> None:
        self._member.take_message(
            message.subject, message.reply, message.headers, message.data, self._loop.time()
        )
        self.work_off()

    def _set_alarm(self, when_s: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_s = when_s
        self._alarm = self._loop.call_at(when_s, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._alarm_s = float("inf")
        self._member.tick(self._loop.time())
        self.work_off()

    # The client of nats-py.

    async def _open_client(self) -> "Client":
        settings = self._settings
        try:
            from nats.aio.client import Client
        except ModuleNotFoundError:
            raise ConfigError(
                "calls over a bus need nats-py, which is not installed",
                hint="pip install 'portweave[nats]'",
            ) from None
        client = Client()
        options = _client_options(settings)
        problems: list[Exception] = []
        try:
            async with asyncio.timeout(CONNECT_S * (1 + len(settings.urls))):
                await client.connect(
                    servers=list(settings.urls),
                    name=f"portweave {settings.place.project}/{settings.place.namespace}",
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=CONNECT_S,  # type: ignore[arg-type]
                    pending_size=-1,
                    ping_interval=3600,
                    error_cb=self._keep_problem(problems),
                    closed_cb=self._closed,
                    **options,
                )
        except asyncio.CancelledError:
            await _drop(client)
            raise
        except Exception as error:
            await _drop(client)
            raise self._unreachable(problems[-1] if problems else error) from error
        return client

    def _unreachable(self, error: Exception) -> HubUnreachable:
        why = str(error).removeprefix("nats: ").strip("'") or type(error).__name__
        if isinstance(error, OSError) and error.errno and error.errno > 0:
            why = os.strerror(error.errno).lower()
        if isinstance(error, TimeoutError):
            why = "it does not answer"
        shown = self._settings.shown
        if "authorization" in why.lower() or "authentication" in why.lower():
            return HubUnreachable(
                f"the bus at {shown} refuses this member: {why}",
                hint="credentials prove the right to join it: PORTWEAVE_HUB_CREDENTIALS=FILE",
            )
        return HubUnreachable(
            f"no bus answers at {shown}: {why}",
            hint="PORTWEAVE_HUB names the NATS server; is it running?",
        )

    def _keep_problem(
        self, problems: list[Exception]
    ) -> Callable[[Exception], Coroutine[Any, Any, None]]:
        async def keep(error: Exception) -> None:
            problems[:] = [error]
            text = str(error).lower()
            if _REFUSED in text:
                subject = text.partition(_REFUSED)[2].strip("\"' ")
                self._member.refuse(subject, "permissions of the NATS server")
                self.work_off()

        return keep

    async def _closed(self) -> None:
        self._lost.set()

    async def _subscribe(self, client: "Client") -> None:
        wanted = dict(self._member.subscriptions(self._services))
        for subject in self._subscribed.keys() - wanted.keys():
            await self._subscribed.pop(subject).unsubscribe()
        for subject in wanted.keys() - self._subscribed.keys():
            # nats-py leaves a type of this method open.
            subscribe = cast("Subscribe", client.subscribe)  # pyright: ignore[reportUnknownMemberType]
            self._subscribed[subject] = await subscribe(
                subject, queue=wanted[subject], cb=self._receive
            )

    async def _drop_client(self) -> None:
        client, self._client = self._client, None
        self._subscribed.clear()
        if client is not None:
            await _drop(client)


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended, because nats-py swallows some cancellations."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_S)


async def _drop(client: "Client") -> None:
    """Close a client, even if its server does not read."""
    transport = getattr(getattr(client, "_transport", None), "_io_writer", None)
    with contextlib.suppress(Exception):
        if transport is not None:
            # Otherwise the client waits until the server has read what was written.
            transport.transport.abort()
    with contextlib.suppress(Exception):
        async with asyncio.timeout(PONG_S):
            await client.close()


def _client_options(settings: BusSettings) -> dict[str, Any]:
    """The options of a client that come from files.

    Raises:
        ConfigError: A file cannot be used.
    """
    options: dict[str, Any] = {}
    if settings.uses_tls:
        options["tls"] = _tls_context(settings)
    if settings.credentials:
        if not os.path.isfile(settings.credentials):
            raise ConfigError(f"there is no file of credentials at {settings.credentials}")
        options["user_credentials"] = settings.credentials
    return options


def _tls_context(settings: BusSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca or None)
        if settings.cert:
            context.load_cert_chain(settings.cert, settings.key or None)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(filter(None, (settings.ca, settings.cert, settings.key)))
        raise ConfigError(f"a certificate of the bus cannot be read ({files}): {error}") from None
    return context


def _nothing() -> None:
    """Do nothing when the state changes."""
