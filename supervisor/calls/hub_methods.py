"""Pure. What a hub is asked itself: `$/hello`, `$/ready` and `$/cancel`."""

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
    """The methods whose names begin with `$/`.

    Args:
        limits: Bounds.
        options: Told to who says hello.
        names: Who may join under what.
        asks: What is under way.
        outbox: Where answers go.
    """

    def __init__(
        self,
        limits: Limits,
        options: dict[str, object],
        names: Names,
        asks: PendingRequests,
        outbox: Outbox,
    ) -> None:
        self._limits = limits
        self._options = options
        self._names = names
        self._asks = asks
        self._outbox = outbox

    def take(
        self,
        peer: Peer,
        method: str,
        params: "jsonrpc.Raw | bytes",
        key: bytes | None,
        now_s: float,
    ) -> None:
        """Do what a peer asks of the hub itself.

        Args:
            peer: Who asks.
            method: What.
            params: An array.
            key: The peer's id of the request, as it is written; None where no answer is wanted.
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
                    if (ask := peer.asks.get(number)) is not None:
                        self._asks.abandon(ask)
                        self._asks.fail(ask, Cancelled("the asker has taken the request back"))
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
            refuse(peer, key, jsonrpc.INVALID_REQUEST, "there was a $/hello already")
            return
        most = _most_of(told, self._limits)
        if most is None:
            text = "max_concurrency is a whole number from 1 on, max_queue from 0 on"
            refuse(peer, key, jsonrpc.INVALID_PARAMS, text)
            return
        if name is not None:
            if not isinstance(name, str) or not is_name(name):
                text = "a name is text without a slash, and does not begin with $"
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
        self._asks.dispatch_waiting(member, now_s)


def _most_of(told: dict[str, object], limits: Limits) -> int | None:
    """How many requests a peer may be asked at a time, by what it says; None for no number."""
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
