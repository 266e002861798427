"""Pure. Names of a hub: which are kept, which have joined, and which an address means."""

from collections.abc import Callable
from hmac import compare_digest

from portweave.calls.address import guarded, split
from portweave.encoding import jsonrpc
from portweave.errors import ConnectionNotFound, NameTaken
from portweave.supervisor.calls.state import (
    Group,
    Member,
    Peer,
)

MOST_ROUTES = 1024
SUPERVISOR = "supervisor"

# Whom an address names, any member of a group or just one, and what that is asked, as written.
Route = tuple[Group, Member | None, bytes]


class Names:
    """All names.

    Args:
        token_of: What a process of a kept name was told; empty where none runs.

    Attributes:
        routes: Of addresses that were read before: few are asked again and again. An address whose
            connection is named apart is kept under both. It is emptied when a name comes or goes,
            and never replaced.
    """

    def __init__(self, token_of: Callable[[str], str]) -> None:
        self.routes: dict[object, Route] = {}
        self._token_of = token_of
        self._default: Group | None = None
        self._members: dict[str, Member] = {}
        # What an address may begin with; a member's own name stands beside its group's.
        self._targets: dict[str, tuple[Group, Member | None]] = {}
        self._reserved = {SUPERVISOR}

    def __getitem__(self, name: str) -> Member:
        """The member of a name that is kept or joined."""
        return self._members[name]

    def keep(self, name: str, group: str, *, number: int, askable: bool, default: bool) -> None:
        """Keep a name for a process; arguments as of `Calls.expect`."""
        self.routes.clear()
        target = next((m.group for m in self._members.values() if m.group.name == group), None)
        target = target or Group(group)
        member = self._members.get(name)
        if member is None:
            member = self._members[name] = target.members[name] = Member(name, target, kept=True)
        if default:
            self._default = target
        if askable and not default:
            self._targets[group] = (target, None)
            self._targets.setdefault(f"{group}.{number}", (target, member))
        else:
            self._reserved.add(group)

    def join(self, peer: Peer, name: str, token: object) -> None:
        """Give a peer the name that it asks for.

        Args:
            peer: It has none yet.
            name: One that `is_name` takes.
            token: What it proves a kept name by.

        Raises:
            NameTaken: It is another's, or kept and the token is not the one of its process.
        """
        member = self._members.get(name)
        if member is None:
            if name in self._reserved or name in self._targets:
                raise NameTaken(f"the name {name!r} is not free", connection=name)
            group = Group(name)
            member = self._members[name] = group.members[name] = Member(name, group, kept=False)
            self._targets[name] = (group, None)
            self.routes.clear()
        elif not member.kept:
            raise NameTaken(f"the name {name!r} is joined already", connection=name)
        elif not self._is_own(member, token):
            raise NameTaken(f"the name {name!r} needs its own token", connection=name)
        member.peers.append(peer)
        peer.member = member
        peer.sender = jsonrpc.sender_member(name)

    def _is_own(self, member: Member, token: object) -> bool:
        known = self._token_of(member.name)
        return bool(known) and isinstance(token, str) and compare_digest(known, token)

    def drop(self, member: Member) -> None:
        """Forget a name, and its group's with the last one of that."""
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
        """What an address names, which is not the supervisor; found in `routes` from now on.

        Args:
            address: `connection/path`, or a path of the default group.
            to: Name of the connection, where `address` is only a path.

        Raises:
            BadPath: An escape is broken.
            ConnectionNotFound: No connection has the name, and `to` was given or there is no
                default group.
        """
        first, rest = split(address)
        if to is not None:
            first, rest = to, address.removeprefix("/")
        found = self._targets.get(first)
        if found is not None:
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
    """Whom a request is for, in a word."""
    if member is not None:
        return member.name
    return SUPERVISOR if group is None else group.name
