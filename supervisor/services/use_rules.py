"""Pure. What counts as use of a stack, in what a look at its processes and connections shows."""

from collections.abc import Collection, Iterable
from typing import Protocol

from portweave.encoding.value import value

# How long looks go back for processor time, and the share of one processor that counts as use.
WINDOW_S = 60.0
LEAST_PERCENT = 10.0
# Over less time a short burst would count.
LEAST_SPAN_S = 20.0


class TcpSocket(Protocol):
    """One end of a TCP connection."""

    @property
    def port(self) -> int:
        """The port on this side."""
        ...

    @property
    def peer_port(self) -> int:
        """The port on the other side."""
        ...

    @property
    def inode(self) -> int:
        """Identifies the socket; 0 if no program has it any more."""
        ...


@value
class Connection:
    """A TCP connection to a port of the stack.

    Attributes:
        port: The port.
        peer_port: The port on the other side.
        inode: The socket of the service.
        peer: The socket on the other side; None if it is not on this machine.
    """

    port: int
    peer_port: int
    inode: int
    peer: int | None


def connections_to(ports: Collection[int], sockets: Iterable[TcpSocket]) -> frozenset[Connection]:
    """The connections to some ports, without those that their client has closed.

    Args:
        ports: The ports of the stack.
        sockets: All ends of connections on this machine.
    """
    sockets = list(sockets)
    clients = {(one.port, one.peer_port): one.inode for one in sockets}
    return frozenset(
        Connection(one.port, one.peer_port, one.inode, peer)
        for one in sockets
        if one.port in ports and (peer := clients.get((one.peer_port, one.port))) != 0
    )


def from_outside(
    connections: Iterable[Connection], inside: Collection[int]
) -> tuple[Connection, ...]:
    """The connections that no process of the stack has opened.

    Args:
        connections: The connections.
        inside: The sockets of the stack's processes, portweave's included.
    """
    found = [one for one in connections if one.peer not in inside]
    return tuple(sorted(found, key=lambda one: (one.port, one.peer_port)))


@value
class CpuSample:
    """The processor time of a stack.

    Attributes:
        at_s: When it was taken, on a monotonic clock.
        by_name: Seconds by instance.
    """

    at_s: float
    by_name: tuple[tuple[str, float], ...]


def with_sample(samples: tuple[CpuSample, ...], sample: CpuSample) -> tuple[CpuSample, ...]:
    """The samples with a new one, without those that are too old to be needed.

    One sample stays that is as old as the window.
    """
    since_s = sample.at_s - WINDOW_S
    old = [one for one in samples if one.at_s <= since_s]
    return (*old[-1:], *(one for one in samples if one.at_s > since_s), sample)


def busy_percent(samples: tuple[CpuSample, ...]) -> float | None:
    """The use of one processor over the window, in percent; None for too short a time.

    A stack that is younger than the window is judged by its whole time. The time of processes that
    have ended may be missing: an instance with less time counts as 0.
    """
    if not samples or samples[-1].at_s - samples[0].at_s < LEAST_SPAN_S:
        return None
    first, last = dict(samples[0].by_name), samples[-1]
    spent_s = sum(max(0.0, time_s - first.get(name, 0.0)) for name, time_s in last.by_name)
    return 100 * spent_s / (last.at_s - samples[0].at_s)
