"""Pure. Why a run of a service ended, as a value."""

from collections.abc import Mapping

from portweave.encoding.value import value


@value
class Cause:
    """Why it ended.

    Attributes:
        kind: The class: `port in use`, `missing command`, `missing module`, `missing file`,
            `syntax error`, `shell syntax`, `out of memory`, `killed`, `permission`,
            `connection refused`, `missing variable`, `background`, `ended`, `crash`.
        text: In words; names what is missing or in the way, and the place in the project.
        hint: What to do; empty where that is not known.
        hopeless: Whether the next start would end the same way.
        place: `path:line` in the project; empty where none is known.
        lines: What it printed that tells of it, beginning where the error begins.
    """

    kind: str
    text: str
    hint: str = ""
    hopeless: bool = False
    place: str = ""
    lines: tuple[str, ...] = ()


def as_json(cause: Cause) -> Mapping[str, object]:
    """A cause as a value of JSON."""
    return {
        "kind": cause.kind,
        "text": cause.text,
        "hint": cause.hint or None,
        "place": cause.place or None,
    }
