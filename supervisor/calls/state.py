"""Pure. The data of a hub: peers, members, groups, requests, and actions.

`router` and the modules that it uses decide what happens to them.
"""

from collections import deque
from math import inf

from msgspec import Struct

from portweave.encoding import jsonrpc
from portweave.encoding.value import value


@value
class Limits:
    """Limits of a hub.

    Attributes:
        message_bytes: The longest line.
        concurrency: How many requests one peer handles at a time, unless it says otherwise.
        queue: How many more requests wait for one peer, unless it says otherwise.
        requests: The most open requests of one caller.
        held_bytes: The most bytes held for one peer that does not read, or waiting for one group.
        owed_bytes: From this many unread bytes of answers on, a peer's requests are not read.
        timeout_s: For requests without a time limit; None for no limit.
    """

    message_bytes: int = jsonrpc.MAX_MESSAGE_BYTES
    concurrency: int = 64
    queue: int = 1024
    requests: int = 8192
    held_bytes: int = 4 * jsonrpc.MAX_MESSAGE_BYTES
    owed_bytes: int = 1024 * 1024
    timeout_s: float | None = 30.0


@value
class Held:
    """A line that waits for a peer to read.

    Attributes:
        line: The line, with its end.
        request: The request that the line carries, if any.
        is_answer: Whether the line answers a request of the peer.
    """

    line: bytes
    request: "PendingRequest | None"
    is_answer: bool


class Peer:
    """One connection to the hub.

    Args:
        most: As the attribute.

    Attributes:
        member: The member that it has joined as; None if it only calls.
        ready: Whether it accepts requests.
        blocked: Whether it does not read at the moment.
        ended: Whether it sends nothing more.
        requests: Its open requests, by its own ids.
        serves: The requests it handles, by the hub's ids.
        most: How many requests it accepts at a time: those it handles, and those that wait.
        held: Lines to send when it reads again, in order.
        held_bytes: The size of `held`.
        owed_bytes: The size of the answers in `held`.
        next_due_s: None of its requests is due earlier.
    """

    __slots__ = (
        "blocked",
        "ended",
        "held",
        "held_bytes",
        "member",
        "most",
        "next_due_s",
        "next_id",
        "owed_bytes",
        "ready",
        "requests",
        "said_hello",
        "sender",
        "serves",
    )  # fmt: skip

    def __init__(self, most: int = 1) -> None:
        self.member: Member | None = None
        self.most = most
        self.sender = b""
        self.said_hello = False
        self.ready = False
        self.blocked = False
        self.ended = False
        self.requests: dict[int | str | None, PendingRequest] = {}
        self.serves: dict[int, PendingRequest] = {}
        self.next_id = 0
        self.next_due_s = inf
        self.held: deque[Held] = deque()
        self.held_bytes = 0
        self.owed_bytes = 0

    @property
    def name(self) -> str | None:
        """Its name; None if it only calls."""
        return None if self.member is None else self.member.name


class Member:
    """A name that peers join under.

    Attributes:
        reserved: Whether the name is reserved for a service's processes, which prove it by a token.
        peers: The connections that have joined: one for each process.
        gone: Why no process of the name will start, as a predicate; empty if one may.
    """

    __slots__ = ("group", "name", "peers", "reserved", "unavailable")

    def __init__(self, name: str, group: "Group", *, reserved: bool) -> None:
        self.name = name
        self.group = group
        self.reserved = reserved
        self.peers: list[Peer] = []
        self.unavailable = ""


class Group:
    """What an address names: a service, with its instances.

    Attributes:
        ready: Peers that accept requests, in turns counted by `turn`.
        waiting: Requests that no peer can accept yet, in order.
        waiting_bytes: The size of `waiting`.
    """

    __slots__ = ("members", "name", "ready", "turn", "waiting", "waiting_bytes")

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: dict[str, Member] = {}
        self.ready: list[Peer] = []
        self.turn = 0
        self.waiting: dict[PendingRequest, None] = {}
        self.waiting_bytes = 0


class PendingRequest(Struct, eq=False):
    """One request, from its line to its end.

    Attributes:
        asker: The peer that gets the answer.
        id: The caller's id of it.
        params: Its parameters; empty after they were sent.
        traceparent: W3C Trace Context, section 3.2; empty if there is none.
        due_s: When its time is up; None for no limit.
        began_s: When it arrived.
        wanted: Whether the caller waits for an answer; false for a notification.
        group: The group it is for; None for the supervisor.
        member: The one member it is for; None for any.
        method: The method that the server gets, as JSON.
        path: The path that the supervisor gets.
        server: The peer that handles it; None while it waits, and for the supervisor.
        number: The hub's id of it, for the server.
        unsent: Whether its line is held for the server.
        over: Whether it has ended.
        sender: The caller's name as a part of `meta`, if it is not the peer's own.
    """

    # msgspec makes a structure in a third of the time, and each request needs one.
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
    sender: bytes = b""

    @property
    def key(self) -> bytes:
        """The caller's id of it, as JSON."""
        return jsonrpc.key(self.id)


@value
class Close:
    """Close a connection after all lines are sent."""

    peer: Peer


@value
class CallSupervisor:
    """Have the supervisor answer, by `CallRouter.answer`."""

    request: PendingRequest


@value
class CancelSupervisorCall:
    """The caller needs no answer any more."""

    request: PendingRequest


@value
class Ended:
    """A request has ended.

    Attributes:
        request: The request.
        failure: The kind of error; empty for success, and `Error` if the server sent it.
    """

    request: PendingRequest
    failure: str


# Lines to send are a pair: there are thousands a second of them, and few of the others.
Action = tuple[Peer, bytes] | Close | CallSupervisor | CancelSupervisorCall | Ended
