"""Pure. A member of a bus: translates between lines of JSON-RPC and messages on the bus.

The local side is a `Connection`, or the hub of a stack; to either, a member looks like the hub or
like a peer. There is no socket and no clock: lines, messages and times come in; `output` says what
to publish, and which lines to pass on.
"""

from typing import cast

from portweave.calls.bus_address import Place, find_target
from portweave.calls.bus_asks import CANCEL, LIVE, Asks
from portweave.calls.bus_messages import Output, no_responders, read_numbers
from portweave.calls.bus_serves import Serves
from portweave.encoding import jsonrpc
from portweave.errors import ClusterError

# A tick that comes later than this means that the process stood still.
_PAUSE_S = 1.0
_NO_META = jsonrpc.Meta()


class BusMember:
    """One member.

    Args:
        member: Its id, which no other member has: ASCII letters and digits.
        place: Where it is.
        name_calls: Whether lines for the local side name the called service in `to`.
        env: The environment's name. Tracebacks are told in `development` alone.

    Attributes:
        output: What to do next. The caller takes messages and lines out.
        inbox: The subject of its answers is this, with one part more.
    """

    def __init__(
        self, member: str, place: Place, *, name_calls: bool = False, env: str = "development"
    ) -> None:
        self.output = Output()
        self.inbox = f"_INBOX.{member}"
        self._place = place
        self._env = env
        self._asks = Asks(member, self.inbox, self.output)
        self._serves = Serves(
            self.inbox, self.output, name_calls=name_calls, tells_tracebacks=env == "development"
        )
        self._name: str | None = None
        self._services: dict[str, str] = {}

    @property
    def next_s(self) -> float:
        """When to call `tick` at the latest; infinite if there is nothing to do."""
        return min(self._asks.next_s, self._serves.next_s)

    def subscriptions(self, services: "list[str] | tuple[str, ...]") -> list[tuple[str, str]]:
        """Subscribe to the calls of services, and return all subjects with their queue groups.

        Args:
            services: Names of services and instances.

        Raises:
            BadPath: A name is too long.
        """
        self._services = {self._place.subject(name): name for name in services}
        found = [(f"{self.inbox}.*", "")]
        for subject in self._services:
            found += [(subject, "portweave"), (f"{subject}.{CANCEL}", "")]
        return found

    # From the local side.

    def take_line(self, line: bytes, now_s: float) -> bool:
        """Translate a line; return whether it says that the local side is ready.

        Args:
            line: The line.
            now_s: The time.
        """
        try:
            message = jsonrpc.decode(line)
        except jsonrpc.BadLineError:
            # Our own code makes these lines. A value may be nested too deeply to read.
            if (found := jsonrpc.head(line)) is not None and found[1]:
                error = ClusterError("the call cannot be read", type="NotSerializable")
                self.output.lines.append(jsonrpc.failure(b"%d" % found[0], error))
            return False
        method = message.method
        if method is jsonrpc.UNSET:
            self._serves.answer(message.id, message)
        elif not method.startswith("$/"):
            self._ask(message, method, now_s)
        elif method == "$/cancel":
            for number in jsonrpc.values(message.params or jsonrpc.NOTHING):
                self._asks.cancel(number)
        elif method == "$/hello":
            self._hello(message)
        return method == "$/ready"

    def _ask(self, message: jsonrpc.Message, method: str, now_s: float) -> None:
        meta = message.meta or _NO_META
        number = message.id if isinstance(message.id, int) else None
        own = meta.asker or self._name
        try:
            target = find_target(method, meta.to or None, self._place)
        except ClusterError as error:
            if number is not None:
                self.output.lines.append(jsonrpc.failure(b"%d" % number, error))
            return
        self._asks.ask(
            number,
            target,
            message.params or jsonrpc.NOTHING,
            timeout_ms=30_000.0 if meta.timeout_ms is jsonrpc.UNSET else meta.timeout_ms,
            sender="" if not own else self._place.address(own),
            trace=meta.traceparent or "",
            now_s=now_s,
        )

    def _hello(self, message: jsonrpc.Message) -> None:
        wishes = jsonrpc.values(message.params or jsonrpc.NOTHING)[0]
        name = cast("dict[str, object]", wishes).get("name") if isinstance(wishes, dict) else None
        self._name = name if isinstance(name, str) else None
        told = {
            "protocol": 1,
            "max_message": jsonrpc.MAX_MESSAGE_BYTES,
            "options": {"env": self._env},
        }
        key = jsonrpc.key(message.id or None)
        self.output.lines.append(jsonrpc.answer(key, jsonrpc.encode([told])))

    # From the bus.

    def connected(self, max_payload: int, now_s: float) -> None:
        """The bus is connected, and all subjects are subscribed to.

        Args:
            max_payload: The most bytes of a message.
            now_s: The time.
        """
        self.output.max_payload = max_payload
        self._asks.connected(max_payload, now_s)

    def lost(self) -> None:
        """The connection is lost."""
        self.output.max_payload = None
        self.output.publications.clear()
        self._asks.lost()

    def refuse(self, subject: str, reason: str) -> None:
        """The server does not let this member publish to a subject, given in small letters."""
        self._asks.refuse(subject, reason)

    def take_message(
        self,
        subject: str,
        reply: str,
        headers: "dict[str, str] | None",
        body: bytes,
        now_s: float,
    ) -> None:
        """Translate a message. One that means nothing is ignored.

        Args:
            subject: Its subject.
            reply: Where its answer goes; empty for none.
            headers: Its headers.
            body: Its body.
            now_s: The time.
        """
        service = self._services.get(subject)
        if service is not None:
            self._serves.take_request(service, reply, headers, body, now_s)
            return
        before, _, last = subject.rpartition(".")
        if before != self.inbox:
            if last == CANCEL:
                self._serves.cancel(body)
        elif last.isdecimal() and last.isascii():
            if len(last) <= 18:
                self._asks.take_answer(int(last), headers, body)
        elif last == LIVE:
            if (held := read_numbers(body)) is not None:
                self._asks.take_presence(held, reply, now_s)
        elif last.startswith(f"{LIVE}-"):
            asker = last.removeprefix(f"{LIVE}-")
            if no_responders(headers, body):
                self._serves.gone(asker)
            elif (ended := read_numbers(body)) is not None:
                self._serves.take_presence(asker, ended, now_s)

    def tick(self, now_s: float) -> None:
        """Do what the time demands."""
        if now_s - self.next_s > _PAUSE_S:
            self._asks.forgive(now_s)
            self._serves.forgive(now_s)
        self._asks.tick(now_s)
        self._serves.tick(now_s)
