"""Pure. The names of a hub: reserved names, joined names, and what an address names."""

from collections.abc import Callable
from hmac import compare_digest

from portweave.calls.address import guarded, split
from portweave.calls.bus_address import MARK
from portweave.encoding import jsonrpc
from portweave.errors import ConnectionNotFound, NameTaken
from portweave.supervisor.calls.state import (
    Group,
    Member,
    Peer,
)

MOST_ROUTES = 1024
SUPERVISOR = "supervisor"
# For messages, what gets the calls whose addresses begin with MARK.
BUS = "the bus"

# What an address names: a group, one member or None for any, and the server's method as JSON.
Route = tuple[Group, Member | None, bytes]


class Names:
    """All names.

    Args:
        token_of: Returns the token of a reserved name's process; empty if none runs.

    Attributes:
        routes: The routes of addresses seen before, because few addresses are used again and
            again. The key is the address, or a pair of connection and path. A change of names
            clears it; it is never replaced.
    """

    def __init__(self, token_of: Callable[[str], str]) -> None:
        self.routes: dict[object, Route] = {}
        self._token_of = token_of
        self._default: Group | None = None
        self._members: dict[str, Member] = {}
        # By the first part of an address. An instance's name stands beside its group's.
        self._targets: dict[str, tuple[Group, Member | None]] = {}
        self._reserved = {SUPERVISOR}
        self._bus: Group | None = None

    def __getitem__(self, name: str) -> Member:
        """The member of a reserved or joined name."""
        return self._members[name]

    def reserve(self, name: str, group: str, *, number: int, askable: bool, default: bool) -> None:
        """Reserve a name for a process; arguments as in `CallRouter.reserve`."""
        self.routes.clear()
        target = next((m.group for m in self._members.values() if m.group.name == group), None)
        target = target or Group(group)
        member = self._members.get(name)
        if member is None:
            member = self._members[name] = target.members[name] = Member(
                name, target, reserved=True
            )
        if default:
            self._default = target
        if askable and not default:
            self._targets[group] = (target, None)
            self._targets.setdefault(f"{group}.{number}", (target, member))
        else:
            self._reserved.add(group)

    def join_bus(self, peer: Peer) -> None:
        """Let a peer have all calls to addresses of the bus."""
        self._bus = group = Group(BUS)
        peer.member = group.members[BUS] = Member(BUS, group, reserved=True)
        peer.member.peers.append(peer)
        group.ready.append(peer)
        self.routes.clear()

    def join(self, peer: Peer, name: str, token: object) -> None:
        """Give a peer the name that it wants.

        Args:
            peer: A peer without a name.
            name: A name that `is_name` accepts.
            token: What proves the right to a reserved name.

        Raises:
            NameTaken: Another peer has the name, or the token is wrong.
        """
        member = self._members.get(name)
        if member is None:
            if name in self._reserved or name in self._targets:
                raise NameTaken(f"the name {name!r} is not free", connection=name)
            group = Group(name)
            member = self._members[name] = group.members[name] = Member(name, group, reserved=False)
            self._targets[name] = (group, None)
            self.routes.clear()
        elif not member.reserved:
            raise NameTaken(f"the name {name!r} is already joined", connection=name)
        elif not self._is_own(member, token):
            raise NameTaken(f"the name {name!r} needs its own token", connection=name)
        member.peers.append(peer)
        peer.member = member
        peer.sender = jsonrpc.sender_member(name)

    def _is_own(self, member: Member, token: object) -> bool:
        known = self._token_of(member.name)
        return bool(known) and isinstance(token, str) and compare_digest(known, token)

    def remove(self, member: Member) -> None:
        """Remove a name; remove its group with the group's last name."""
        del self._members[member.name]
        group = member.group
        del group.members[member.name]
        self._targets = {
            address: target
            for address, target in self._targets.items()
            if target[1] is not member and (group.members or target[0] is not group)
        }
        self.routes.clear()

    def route(self, address: str, to: str | None = None) -> Route:
        """Find what an address names, and remember it in `routes`. It is not the supervisor.

        Args:
            address: `connection/path`, or a path of the default group.
            to: Name of the connection, if `address` is only a path.

        Returns:
            The group, one member or None for any, and the method for the server, as JSON.

        Raises:
            BadPath: An escape is broken.
            ConnectionNotFound: No connection has the name, and there is no default group.
        """
        first, rest = split(address)
        if to is not None:
            first, rest = to, address.removeprefix("/")
        found = self._targets.get(first)
        route: Route
        if (to or address.lstrip("/")).startswith(MARK):
            if self._bus is None:
                text = f"{first} is on a bus, and this stack has joined none"
                hint = "calls: {bus: nats://host:4222} in the definition, or PORTWEAVE_HUB"
                raise ConnectionNotFound(text, connection=first, hint=hint)
            whole = address.lstrip("/") if to is None else f"{to}/{rest}"
            route = self._bus, None, jsonrpc.encode(whole)
        elif found is not None:
            route = *found, jsonrpc.encode(guarded(rest))
        elif (default := self._default) is not None and to in (None, default.name):
            path = address.lstrip("/") if to is None else rest
            route = default, None, jsonrpc.encode(guarded(path))
        else:
            raise self._unknown(first)
        if len(self.routes) >= MOST_ROUTES:
            self.routes.clear()
        self.routes[address if to is None else (to, address)] = route
        return route

    def _unknown(self, name: str) -> ConnectionNotFound:
        known = ", ".join(sorted(name for name in self._targets if "." not in name)[:20])
        text = f"there is no connection {name!r}" + (f"; there are {known}" if known else "")
        return ConnectionNotFound(text, connection=name)


def name_of(group: Group | None, member: Member | None) -> str:
    """The name of what a request is for."""
    if member is not None:
        return member.name
    return SUPERVISOR if group is None else group.name
