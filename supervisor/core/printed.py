"""What a run has printed last, and whether that tells of an error."""

import re

from portweave.supervisor.core.lines import plain_text

# Output after a longer silence is about something else.
SILENCE_S = 2.0
_KEPT_BYTES = 16_384
_LONGEST = 200
# The line that names the error, among those that only speak of one: `SyntaxError: invalid syntax`.
_NAMED = r"(?i)\W{0,3}(?:[\w.:]*(?:error|exception)\b|panic|fatal)[^:]*:"


class Printed:
    """The lines that a run has printed last, without a silence between them."""

    def __init__(self) -> None:
        self._lines = b""
        self._last_s = 0.0

    def feed(self, lines: bytes, now_s: float) -> None:
        """Take whole lines."""
        before = self._lines if now_s - self._last_s < SILENCE_S else b""
        self._lines = (before + lines[-_KEPT_BYTES:])[-_KEPT_BYTES:]
        self._last_s = now_s

    def error(self) -> str:
        """The line that tells of an error; empty where none of them does."""
        return error_in(self._lines)


def error_in(lines: bytes) -> str:
    """The line that tells of an error: the last one that names it; empty where none does."""
    # Its patterns take a while to compile, and no start is to wait for them.
    from portweave.supervisor.core.brief import tells_error

    texts = [plain_text(line).strip() for line in lines.split(b"\n")]
    errors = [text for text in texts if tells_error(text)]
    named = [text for text in errors if re.match(_NAMED, text)]
    found = (named or errors or [""])[-1]
    return found if len(found) <= _LONGEST else f"{found[: _LONGEST - 1]}…"
