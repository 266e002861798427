"""A bus without a network, for the pure machine of its members."""

from collections import deque
from typing import Any

import msgspec

from portweave.calls.bus_address import Place
from portweave.calls.bus_member import BusMember
from portweave.calls.bus_messages import Publication

PLACE = Place("realm", "shop", "main")


class BusSide:
    """A member, and what its local side has got.

    Args:
        bus: The bus.
        name: The service that it serves; None for none.
        options: As of `BusMember`.
    """

    def __init__(self, bus: "FakeBus", name: str | None = None, **options: Any) -> None:
        self.member = BusMember(f"m{len(bus.sides)}", PLACE, **options)
        self.subscribed = self.member.subscriptions((name,) if name else ())
        self.lines: list[dict[str, Any]] = []
        self._bus = bus
        bus.sides.append(self)
        self.member.connected(bus.max_payload, bus.now_s)
        if name is not None:
            self.send(id=0, method="$/hello", params=[{"name": name}])
            self.lines.clear()

    def send(self, **message: object) -> None:
        """Send a line from the local side."""
        self.member.take_line(msgspec.json.encode(message), self._bus.now_s)
        self.collect()

    def call(self, number: int, address: str, *load: object, **meta: object) -> None:
        """Call a service."""
        self.send(id=number, method=address, params=load, meta=meta)

    def tick(self) -> None:
        self.member.tick(self._bus.now_s)
        self.collect()

    def collect(self) -> None:
        output = self.member.output
        self.lines += [msgspec.json.decode(line) for line in output.lines]
        output.lines.clear()
        self._bus.sent += [(self, message) for message in output.publications]
        output.publications.clear()

    def taken(self) -> list[dict[str, Any]]:
        """The lines since the last look."""
        lines, self.lines = self.lines, []
        return lines


class FakeBus:
    """Delivers messages when a test says so."""

    def __init__(self, max_payload: int = 1_000_000) -> None:
        self.max_payload = max_payload
        self.now_s = 100.0
        self.sides: list[BusSide] = []
        self.sent: deque[tuple[BusSide, Publication]] = deque()

    def deliver(self) -> None:
        """Deliver what was sent, and what is sent thereby."""
        while self.sent:
            sender, message = self.sent.popleft()
            found = [side for side in self.sides if hears(side, message.subject)]
            if not found and message.reply:
                self.give(sender, message.reply, "", {"Status": "503"}, b"")
            for side in found:
                self.give(side, message.subject, message.reply, message.headers, message.body)

    def give(
        self,
        side: BusSide,
        subject: str,
        reply: str,
        headers: dict[str, str] | None,
        body: bytes,
    ) -> None:
        side.member.take_message(subject, reply, headers, body, self.now_s)
        side.collect()

    def wait(self, seconds: float, *sides: BusSide) -> None:
        """Let time pass, in steps of a half second, for some sides or for all."""
        for _ in range(round(seconds * 2)):
            self.now_s += 0.5
            for side in sides or self.sides:
                side.tick()
            self.deliver()

    def leave(self, side: BusSide) -> None:
        self.sides.remove(side)


def hears(side: BusSide, subject: str) -> bool:
    return any(
        wanted == subject or (wanted.endswith(".*") and wanted[:-2] == subject.rpartition(".")[0])
        for wanted, _ in side.subscribed
    )
