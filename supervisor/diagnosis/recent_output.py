"""Pure. The newest output of a run, and the error in it."""

from portweave.supervisor.logs.line_splitter import plain_text

# Output after a longer silence begins anew.
SILENCE_S = 2.0
_KEPT_BYTES = 16_384
_LONGEST = 200


class RecentOutput:
    """The newest lines of a run, without a silence between them.

    Args:
        folder: Places are shown relative to this folder.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lines = b""
        self._last_s = 0.0

    def feed(self, lines: bytes, now_s: float) -> None:
        """Add whole lines."""
        before = self._lines if now_s - self._last_s < SILENCE_S else b""
        self._lines = (before + lines[-_KEPT_BYTES:])[-_KEPT_BYTES:]
        self._last_s = now_s

    def error(self) -> str:
        """The error in them, with its place; empty for none."""
        return error_in(self._lines, self._folder)


def error_in(lines: bytes, folder: str) -> str:
    """The last error in lines, with its place; empty for none.

    Args:
        lines: Whole lines.
        folder: Places are shown relative to this folder.
    """
    # Imported here: the patterns take a while to compile, and no start waits for them.
    from portweave.supervisor.diagnosis.printed_error import find_error

    found = find_error([plain_text(line) for line in lines.split(b"\n")], folder)
    if found is None:
        return ""
    message = found.message
    if len(message) > _LONGEST:
        message = f"{message[: _LONGEST - 1]}…"
    return f"{message} ({found.place})" if found.place else message
