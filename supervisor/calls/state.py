"""Pure. What a hub of calls keeps: who is joined, what is asked, and what is to be done about it.

What becomes of it is decided in `calls` and the modules that that is made of.
"""

from collections import deque
from math import inf

from msgspec import Struct

from portweave.encoding import jsonrpc
from portweave.encoding.value import value


@value
class Limits:
    """Bounds.

    Attributes:
        message_bytes: The longest line.
        concurrency: Requests that one connection works on at a time, where it does not say.
        queue: Requests that wait for one connection besides, where it does not say.
        asks: Requests that one connection may have open as the asker.
        held_bytes: What is held for one peer that does not read, or waits for one group.
        owed_bytes: Answers that one peer has not read, before it is not read any more.
        timeout_s: For requests that do not say how long they may take; None for any time.
    """

    message_bytes: int = jsonrpc.MAX_MESSAGE_BYTES
    concurrency: int = 64
    queue: int = 1024
    asks: int = 8192
    held_bytes: int = 4 * jsonrpc.MAX_MESSAGE_BYTES
    owed_bytes: int = 1024 * 1024
    timeout_s: float | None = 30.0


@value
class Held:
    """A line that could not be sent yet.

    Attributes:
        ask: That it is the request of.
        is_answer: Whether the peer has asked for it.
    """

    line: bytes
    ask: "Ask | None"
    is_answer: bool


class Peer:
    """One connection to the hub.

    Args:
        most: As the attribute.

    Attributes:
        member: The name that it has joined under; None for one that only asks.
        ready: Whether it takes calls.
        blocked: Whether it does not read at the moment.
        ended: Whether it sends nothing more.
        asks: What it asks, by its own ids.
        serves: What it is asked, by ours.
        most: How many requests it may be asked at a time: what it works on, and what waits.
        held: What is to be sent to it, in order, while it is blocked.
        held_bytes: Their size.
        owed_bytes: The size of those that are answers.
        next_due_s: Nothing that it asks is due before.
    """

    __slots__ = (
        "asks", "blocked", "ended", "held", "held_bytes", "member", "most", "next_due_s",
        "next_id", "owed_bytes", "ready", "said_hello", "sender", "serves",
    )  # fmt: skip

    def __init__(self, most: int = 1) -> None:
        self.member: Member | None = None
        self.most = most
        self.sender = b""
        self.said_hello = False
        self.ready = False
        self.blocked = False
        self.ended = False
        self.asks: dict[int | str | None, Ask] = {}
        self.serves: dict[int, Ask] = {}
        self.next_id = 0
        self.next_due_s = inf
        self.held: deque[Held] = deque()
        self.held_bytes = 0
        self.owed_bytes = 0

    @property
    def name(self) -> str | None:
        """What it is called; None for one that only asks."""
        return None if self.member is None else self.member.name


class Member:
    """A name that peers may join under.

    Attributes:
        kept: Whether the name is for a service's processes, which prove it by their token.
        peers: The connections that have joined: one, or one of each process of the service.
        gone: Why it will not come (again), in words; empty while it may.
    """

    __slots__ = ("gone", "group", "kept", "name", "peers")

    def __init__(self, name: str, group: "Group", *, kept: bool) -> None:
        self.name = name
        self.group = group
        self.kept = kept
        self.peers: list[Peer] = []
        self.gone = ""


class Group:
    """What an address names.

    Attributes:
        ready: Peers that take calls; `turn` tells whose it is.
        waiting: What nobody can take yet, in order, and its size.
    """

    __slots__ = ("members", "name", "ready", "turn", "waiting", "waiting_bytes")

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: dict[str, Member] = {}
        self.ready: list[Peer] = []
        self.turn = 0
        self.waiting: dict[Ask, None] = {}
        self.waiting_bytes = 0


class Ask(Struct, eq=False):
    """One request, from its line to its end.

    Attributes:
        asker: Who gets the answer.
        id: The asker's of it.
        params: What it is asked with; nothing any more once that is sent.
        traceparent: W3C Trace Context, section 3.2; empty where there is none.
        due_s: When its time is up.
        began_s: When it came.
        wanted: Whether anybody waits for the answer: not of a notification.
        group: Whom it is for; None for the supervisor.
        member: The one instance that it is for; None for any.
        method: What the server is asked, as it is written.
        path: What the supervisor is asked.
        server: Who has been asked; None while it waits, and for the supervisor.
        number: Our id of it, at the server.
        unsent: Whether the server has not been told yet.
        over: Whether it has ended.
    """

    # A structure of msgspec's is made in a third of the time: there is one for each request.
    asker: Peer
    id: int | str | None
    params: jsonrpc.Raw | bytes
    traceparent: str
    due_s: float | None
    began_s: float
    wanted: bool
    group: Group | None = None
    member: Member | None = None
    method: bytes = b""
    server: Peer | None = None
    number: int = 0
    path: str = ""
    unsent: bool = False
    over: bool = False

    @property
    def key(self) -> bytes:
        """The asker's id of it, as it is written."""
        return jsonrpc.key(self.id)


@value
class Close:
    """End a connection, once all is written."""

    peer: Peer


@value
class AskSupervisor:
    """Have the supervisor answer, by `Calls.answer`."""

    ask: Ask


@value
class CancelSupervisor:
    """The answer is not wanted any more."""

    ask: Ask


@value
class Ended:
    """What became of a request.

    Attributes:
        failure: Kind of the error, empty where there is none; `Error` where the server said so.
    """

    ask: Ask
    failure: str


# Lines to send are a pair; there are thousands a second of them, and few of the others.
Action = tuple[Peer, bytes] | Close | AskSupervisor | CancelSupervisor | Ended
