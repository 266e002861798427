"""Pure. The calls that a member of a bus handles for others.

Each second, the member tells each caller which of its calls it handles. The caller answers which of
them it no longer waits for; these are cancelled. So are all calls of a caller that has left the
bus, or has not answered for three seconds.
"""

from math import inf

from msgspec import Struct

from portweave.calls.address import guarded
from portweave.calls.bus_asks import BEAT_S, LIVE, SILENCE_S
from portweave.calls.bus_messages import (
    Output,
    Publication,
    numbers,
    read_array,
    read_head,
)
from portweave.encoding import jsonrpc
from portweave.errors import ClusterError, MessageTooLarge, Overloaded

# A message about presence holds so many numbers at most.
MOST_NUMBERS = 1000
MOST_SERVED = 8192


class Served(Struct, eq=False):
    """A call that the local side handles.

    Attributes:
        reply: Where its answer goes.
        asker: The caller; None if it takes no part in presence.
        number: The caller's number of it.
        due_s: When its time is up.
    """

    reply: str
    asker: "Asker | None"
    number: int
    due_s: float


class Asker(Struct, eq=False):
    """A caller that takes part in presence.

    Attributes:
        name: Its id.
        inbox: The subject that its answers go to, without the last part.
        heard_s: When it was heard of last.
        served: The local numbers of its calls, by its own numbers.
    """

    name: str
    inbox: str
    heard_s: float
    served: dict[int, int]


class Serves:
    """All calls that a member handles.

    Args:
        inbox: The subject that the member's answers go to, without the last part.
        name_calls: Whether lines for the local side name the service in `to`.
        tells_tracebacks: Whether errors keep their tracebacks.
        output: Gets messages and lines.

    Attributes:
        next_s: When `tick` has something to do; no call is due earlier.
    """

    def __init__(
        self, inbox: str, output: Output, *, name_calls: bool, tells_tracebacks: bool
    ) -> None:
        self.next_s = inf
        self._output = output
        self._inbox = inbox
        self._name_calls = name_calls
        self._tells_tracebacks = tells_tracebacks
        self._served: dict[int, Served] = {}
        self._askers: dict[str, Asker] = {}
        self._numbers = 0
        self._beat_s = inf

    def take_request(
        self,
        service: str,
        reply: str,
        headers: "dict[str, str] | None",
        body: bytes,
        now_s: float,
    ) -> None:
        """A call has arrived.

        Args:
            service: The called service or instance.
            reply: Where its answer goes; empty for none.
            headers: Its headers.
            body: Its body.
            now_s: The time.
        """
        head = read_head(headers)
        values = read_array(body) if body else jsonrpc.NOTHING
        if values is None:
            if reply:
                text = "the body of a call is a JSON array of its values"
                error = ClusterError(text, connection=service, status=400, type="BadMessage")
                self._publish_error(reply, error)
            return
        more = jsonrpc.sender_member(head.sender) if head.sender else b""
        if self._name_calls:
            more += jsonrpc.to_member(service)
        method = jsonrpc.encode(guarded(head.path))
        meta = jsonrpc.meta_member(head.timeout_ms, head.trace, more)
        if not reply:
            self._output.lines.append(jsonrpc.raw_notification(method, values, meta))
            return
        if len(self._served) >= MOST_SERVED:
            text = f"more than {MOST_SERVED} calls from the bus are open"
            self._publish_error(reply, Overloaded(text, connection=service))
            return
        self._numbers = ours = self._numbers + 1
        asker, number = None, 0
        inbox, _, last = reply.rpartition(".")
        if inbox and head.asker and last == head.number:
            number = int(head.number)
            asker = self._askers.get(head.asker)
            if asker is None:
                asker = self._askers[head.asker] = Asker(head.asker, inbox, now_s, {})
            asker.heard_s = now_s
            asker.served[number] = ours
            self._beat_s = min(self._beat_s, now_s + BEAT_S)
            self.next_s = min(self.next_s, self._beat_s)
        due_s = inf if head.timeout_ms is None else now_s + head.timeout_ms / 1000
        self._served[ours] = Served(reply, asker, number, due_s)
        self.next_s = min(self.next_s, due_s)
        self._output.lines.append(jsonrpc.raw_request(ours, method, values, meta))

    def answer(self, ours: object, message: jsonrpc.Message) -> None:
        """The local side has answered a call.

        Args:
            ours: The local number of the call.
            message: The answer.
        """
        served = self._end(ours)
        if served is None or self._output.max_payload is None:
            return
        if message.result is not jsonrpc.UNSET:
            answer = Publication(served.reply, bytes(message.result))
            try:
                answer.check(self._output.max_payload, None)
            except MessageTooLarge as error:
                error.message = error.message.replace("the message", "the answer", 1)
                self._publish_error(served.reply, error)
                return
            self._output.publications.append(answer)
        elif message.error is not jsonrpc.UNSET:
            body = bytes(message.error)
            if not self._tells_tracebacks and b'"traceback"' in body:
                body = jsonrpc.encode_error(jsonrpc.decode_error(body))
            self._publish_body(served.reply, body)

    def cancel(self, text: bytes) -> None:
        """A caller has cancelled a call.

        Args:
            text: The id of the call.
        """
        asker, _, number = text.decode("ascii", "replace").rpartition(".")
        found = self._askers.get(asker)
        if found is not None and number.isdecimal() and len(number) <= 18:
            ours = found.served.get(int(number))
            if ours is not None:
                self._cancel(ours)

    def take_presence(self, asker: str, ended: list[int], now_s: float) -> None:
        """A caller says which of the calls that it was told of it no longer waits for.

        Args:
            asker: The id of the caller.
            ended: The numbers of these calls.
            now_s: The time.
        """
        found = self._askers.get(asker)
        if found is None:
            return
        found.heard_s = now_s
        for number in ended:
            if (ours := found.served.get(number)) is not None:
                self._cancel(ours)

    def gone(self, asker: str) -> None:
        """A caller has left the bus."""
        found = self._askers.get(asker)
        if found is not None:
            for ours in list(found.served.values()):
                self._cancel(ours)

    def tick(self, now_s: float) -> None:
        """Cancel calls whose time is up or whose callers are silent; tell callers of the others."""
        if self.next_s > now_s:
            return
        self.next_s = inf
        for ours, served in list(self._served.items()):
            if served.due_s <= now_s:
                self._cancel(ours)
            else:
                self.next_s = min(self.next_s, served.due_s)
        if self._beat_s <= now_s:
            self._beat(now_s)
            self._beat_s = now_s + BEAT_S if self._askers else inf
        self.next_s = min(self.next_s, self._beat_s)

    def _beat(self, now_s: float) -> None:
        for name, asker in list(self._askers.items()):
            if asker.heard_s + SILENCE_S <= now_s:
                self.gone(name)
            elif self._output.max_payload is not None:
                held = list(asker.served)
                for start in range(0, len(held), MOST_NUMBERS):
                    body = numbers(held[start : start + MOST_NUMBERS])
                    reply = f"{self._inbox}.{LIVE}-{name}"
                    message = Publication(f"{asker.inbox}.{LIVE}", body, reply)
                    self._output.publications.append(message)

    def forgive(self, now_s: float) -> None:
        """This process stood still: the silence before `now_s` counts for nothing."""
        for asker in self._askers.values():
            asker.heard_s = now_s

    def _cancel(self, ours: int) -> None:
        if self._end(ours) is not None:
            self._output.lines.append(jsonrpc.notification("$/cancel", b"[%d]" % ours))

    def _end(self, ours: object) -> Served | None:
        served = self._served.pop(ours, None) if isinstance(ours, int) else None
        if served is not None and (asker := served.asker) is not None:
            # The caller may have used the number again.
            if asker.served.get(served.number) == ours:
                del asker.served[served.number]
            if not asker.served:
                self._askers.pop(asker.name, None)
        return served

    def _publish_error(self, reply: str, error: ClusterError) -> None:
        self._publish_body(reply, jsonrpc.encode_error(error))

    def _publish_body(self, reply: str, body: bytes) -> None:
        if self._output.max_payload is None:
            return
        message = Publication(reply, body)
        try:
            message.check(self._output.max_payload, None)
        except MessageTooLarge as error:
            error.message = error.message.replace("the message", "the error", 1)
            message = Publication(reply, jsonrpc.encode_error(error))
        self._output.publications.append(message)
