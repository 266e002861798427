"""Pure. The calls of a member of a bus to others: each ends once, by an answer or by silence.

While the bus is not connected, a call waits until its time is up. A call that was published is
never published again. The member that handles it says each second that it does; if nothing is heard
for three seconds, that member counts as dead. So does the bus: when the connection is lost, each
published call fails.
"""

from math import inf

from msgspec import Struct

from portweave.calls.bus_address import Target
from portweave.calls.bus_messages import (
    TIMEOUT,
    Output,
    Publication,
    no_responders,
    numbers,
    read_array,
    read_object,
    request_headers,
)
from portweave.encoding import jsonrpc
from portweave.errors import (
    ClusterError,
    ConnectionNotFound,
    Overloaded,
    PeerDied,
    RequestTimeout,
)

SILENCE_S = 3.0
BEAT_S = 1.0
# The token behind an inbox that messages about presence go to.
LIVE = "live"
CANCEL = "cancel"
MOST_WAITING = 8192
MOST_WAITING_BYTES = 64 * 1024 * 1024


class Ask(Struct, eq=False):
    """A call that waits for its answer.

    Attributes:
        name: What is called, for messages.
        subject: The subject of the service.
        began_s: When it began.
        due_s: When its time is up.
        heard_s: When the other side was heard of last; infinite while it is not published.
    """

    name: str
    subject: str
    began_s: float
    due_s: float
    heard_s: float = inf


class Asks:
    """All open calls of a member.

    Args:
        member: The member's id.
        inbox: The subject that the member's answers go to, without the last part.
        output: Gets messages and lines.

    Attributes:
        next_s: No call is due, or silent for too long, earlier.
    """

    def __init__(self, member: str, inbox: str, output: Output) -> None:
        self.next_s = inf
        self._output = output
        self._member = member
        self._inbox = inbox
        self._open: dict[int, Ask] = {}
        # Calls and notifications that were made while there was no connection.
        self._waiting: dict[int, tuple[Publication, float]] = {}
        self._waiting_bytes = 0
        self._notifications = 0

    def ask(
        self,
        number: int | None,
        target: Target,
        params: "jsonrpc.Raw | bytes",
        *,
        timeout_ms: float | None,
        sender: str,
        trace: str,
        now_s: float,
    ) -> None:
        """Call a service.

        Args:
            number: The local id of the call; None for a notification.
            target: What to call.
            params: An array of values.
            timeout_ms: The time that is left; None for no limit.
            sender: The caller's address; empty for none.
            trace: The trace; empty for none.
            now_s: The time.
        """
        name = target.place.address(target.service)
        due_s = inf if timeout_ms is None else now_s + timeout_ms / 1000
        try:
            message = Publication(target.place.subject(target.service), bytes(params))
            request_id = "" if number is None else f"{self._member}.{number}"
            message.headers = request_headers(target.path, request_id, timeout_ms, sender, trace)
            if number is not None:
                message.reply = f"{self._inbox}.{number}"
            if self._output.max_payload is not None:
                message.check(self._output.max_payload, name)
                self._output.publications.append(message)
            else:
                self._wait(number, message, due_s)
        except ClusterError as error:
            if number is not None:
                self._fail(number, error)
            return
        if number is not None:
            heard_s = inf if self._output.max_payload is None else now_s
            self._open[number] = Ask(name, message.subject, now_s, due_s, heard_s)
            self.next_s = min(self.next_s, due_s, heard_s + SILENCE_S)

    def _wait(self, number: int | None, message: Publication, due_s: float) -> None:
        size = self._waiting_bytes + message.size
        if len(self._waiting) >= MOST_WAITING or size > MOST_WAITING_BYTES:
            raise Overloaded("too many calls wait for the bus, which is not connected")
        self._waiting_bytes = size
        if number is None:
            self._notifications = key = self._notifications - 1
        else:
            key = number
        self._waiting[key] = message, due_s

    def cancel(self, number: object) -> None:
        """The local side needs no answer any more."""
        ask = self._end(number) if isinstance(number, int) else None
        if ask is not None:
            self._publish_cancel(number, ask)

    def _publish_cancel(self, number: object, ask: Ask) -> None:
        if ask.heard_s < inf and self._output.max_payload is not None:
            body = f"{self._member}.{number}".encode()
            self._output.publications.append(Publication(f"{ask.subject}.{CANCEL}", body))

    def connected(self, max_payload: int, now_s: float) -> None:
        """The bus is connected: publish the calls that wait."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, {}, 0
        for number, (message, due_s) in waiting.items():
            if due_s <= now_s:
                continue
            ask = self._open.get(number)
            if message.headers is not None and due_s < inf:
                message.headers[TIMEOUT] = str(max(1, int((due_s - now_s) * 1000)))
            try:
                message.check(max_payload, None if ask is None else ask.name)
            except ClusterError as error:
                if ask is not None:
                    self._end(number)
                    self._fail(number, error)
                continue
            if ask is not None:
                ask.heard_s = now_s
                self.next_s = min(self.next_s, now_s + SILENCE_S)
            self._output.publications.append(message)

    def lost(self) -> None:
        """The connection to the bus is lost."""
        for number, ask in list(self._open.items()):
            if ask.heard_s < inf:
                self._end(number)
                text = f"the connection to the bus was lost with the call to {ask.name} open"
                self._fail(number, PeerDied(text, connection=ask.name))

    def take_answer(self, number: int, headers: "dict[str, str] | None", body: bytes) -> None:
        """An answer has arrived.

        Args:
            number: The call that it answers.
            headers: Its headers.
            body: Its body.
        """
        ask = self._end(number)
        if ask is None:
            return
        if no_responders(headers, body):
            text = (
                f"there is no connection {ask.name!r} on the bus; does it run, and is it exported?"
            )
            self._fail(number, ConnectionNotFound(text, connection=ask.name))
        elif (values := read_array(body)) is not None:
            self._output.lines.append(jsonrpc.int_answer(number, values))
        elif (error := read_object(body)) is not None:
            self._output.lines.append(jsonrpc.raw_failure(b"%d" % number, error))
        else:
            text = f"{ask.name} has answered neither an array of values nor an error"
            self._fail(
                number, ClusterError(text, connection=ask.name, status=502, type="BadAnswer")
            )

    def take_presence(self, held: list[int], reply: str, now_s: float) -> None:
        """A member says which calls of this one it handles; tell it which of them have ended.

        Args:
            held: The numbers of the calls.
            reply: Where the answer goes; empty for none.
            now_s: The time.
        """
        ended: list[int] = []
        for number in held:
            if (ask := self._open.get(number)) is None:
                ended.append(number)
            else:
                ask.heard_s = now_s
        if reply and self._output.max_payload is not None:
            self._output.publications.append(Publication(reply, numbers(ended)))

    def tick(self, now_s: float) -> None:
        """Fail calls whose time is up, and calls to members that are silent."""
        if self.next_s > now_s:
            return
        self.next_s = inf
        for number, ask in list(self._open.items()):
            if ask.due_s <= now_s:
                waited = "" if ask.heard_s < inf else "; the bus is not connected"
                spent_s = ask.due_s - ask.began_s
                text = f"no answer from {ask.name} within {spent_s:.3g} s{waited}"
                self._end(number)
                self._publish_cancel(number, ask)
                self._fail(number, RequestTimeout(text, connection=ask.name))
            elif ask.heard_s + SILENCE_S <= now_s:
                self._end(number)
                self._publish_cancel(number, ask)
                text = f"nothing was heard of {ask.name} for {SILENCE_S:g} s with the call open"
                self._fail(number, PeerDied(text, connection=ask.name))
            else:
                self.next_s = min(self.next_s, ask.due_s, ask.heard_s + SILENCE_S)

    def forgive(self, now_s: float) -> None:
        """This process stood still: the silence before `now_s` counts for nothing."""
        for ask in self._open.values():
            if ask.heard_s < inf:
                ask.heard_s = now_s

    def refuse(self, subject: str, reason: str) -> None:
        """The server does not let this member publish to a subject, given in small letters."""
        for number, ask in list(self._open.items()):
            if ask.subject.lower() == subject:
                self._end(number)
                error = ClusterError(
                    f"the bus does not let this member call {ask.name}: {reason}",
                    connection=ask.name,
                    status=403,
                    type="BusRefused",
                    hint="the permissions of its user on the NATS server allow subjects",
                )
                self._fail(number, error)

    def _end(self, number: int) -> Ask | None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            self._waiting_bytes -= waiting[0].size
        return self._open.pop(number, None)

    def _fail(self, number: int, error: ClusterError) -> None:
        self._output.lines.append(jsonrpc.failure(b"%d" % number, error))
