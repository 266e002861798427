"""Pure. When a stack ends without a command: its owners, its time limit, and its use.

A stack ends at the first of these times:

- A pause after the last of its owners has ended. During the pause, `up` or `keep` may take over.
- `ttl_s` after the last `up` or `keep`.
- `idle_s` after its last use.

A stack without any of them goes on until it is stopped. All times are on a monotonic clock.
"""

from collections.abc import Collection, Mapping

from portweave.encoding.duration import duration_text
from portweave.encoding.json_text import is_list, is_object
from portweave.encoding.value import replace, value

# From the end of the last owner to the end of the stack.
PAUSE_S = 30.0


@value
class Owner:
    """A process that a stack ends with.

    Attributes:
        pid: Its pid.
        start: When it began, as `processes.started_at` returns it.
        command: The name of its program.
    """

    pid: int
    start: str
    command: str

    def __str__(self) -> str:
        return f"{self.command} (pid {self.pid})" if self.command else f"pid {self.pid}"

    def as_json(self) -> dict[str, object]:
        """Return it as an object."""
        return {"pid": self.pid, "command": self.command}


@value
class Terms:
    """What ends a stack. By default nothing does.

    Attributes:
        owners: The stack ends with the last of them; empty for a stack without an owner.
        ttl_s: How long it runs after the last `up` or `keep`, in seconds; None for no limit.
        idle_s: How long it runs without use, in seconds; None for no limit.
    """

    owners: tuple[Owner, ...] = ()
    ttl_s: float | None = None
    idle_s: float | None = None

    @property
    def is_forever(self) -> bool:
        """Whether nothing ends the stack."""
        return not self.owners and self.ttl_s is None and self.idle_s is None

    def as_json(self) -> dict[str, object]:
        """Return them as an object, which `terms_from_json` reads."""
        owners = [{**owner.as_json(), "start": owner.start} for owner in self.owners]
        return {"owners": owners, "ttlS": self.ttl_s, "idleS": self.idle_s}


FOREVER = Terms()


def terms_from_json(data: Mapping[str, object]) -> Terms:
    """Read terms from an object; a field of a wrong type gets its default."""
    owners = data.get("owners")
    return Terms(
        tuple(
            Owner(pid, str(one.get("start", "")), str(one.get("command", "")))
            for one in (owners if is_list(owners) else ())
            if is_object(one) and isinstance(pid := one.get("pid"), int)
        ),
        _seconds(data.get("ttlS")),
        _seconds(data.get("idleS")),
    )


def _seconds(number: object) -> float | None:
    return float(number) if isinstance(number, (int, float)) and number > 0 else None


@value
class Lifetime:
    """How long a running stack goes on.

    Attributes:
        terms: Its terms; the owners are those that live.
        kept_s: When the last `up` or `keep` came.
        used_s: When it was last used.
        use: Its last use, in words.
        last_owner: The owner that ended last, if none is left; else None.
        ownerless_s: When that owner ended; else None.
    """

    terms: Terms = FOREVER
    kept_s: float = 0.0
    used_s: float = 0.0
    use: str = ""
    last_owner: Owner | None = None
    ownerless_s: float | None = None

    @property
    def is_forever(self) -> bool:
        """Whether nothing ends the stack."""
        return self.ownerless_s is None and self.terms.is_forever


@value
class Due:
    """The time at which a stack ends if nothing happens before.

    Attributes:
        at_s: The time.
        because: The reason, as a sentence without a full stop.
    """

    at_s: float
    because: str


def begin(terms: Terms, now_s: float) -> Lifetime:
    """The lifetime of a stack that starts now."""
    return Lifetime(terms, now_s, now_s, "up")


def join(life: Lifetime, terms: Terms, now_s: float, around: Collection[int] = ()) -> Lifetime:
    """A further `up` for the running stack. It never shortens the life of a stack without an end.

    With options it adds its owners, and its limits replace those of the stack. Without options it
    takes the stack over from its owners, unless one of them has run it. A time limit begins again
    in each case.

    Args:
        life: The lifetime so far.
        terms: From the options of this `up`.
        now_s: The time.
        around: Pids of the processes around this `up`: its parent, and so on.
    """
    kept = replace(life, kept_s=now_s, used_s=now_s, use="up")
    if life.is_forever:
        return kept
    before = life.terms
    is_taken = terms.is_forever and not any(one.pid in around for one in before.owners)
    owners = () if is_taken else _union(before.owners, terms.owners)
    after = Terms(owners, terms.ttl_s or before.ttl_s, terms.idle_s or before.idle_s)
    return replace(kept, terms=after, last_owner=None, ownerless_s=None)


def keep(life: Lifetime, terms: Terms, now_s: float, *, forever: bool) -> Lifetime:
    """`portweave keep`: the terms that it names replace those of the stack.

    Args:
        life: The lifetime so far.
        terms: The new terms. If there are none, the present ones begin again.
        now_s: The time.
        forever: Whether nothing shall end the stack.
    """
    new = life.terms if terms.is_forever and not forever else terms
    return Lifetime(new, now_s, now_s, "keep")


def _union(before: tuple[Owner, ...], new: tuple[Owner, ...]) -> tuple[Owner, ...]:
    return tuple({(owner.pid, owner.start): owner for owner in (*before, *new)}.values())


def end_owner(life: Lifetime, owner: Owner, now_s: float) -> Lifetime:
    """An owner has ended."""
    if owner not in life.terms.owners:
        return life
    left = tuple(other for other in life.terms.owners if other != owner)
    life = replace(life, terms=replace(life.terms, owners=left))
    return life if left else replace(life, last_owner=owner, ownerless_s=now_s)


def note_use(life: Lifetime, use: str, at_s: float) -> Lifetime:
    """The stack was used.

    Args:
        life: The lifetime so far.
        use: What for, in words.
        at_s: When; an earlier use than the last changes nothing.
    """
    return replace(life, used_s=at_s, use=use) if at_s >= life.used_s else life


def due(life: Lifetime, pause_s: float = PAUSE_S) -> Due | None:
    """When the stack ends if nothing happens before; None if nothing ends it.

    Args:
        life: The lifetime.
        pause_s: The pause after the end of the last owner.
    """
    terms = life.terms
    found: list[Due] = []
    if life.ownerless_s is not None:
        found.append(Due(life.ownerless_s + pause_s, f"its owner {life.last_owner} has ended"))
    if terms.ttl_s is not None:
        because = f"its time of {duration_text(terms.ttl_s)} is up"
        found.append(Due(life.kept_s + terms.ttl_s, because))
    if terms.idle_s is not None:
        because = f"it was not used for {duration_text(terms.idle_s)}"
        found.append(Due(life.used_s + terms.idle_s, because))
    return min(found, key=lambda one: one.at_s) if found else None


def told_end(life: Lifetime, now_s: float, pause_s: float = PAUSE_S) -> str:
    """What ends the stack, as a predicate such as `ends with claude (pid 12)`.

    Args:
        life: The lifetime.
        now_s: The time.
        pause_s: As for `due`.
    """
    terms = life.terms
    parts: list[str] = []
    if life.ownerless_s is not None:
        left_s = max(0.0, life.ownerless_s + pause_s - now_s)
        parts.append(f"in {duration_text(round(left_s))}, as its owner {life.last_owner} has ended")
    if terms.owners:
        last = "the last of " if len(terms.owners) > 1 else ""
        parts.append(f"with {last}{' and '.join(map(str, terms.owners))}")
    if terms.ttl_s is not None:
        left_s = max(0.0, life.kept_s + terms.ttl_s - now_s)
        parts.append(f"in {duration_text(round(left_s))}")
    if terms.idle_s is not None:
        parts.append(f"after {duration_text(terms.idle_s)} without use")
    return f"ends {' or '.join(parts)}" if parts else "goes on until portweave down"


def told_join(before: Lifetime, after: Lifetime, terms: Terms, now_s: float) -> str:
    """What a further `up` has changed, for its user; empty if nothing is worth telling.

    Args:
        before: The lifetime before `join`.
        after: The lifetime after it.
        terms: From the options of this `up`.
        now_s: The time.
    """
    if not terms.is_forever:
        if after.is_forever:
            return (
                "the stack was started without an end, so it goes on until portweave down;"
                " portweave keep changes that"
            )
        return f"the stack {told_end(after, now_s)}"
    owners = before.terms.owners or (() if before.last_owner is None else (before.last_owner,))
    if owners and not after.terms.owners:
        names = " and ".join(map(str, owners))
        return f"this up takes the stack over from {names}; the stack {told_end(after, now_s)}"
    return ""
