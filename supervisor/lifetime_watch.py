"""End a running stack when `portweave.supervisor.services.lifetime` says so."""

import asyncio
import time
from collections.abc import Callable, Collection

from portweave.encoding.duration import duration_text
from portweave.supervisor.processes.process_end import ProcessEnd
from portweave.supervisor.reporting.status_rows import Clock
from portweave.supervisor.services.lifetime import (
    PAUSE_S,
    Due,
    Lifetime,
    Owner,
    Terms,
    begin,
    due,
    end_owner,
    join,
    keep,
    note_use,
    told_end,
    told_join,
)


class LifetimeWatch:
    """Follows the owners and the use of a stack.

    A stack without an end has no timer and no descriptor here.

    Args:
        terms: What ends the stack.
        end: Ends it; gets the reason.
        say: Tells the user and the event log what happens.
        last_call: Returns the service that was called last, and when; None for none.
        watch_use: Starts to look for use that no event tells of. It is called at most once, when
            the stack first has a limit without use. It returns a function that looks once more, and
            then calls the function that it gets.
        pause_s: The pause after the end of the last owner.
    """

    def __init__(
        self,
        terms: Terms,
        end: Callable[[str], None],
        say: Callable[[str], None],
        last_call: Callable[[], tuple[str, float] | None] = lambda: None,
        watch_use: Callable[[], Callable[[Callable[[], None]], object]] | None = None,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._life = begin(terms, time.monotonic())
        self._end = end
        self._say = say
        self._last_call = last_call
        self._watch_use = watch_use
        self._pause_s = pause_s
        self._owners: dict[Owner, ProcessEnd] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._look: Callable[[Callable[[], None]], object] | None = None
        self._is_serving = False

    def serve(self) -> None:
        """Follow owners and limits from now on, in the running event loop."""
        self._is_serving = True
        self._follow()

    @property
    def life(self) -> Lifetime:
        """The lifetime, with all uses so far."""
        call = self._last_call()
        if call is not None and call[1] > self._life.used_s:
            self._life = note_use(self._life, f"call of {call[0]}", call[1])
        return self._life

    @property
    def last_used_s(self) -> float:
        """When the stack was last used, on the monotonic clock."""
        return self.life.used_s

    def note_use(self, use: str, at_s: float | None = None) -> None:
        """Note that the stack was used.

        Args:
            use: What for, in words.
            at_s: When, on the monotonic clock; None for now.
        """
        # The timer stays: when it fires, it is set again.
        self._life = note_use(self._life, use, time.monotonic() if at_s is None else at_s)

    def join(self, terms: Terms, around: Collection[int] = ()) -> str:
        """Take a further `up` into account; return what its user is told, or nothing.

        Args:
            terms: From its options.
            around: Pids of the processes around it.
        """
        now_s = time.monotonic()
        before, self._life = self._life, join(self._life, terms, now_s, around)
        self._follow()
        return told_join(before, self._life, terms, now_s)

    def keep(self, terms: Terms, *, forever: bool) -> str:
        """Change the terms for `portweave keep`; return what ends the stack now, as a predicate."""
        now_s = time.monotonic()
        self._life = keep(self._life, terms, now_s, forever=forever)
        self._follow()
        return told_end(self._life, now_s, self._pause_s)

    def as_json(self) -> dict[str, object]:
        """Return owner, end and last use as an object."""
        life = self.life
        clock = Clock(time.monotonic(), time.time())
        at_s = self._due()
        owners = [owner.as_json() for owner in life.terms.owners]
        return {
            "owner": owners[-1] if owners else None,
            "owners": owners,
            "expiresAt": clock.stamp(None if at_s is None else at_s.at_s),
            "lastUsedAt": clock.stamp(life.used_s),
            "lastUse": life.use or None,
        }

    def close(self) -> None:
        """Follow nothing any more."""
        self._is_serving = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for watch in self._owners.values():
            watch.close()
        self._owners.clear()

    def _due(self) -> Due | None:
        return due(self.life, self._pause_s)

    def _follow(self) -> None:
        """Wait for the ends of exactly the owners that live, and for the next time."""
        if not self._is_serving:
            return
        terms = self._life.terms
        for owner in self._owners.keys() - set(terms.owners):
            self._owners.pop(owner).close()
        for owner in terms.owners:
            if owner not in self._owners:
                self._watch_owner(owner)
        if terms.idle_s is not None and self._look is None and self._watch_use is not None:
            self._look = self._watch_use()
        self._set_timer()

    def _watch_owner(self, owner: Owner) -> None:
        def on_end() -> None:
            self._owner_ended(owner)

        try:
            self._owners[owner] = ProcessEnd(owner.pid, owner.start, on_end)
        except OSError as error:
            # Without a descriptor the owner counts as alive: a stack that stays can be stopped.
            self._say(f"its owner {owner} cannot be watched: {error.strerror or error}")

    def _owner_ended(self, owner: Owner) -> None:
        self._owners.pop(owner).close()
        now_s = time.monotonic()
        self._life = end_owner(self._life, owner, now_s)
        if self._life.ownerless_s is not None:
            pause = duration_text(self._pause_s)
            self._say(
                f"the owner {owner} of this stack has ended; the stack stops in {pause},"
                " unless portweave up or keep takes it over"
            )
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        found = self._due()
        if found is not None:
            wait_s = max(0.0, found.at_s - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._is_due() and self._life.terms.idle_s is not None and self._look is not None:
            # The last use may be newer than the last look.
            self._look(self._conclude)
        else:
            self._conclude()

    def _conclude(self) -> None:
        """End the stack if it is due; otherwise wait on: it was used or taken over meanwhile."""
        if not self._is_serving:
            return
        found = self._due()
        if found is not None and self._is_due():
            self.close()
            self._end(found.because)
        else:
            self._set_timer()

    def _is_due(self) -> bool:
        found = self._due()
        # A timer may be early by its resolution.
        return found is not None and found.at_s <= time.monotonic() + 0.001
