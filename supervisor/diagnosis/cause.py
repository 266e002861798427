"""Pure. The cause of the end of a run."""

from collections.abc import Mapping

from portweave.encoding.value import value


@value
class Cause:
    """Why a run ended.

    Attributes:
        kind: The class: `port in use`, `missing command`, `missing module`, `missing file`,
            `syntax error`, `shell syntax`, `out of memory`, `killed`, `permission`,
            `connection refused`, `missing variable`, `background`, `ended`, `crash`.
        text: In words, with the name of the obstacle, and the place in the project.
        hint: What to do; empty where that is unknown.
        permanent: Whether the next start would end the same way.
        place: `path:line` in the project; empty where it is unknown.
        lines: The printed lines about it, from the beginning of the error.
    """

    kind: str
    text: str
    hint: str = ""
    permanent: bool = False
    place: str = ""
    lines: tuple[str, ...] = ()


def as_json(cause: Cause) -> Mapping[str, object]:
    """A cause as an object of JSON."""
    return {
        "kind": cause.kind,
        "text": cause.text,
        "hint": cause.hint or None,
        "place": cause.place or None,
    }
