"""Pure. Find the level of a log line."""

import re

from portweave.supervisor.logs.error_words import reports_error

LEVELS = ("error", "warn", "info", "debug")
_LOOKED_AT = 400
_NAMES = {
    "fatal": "error", "critical": "error", "crit": "error", "panic": "error", "error": "error",
    "err": "error", "severe": "error", "alert": "error", "emerg": "error",
    "warning": "warn", "warn": "warn",
    "info": "info", "notice": "info", "information": "info", "log": "info",
    "debug": "debug", "trace": "debug", "verbose": "debug",
}  # fmt: skip
# `"level":"warn"` (JSON), `level=warn` (logfmt); pino writes numbers.
_FIELD = re.compile(
    r"""(?:"(?:level|severity|lvl|log\.level)"\s*:\s*|\b(?:level|severity|lvl)=)"?([A-Za-z]+|\d+)""",
    re.IGNORECASE,
)
# `INFO:`, `[warn]`, ` ERROR `: upper case anywhere near the start, or lower case in brackets or
# before a colon.
_UPPER = re.compile(
    r"(?:^|[\s\[(<|])(FATAL|CRITICAL|CRIT|PANIC|SEVERE|ERROR|ERR|WARNING|WARN|INFO|NOTICE|DEBUG|"
    r"TRACE|VERBOSE|LOG)()(?=$|[\s\])>|:!])"
)
_LOWER = re.compile(
    r"[\[(<](fatal|critical|error|err|warning|warn|info|notice|debug|trace)[\])>]"
    r"|^\W{0,3}(fatal|critical|error|warning|warn|info|debug)(?:\[\w+\])?:",
    re.IGNORECASE,
)
_WARNS = re.compile(r"\w*warning\b|\bdeprecated\b", re.IGNORECASE)
_NEAR = 90


def level_of(text: str) -> str:
    """Return the level of a line without escape sequences.

    Returns:
        `error`, `warn`, `info` or `debug`; empty for a line that shows none.
    """
    text = text[:_LOOKED_AT]
    if (found := _FIELD.search(text)) is not None and (level := _named(found[1])):
        return level
    near = text[:_NEAR]
    if (found := _UPPER.search(near) or _LOWER.search(near)) is not None:
        return _named(found[1] or found[2])
    if reports_error(text):
        return "error"
    return "warn" if _WARNS.search(text) else ""


def _named(word: str) -> str:
    if word.isdigit():
        number = int(word)
        # pino and bunyan: 10 to 60; other numbers are no level.
        if number % 10 or not 10 <= number <= 60:
            return ""
        return ("debug", "debug", "info", "warn", "error", "error")[number // 10 - 1]
    return _NAMES.get(word.lower(), "")
