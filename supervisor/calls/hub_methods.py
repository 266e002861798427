"""Pure. The methods of the hub itself: `$/hello`, `$/ready` and `$/cancel`."""

from types import NoneType
from typing import cast

from portweave.calls.address import is_name
from portweave.encoding import jsonrpc
from portweave.errors import Cancelled, ClusterError, NameTaken
from portweave.supervisor.calls.names import Names
from portweave.supervisor.calls.outbox import Outbox
from portweave.supervisor.calls.requests import PendingRequests
from portweave.supervisor.calls.state import (
    Limits,
    Peer,
)

PROTOCOL = 1


class HubMethods:
    """Answers methods whose names begin with `$/`.

    Args:
        limits: The hub's limits.
        options: Sent to each peer that says hello.
        names: The hub's names.
        requests: The open requests.
        outbox: Collects the answers.
    """

    def __init__(
        self,
        limits: Limits,
        options: dict[str, object],
        names: Names,
        requests: PendingRequests,
        outbox: Outbox,
    ) -> None:
        self._limits = limits
        self._options = options
        self._names = names
        self._requests = requests
        self._outbox = outbox

    def handle(
        self,
        peer: Peer,
        method: str,
        params: "jsonrpc.Raw | bytes",
        key: bytes | None,
        now_s: float,
    ) -> None:
        """Carry out a request to the hub.

        Args:
            peer: The caller.
            method: The method's name.
            params: Its parameters, an array.
            key: The caller's id of the request, as JSON; None for a notification.
            now_s: The time.
        """
        match method:
            case "$/hello":
                self._take_hello(peer, params, key)
            case "$/ready":
                self._take_ready(peer, now_s)
                if key is not None:
                    self._outbox.send(peer, jsonrpc.answer(key, jsonrpc.NOTHING), is_answer=True)
            case "$/cancel":
                for number in _listed(params):
                    if not isinstance(number, (int, str, NoneType)):
                        continue
                    if (request := peer.requests.get(number)) is not None:
                        self._requests.abandon(request)
                        self._requests.fail(request, Cancelled("the caller cancelled the request"))
            case _:
                if key is not None:
                    text = f"the hub has no method {method!r}"
                    self._outbox.refuse(peer, key, jsonrpc.METHOD_NOT_FOUND, text)

    def _take_hello(self, peer: Peer, params: "jsonrpc.Raw | bytes", key: bytes | None) -> None:
        refuse = self._outbox.refuse
        wishes = next(iter(_listed(params)), None)
        if key is None or not isinstance(wishes, dict):
            refuse(peer, key, jsonrpc.INVALID_PARAMS, "$/hello takes one object, and has an id")
            return
        told = cast("dict[str, object]", wishes)
        name, token, protocol = told.get("name"), told.get("token"), told.get("protocol")
        if protocol is not None and protocol != PROTOCOL:
            refuse(peer, key, jsonrpc.INVALID_PARAMS, f"this hub speaks protocol {PROTOCOL}")
            return
        if peer.said_hello:
            refuse(peer, key, jsonrpc.INVALID_REQUEST, "this connection has said $/hello already")
            return
        most = _most_of(told, self._limits)
        if most is None:
            text = "max_concurrency must be a whole number from 1, max_queue one from 0"
            refuse(peer, key, jsonrpc.INVALID_PARAMS, text)
            return
        if name is not None:
            if not isinstance(name, str) or not is_name(name):
                text = "a name must be text without a slash, and must not begin with $"
                refuse(peer, key, jsonrpc.INVALID_PARAMS, text)
                return
            try:
                self._names.join(peer, name, token)
            except NameTaken as error:
                self._outbox.send(peer, jsonrpc.failure(key, error), is_answer=True)
                return
        peer.said_hello = True
        peer.most = most
        result = {
            "protocol": PROTOCOL,
            "max_message": self._limits.message_bytes,
            "options": self._options,
        }
        self._outbox.send(peer, jsonrpc.answer(key, jsonrpc.encode([result])), is_answer=True)

    def _take_ready(self, peer: Peer, now_s: float) -> None:
        member = peer.member
        if member is None or peer.ready:
            return
        peer.ready = True
        member.group.ready.append(peer)
        self._requests.dispatch_waiting(member, now_s)


def _most_of(told: dict[str, object], limits: Limits) -> int | None:
    """How many requests a peer accepts at a time; None if what it says is no number."""
    concurrency = told.get("max_concurrency", limits.concurrency)
    queue = told.get("max_queue", limits.queue)
    if type(concurrency) is not int or type(queue) is not int or concurrency < 1 or queue < 0:
        return None
    return concurrency + queue


def _listed(params: "jsonrpc.Raw | bytes") -> list[object]:
    try:
        return jsonrpc.values(params)
    except ClusterError:
        return []
