"""Pure. What a run has printed last, and whether that tells of an error."""

from portweave.supervisor.logs.line_splitter import plain_text

# Output after a longer silence is about something else.
SILENCE_S = 2.0
_KEPT_BYTES = 16_384
_LONGEST = 200


class RecentOutput:
    """The lines that a run has printed last, without a silence between them.

    Args:
        folder: Places in it are told relative to it.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lines = b""
        self._last_s = 0.0

    def feed(self, lines: bytes, now_s: float) -> None:
        """Take whole lines."""
        before = self._lines if now_s - self._last_s < SILENCE_S else b""
        self._lines = (before + lines[-_KEPT_BYTES:])[-_KEPT_BYTES:]
        self._last_s = now_s

    def error(self) -> str:
        """The error that they tell of, with its place; empty where they tell of none."""
        return error_in(self._lines, self._folder)


def error_in(lines: bytes, folder: str) -> str:
    """The last error that lines tell of, with its place; empty where they tell of none.

    Args:
        lines: Whole lines.
        folder: Places in it are told relative to it.
    """
    # Its patterns take a while to compile, and no start is to wait for them.
    from portweave.supervisor.diagnosis.printed_error import find_error

    found = find_error([plain_text(line) for line in lines.split(b"\n")], folder)
    if found is None:
        return ""
    message = found.message
    if len(message) > _LONGEST:
        message = f"{message[: _LONGEST - 1]}…"
    return f"{message} ({found.place})" if found.place else message
