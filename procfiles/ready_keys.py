"""Pure. The key `ready` of a service, and the keys in it: how portweave knows that it is up."""

from portweave.encoding import duration
from portweave.procfiles.fields import (
    Draft,
    Key,
    Schema,
    boolean_of,
    known_and_others,
    names,
    refuse_others,
    text_of,
    wrong_type,
)
from portweave.procfiles.issues import Issues
from portweave.procfiles.model import Ready
from portweave.procfiles.start_keys import command_of
from portweave.procfiles.tree import Keys, Number, Value

# Characters that mean themselves in a regular expression: to compile one, `re` must be imported.
_LITERAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_ :/,=@\"'")


def read_ready(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    """Read the value of `ready`.

    Args:
        value: The value.
        keys: Its path.
        issues: Gets what is wrong.
        draft: Its service gets the value.
    """
    if not isinstance(value, dict):
        hint = "as ready: {http: /health}" if isinstance(value, (str, bool)) else ""
        issues.add(keys, wrong_type("object", value), hint)
        return
    known, others = known_and_others(value, NAMES)
    ready = Ready()
    for key in KEYS:
        if key.name in known:
            key.read(known[key.name], (*keys, key.name), issues, ready)
    if not any(probe in known for probe in PROBES):
        message = f"ready must have at least one of {', '.join(PROBES)}"
        issues.add(keys, message)
    refuse_others(keys, others, NAMES, "FOREIGN_READY", issues)
    draft.service.ready = ready


def _http(value: Value, keys: Keys, issues: Issues, ready: Ready) -> None:
    text = text_of(value, keys, issues, "a path, as /health, or a URL")
    if text is None:
        return
    is_url = text.startswith(("http://", "https://")) and text.partition("//")[2] != ""
    if not (is_url or text.startswith("/")) or any(c <= " " or c == "\x7f" for c in text):
        is_path = bool(text) and all("!" <= letter <= "~" and letter != ":" for letter in text)
        hint = f"did you mean /{text.lstrip('/')}?" if is_path else "as /health"
        message = "http must be a path that begins with / or a URL (http or https)"
        issues.add(keys, message, hint)
        return
    ready.http = text


def _tcp(value: Value, keys: Keys, issues: Issues, ready: Ready) -> None:
    number = value.whole() if isinstance(value, Number) else None
    if value is True:
        ready.tcp = True
    elif number is not None and 1 <= number <= 65535:
        ready.tcp = number
    else:
        issues.add(keys, "tcp must be true, for the service's own port, or a port in [1, 65535]")


def _exec(value: Value, keys: Keys, issues: Issues, ready: Ready) -> None:
    ready.exec = command_of(value, keys, issues)


def _log(value: Value, keys: Keys, issues: Issues, ready: Ready) -> None:
    ready.log = text = text_of(value, keys, issues)
    if text == "":
        issues.add(keys, "log must not be empty")
    elif text is not None and not _LITERAL.issuperset(text):
        from portweave.procfiles.pattern import why_not

        why = why_not(text)
        if why:
            issues.add(keys, f"not a regular expression: {why}")


def _notify(value: Value, keys: Keys, issues: Issues, ready: Ready) -> None:
    ready.notify = boolean_of(value, keys, issues)


def _interval(value: Value, keys: Keys, issues: Issues, ready: Ready) -> None:
    ready.interval_s = ready.calm_s = seconds_of(value, keys, issues)


def _timeout(value: Value, keys: Keys, issues: Issues, ready: Ready) -> None:
    ready.timeout_s = seconds_of(value, keys, issues)


def seconds_of(value: Value, keys: Keys, issues: Issues, *, may_be_zero: bool = False) -> float:
    """A duration in seconds; 1.0, and an issue, for any other value.

    Args:
        value: The value.
        keys: Its path.
        issues: Gets the issue.
        may_be_zero: Whether 0 is a duration.
    """
    if isinstance(value, Number):
        seconds = value.real() if 0 <= value.real() <= duration.LONGEST_S else None
    elif isinstance(value, str):
        seconds = duration.parse(value)
    else:
        issues.add(keys, wrong_type("string or number", value))
        return 1.0
    if seconds is None or (seconds == 0 and not may_be_zero):
        issues.add(keys, "not a duration", "as 300ms, 10s, 1m30s, or a number of seconds")
        return 1.0
    return seconds


_DECIMAL = r"[0-9]+(\.[0-9]+)?"
_DURATION_TEXT = "|".join(
    (
        _DECIMAL,
        rf"{_DECIMAL}h",
        rf"([0-9]+h)?{_DECIMAL}m",
        rf"([0-9]+h)?([0-9]+m)?{_DECIMAL}s",
        rf"([0-9]+h)?([0-9]+m)?([0-9]+s)?{_DECIMAL}ms",
    )
)


def duration_schema(*, zero: bool) -> Schema:
    """The schema of a duration; `zero`: whether 0 is one."""
    bound = {"minimum": 0} if zero else {"exclusiveMinimum": 0}
    return {
        "description": "As 300ms, 10s or 1m30s, or a number of seconds.",
        "oneOf": [
            {"type": "string", "pattern": f"^({_DURATION_TEXT})$"},
            {"type": "number", **bound, "maximum": int(duration.LONGEST_S)},
        ],
    }


KEYS = (
    Key(
        "http",
        _http,
        {"type": "string", "pattern": r"^(/[^\x00-\x20\x7f]*|https?://[^\x00-\x20\x7f]+)$"},
        "A path on its own port, or a URL, that answers.",
    ),
    Key(
        "tcp",
        _tcp,
        {"oneOf": [{"const": True}, {"type": "integer", "minimum": 1, "maximum": 65535}]},
        "`true`: its own port listens; or another port.",
    ),
    Key("exec", _exec, {"$ref": "#/$defs/command"}, "A command that exits with 0."),
    Key(
        "log",
        _log,
        {"type": "string", "minLength": 1, "format": "regex"},
        "A regular expression that matches in a line of its output.",
    ),
    Key("notify", _notify, {"type": "boolean"}, "`true`: it reports that itself, as sd_notify(3)."),
    Key("interval", _interval, {"$ref": "#/$defs/duration"}, "The longest pause of a probe."),
    Key("timeout", _timeout, {"$ref": "#/$defs/duration"}, "How long it may take."),
)
NAMES = names(KEYS)
PROBES = NAMES[: NAMES.index("interval")]
