"""Pure. When a live last line is drawn and erased, or said in plain lines.

While a command waits, a terminal has one line below all others, which shows what it waits for.

- It is erased before any other output, and drawn again when that has been calm for a moment. So it
  costs nothing while lines flow.
- It is drawn at most ten times a second. While nothing changes, it is drawn once a second, because
  the seconds in it change.
- It is not drawn while another line is incomplete, such as a prompt, or while output is held.

Without a terminal it is said in plain lines, the first after 5 s, then one every 15 s. While
nothing is waited for, the machine asks for no tick, so nothing wakes up.
"""

from portweave.encoding.value import replace, value

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

LIVE = "live"
PLAIN = "plain"
OFF = "off"

# A shorter wait shows nothing.
FIRST_S = 0.3
# Between two draws.
PAUSE_S = 0.1
# How long other output must have been calm.
CALM_S = 0.1
SAID_AFTER_S = 5.0
SAID_EVERY_S = 15.0
# A timer may be early by its resolution.
_EARLY_S = 0.001


def mode_of(
    environ: "Mapping[str, str]", *, is_terminal: bool, as_json: bool = False, quiet: bool = False
) -> str:
    """How a command shows what it waits for: `LIVE`, `PLAIN` or `OFF`.

    Args:
        environ: The environment of the command.
        is_terminal: Whether stderr is a terminal.
        as_json: Whether the command prints data for programs.
        quiet: Whether the command prints errors alone.
    """
    if as_json or quiet:
        return OFF
    in_ci = environ.get("CI", "") not in ("", "0", "false")
    return PLAIN if in_ci or not is_terminal or environ.get("TERM") == "dumb" else LIVE


@value
class LiveLine:
    """The state of a live last line.

    Attributes:
        mode: `LIVE`, `PLAIN` or `OFF`.
        began_s: When the wait began; None while nothing is waited for.
        first_s: When the line is first drawn or said.
        shown: Whether it is on the terminal.
        stale: Whether it has changed since it was drawn.
        drawn_s: When it was drawn last.
        calm_s: When other output will have been calm.
        draws: How often it was drawn.
        part: Whether an incomplete line is on the terminal.
        held: Whether output is held.
        said_s: When it is said next, in plain lines.
    """

    mode: str
    began_s: float | None = None
    first_s: float = 0.0
    shown: bool = False
    stale: bool = False
    drawn_s: float = float("-inf")
    calm_s: float = float("-inf")
    draws: int = 0
    part: bool = False
    held: bool = False
    said_s: float = 0.0


# Events.


@value
class Began:
    """Something is waited for, since a time; a wait shorter than `patience_s` shows nothing."""

    since_s: float
    patience_s: float = FIRST_S


@value
class Ended:
    """Nothing is waited for any more."""


@value
class Changed:
    """What is waited for has changed, or the width of the terminal."""


@value
class Printed:
    """Other output is about to be written."""


@value
class PartBegun:
    """An incomplete line is on the terminal."""


@value
class PartEnded:
    """No line is incomplete any more."""


@value
class Held:
    """Output is held: the command is about to be stopped by Ctrl-Z."""


@value
class Released:
    """Output is no longer held."""


@value
class Ticked:
    """The time of `next_s` has come."""


Event = Began | Ended | Changed | Printed | PartBegun | PartEnded | Held | Released | Ticked

# Actions.


@value
class Draw:
    """Write the line over itself.

    Attributes:
        elapsed_s: How long the wait takes so far, in whole seconds.
        turn: How often it was drawn before.
    """

    elapsed_s: int
    turn: int


@value
class Erase:
    """Remove the line from the terminal."""


@value
class Say:
    """Print a plain line.

    Attributes:
        elapsed_s: How long the wait takes so far, in whole seconds.
    """

    elapsed_s: int


Action = Draw | Erase | Say
Step = tuple[LiveLine, tuple[Action, ...]]


def step(line: LiveLine, event: Event, now_s: float) -> Step:
    """The state after an event, and the actions that follow.

    Args:
        line: The state before.
        event: What happened.
        now_s: The time.
    """
    erased, erasing = _erased(line)
    match event:
        case Began(since_s, patience_s) if line.began_s is None:
            said_s = since_s + SAID_AFTER_S
            began = replace(
                line, began_s=since_s, first_s=since_s + patience_s, stale=True, said_s=said_s
            )
            return _due(began, now_s)
        case Ended():
            return replace(erased, began_s=None, stale=False), erasing
        case Began() | Changed():
            return _due(replace(line, stale=True), now_s)
        case Printed():
            return replace(erased, calm_s=now_s + CALM_S), erasing
        case PartBegun():
            return replace(erased, part=True), erasing
        case PartEnded():
            return replace(line, part=False, calm_s=now_s + CALM_S), ()
        case Held():
            return replace(erased, held=True), erasing
        case Released():
            return _due(replace(line, held=False, stale=True), now_s)
        case Ticked():
            return _due(line, now_s)


def next_s(line: LiveLine) -> float | None:
    """When the machine wants `Ticked`; None for never."""
    if line.began_s is None or line.held or line.mode == OFF:
        return None
    if line.mode == PLAIN:
        return line.said_s
    if line.part:
        return None
    earliest_s = max(line.first_s, line.drawn_s + PAUSE_S, line.calm_s)
    if line.stale or not line.shown:
        return earliest_s
    return max(earliest_s, line.began_s + _whole(line.drawn_s - line.began_s) + 1)


def _erased(line: LiveLine) -> Step:
    return (replace(line, shown=False), (Erase(),)) if line.shown else (line, ())


def _due(line: LiveLine, now_s: float) -> Step:
    """Draw the line or say it, if its time has come."""
    due_s = next_s(line)
    if due_s is None or now_s + _EARLY_S < due_s:
        return line, ()
    assert line.began_s is not None
    elapsed_s = _whole(now_s - line.began_s)
    if line.mode == PLAIN:
        return replace(line, said_s=now_s + SAID_EVERY_S), (Say(elapsed_s),)
    drawn = replace(line, shown=True, stale=False, drawn_s=now_s, draws=line.draws + 1)
    return drawn, (Draw(elapsed_s, line.draws),)


def _whole(seconds: float) -> int:
    return max(0, int(seconds + 2 * _EARLY_S))
