"""Pure. The content of the proxy's pages, before it becomes HTML or text."""

from portweave.encoding.value import value

# Phases of an instance by what they mean for a reader; `ps` prints the same words.
_TONES = {
    "ready": "good",
    "completed": "good",
    "waiting": "busy",
    "starting": "busy",
    "stopping": "busy",
    "backoff": "warn",
    "unhealthy": "warn",
    "failed": "bad",
    "blocked": "bad",
}
# Phases that are events of the past: `failed 3 min ago`, but `starting for 12 s`.
_PAST = frozenset({"stopped", "exited", "completed", "failed"})
_UNITS_S = (("d", 86_400), ("h", 3_600), ("min", 60))


@value
class State:
    """The state of a service.

    Attributes:
        word: The state as `ps` prints it.
        since_s: How long it has been so, in seconds; None if unknown.
    """

    word: str
    since_s: float | None = None

    @property
    def tone(self) -> str:
        """What the state means: `good`, `busy`, `warn`, `bad` or `idle`."""
        return _TONES.get(self.word, "idle")

    @property
    def parts(self) -> tuple[str, str, str]:
        """The state, its time, and what follows: `starting for `, `12 s` and an empty text."""
        if self.since_s is None:
            return self.word, "", ""
        time = elapsed(self.since_s)
        is_past = self.word in _PAST
        return (f"{self.word} ", time, " ago") if is_past else (f"{self.word} for ", time, "")

    @property
    def text(self) -> str:
        """The state with its time: `starting for 12 s`, `failed 3 min ago`."""
        return "".join(self.parts)

    @property
    def sentence(self) -> str:
        """The state as a sentence about the service."""
        if self.since_s is None:
            return f"It is {self.word}."
        time = elapsed(self.since_s)
        if self.word in _PAST:
            return f"It is {self.word} ({time} ago)."
        return f"It has been {self.word} for {time}."


def elapsed(seconds: float) -> str:
    """A span of time in its largest unit: `12 s`, `3 min`, `2 h`, `5 d`."""
    for unit, length_s in _UNITS_S:
        if seconds >= length_s:
            return f"{int(seconds // length_s)} {unit}"
    return f"{max(0, int(seconds))} s"


@value
class Command:
    """A command to copy.

    Attributes:
        purpose: What it does.
        text: The command.
        is_whole: Whether it can be run as it is.
    """

    purpose: str
    text: str
    is_whole: bool = True


@value
class NameRow:
    """A name in a list.

    Attributes:
        hostname: The name.
        url: Its URL.
        state: The state of its service; None if unknown.
        port: The port of its service; None if it is not shown.
    """

    hostname: str
    url: str
    state: State | None = None
    port: int | None = None


@value
class NameGroup:
    """Names under a heading.

    Attributes:
        title: The heading.
        rows: The names.
        facts: More about all of them, such as a branch.
        folder: The folder of their worktree; empty if it is not shown.
    """

    title: str
    rows: tuple[NameRow, ...] = ()
    facts: tuple[str, ...] = ()
    folder: str = ""


@value
class Page:
    """The content of a page or a redirect.

    Attributes:
        status: The status code, such as 404.
        title: The title in a few words.
        lines: Paragraphs.
        state: The state of the service; None for none.
        output: The last line that the service printed; empty for none.
        commands: Commands to copy.
        groups: Names.
        facts: (label, value) pairs about the service.
        links: (text, URL) pairs at the end.
        reload_s: Seconds until the page reloads; None for never.
        location: The URL of a redirect; empty for none.
    """

    status: int
    title: str
    lines: tuple[str, ...] = ()
    state: State | None = None
    output: str = ""
    commands: tuple[Command, ...] = ()
    groups: tuple[NameGroup, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    reload_s: int | None = None
    location: str = ""

    @property
    def next_steps(self) -> tuple[Command, ...]:
        """The commands that can be run as they are; they come before the names."""
        return tuple(one for one in self.commands if one.is_whole)

    @property
    def other_steps(self) -> tuple[Command, ...]:
        """The other commands."""
        return tuple(one for one in self.commands if not one.is_whole)

    @property
    def has_script(self) -> bool:
        """Whether it has what a script serves: a time that goes on, or a command to copy."""
        states = [self.state, *(row.state for group in self.groups for row in group.rows)]
        has_time = any(state is not None and state.since_s is not None for state in states)
        return has_time or bool(self.next_steps)
