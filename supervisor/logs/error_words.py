"""Pure. Whether a printed line reports an error, by its words."""

import re

_ERROR = re.compile(
    r"(?:error|exception)\b|\btraceback\b|\bpanic(?:ked)?\b|\bfatal\b|\bcritical\b|\bfailed\b"
    r"|\bunhandled\b|segmentation fault|core dumped|command not found|no such file",
    re.IGNORECASE,
)
# Each such line contains one of these. Searching for fixed texts is fifty times as fast.
_MARKS = (
    "error", "exception", "traceback", "panic", "fatal", "critical", "failed", "unhandled",
    "segmentation fault", "core dumped", "command not found", "no such file",
)  # fmt: skip


def reports_error(text: str) -> bool:
    """Whether a line without escape sequences reports an error."""
    lowered = text.lower()
    return any(mark in lowered for mark in _MARKS) and _ERROR.search(text) is not None
