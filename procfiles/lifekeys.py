"""Pure. Keys about the life of a service: readiness, restart, stop, scale."""

from portweave.encoding.host_labels import is_hostname
from portweave.procfiles import keys as words
from portweave.procfiles.fields import (
    Draft,
    absolute,
    boolean,
    expected,
    listed,
    refuse_others,
    take,
    text_of,
    texts,
)
from portweave.procfiles.issues import Issues, nearest
from portweave.procfiles.model import Ready, Restart
from portweave.procfiles.startkeys import words_of
from portweave.procfiles.tree import Keys, Number, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.procfiles.fields import Reader

_MOST_INSTANCES = 100
# Characters that mean themselves in a regular expression: to compile one, `re` must be imported.
_LITERAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_ :/,=@\"'")


# When it is up


def _ready(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if not isinstance(value, dict):
        hint = "as ready: {http: /health}" if isinstance(value, (str, bool)) else ""
        issues.add(keys, expected("object", value), hint)
        return
    known, others = take(value, words.READY)
    ready = Ready()
    if "http" in known:
        ready.http = _http(known["http"], (*keys, "http"), issues)
    if "tcp" in known:
        ready.tcp = _tcp(known["tcp"], (*keys, "tcp"), issues)
    if "exec" in known:
        ready.exec = words_of(known["exec"], (*keys, "exec"), issues)
    if "log" in known:
        ready.log = _pattern(known["log"], (*keys, "log"), issues)
    if "notify" in known:
        ready.notify = boolean(known["notify"], (*keys, "notify"), issues)
    if "interval" in known:
        ready.interval_s = _duration(known["interval"], (*keys, "interval"), issues)
        ready.calm_s = ready.interval_s
    if "timeout" in known:
        ready.timeout_s = _duration(known["timeout"], (*keys, "timeout"), issues)
    if not any(key in known for key in words.PROBES):
        message = f"ready must have at least one of {', '.join(words.PROBES)}"
        issues.add(keys, message)
    refuse_others(keys, others, words.READY, "FOREIGN_READY", issues)
    draft.service.ready = ready


def _http(value: Value, keys: Keys, issues: Issues) -> str | None:
    text = text_of(value, keys, issues, "a path, as /health, or a URL")
    if text is None:
        return None
    is_url = text.startswith(("http://", "https://")) and text.partition("//")[2] != ""
    if not (is_url or text.startswith("/")) or any(c <= " " or c == "\x7f" for c in text):
        issues.add(keys, "http must be a path that begins with / or a URL (http or https)")
        return None
    return text


def _tcp(value: Value, keys: Keys, issues: Issues) -> bool | int | None:
    number = value.whole() if isinstance(value, Number) else None
    if value is True:
        return True
    if number is not None and 1 <= number <= 65535:
        return number
    issues.add(keys, "tcp must be true, for the service's own port, or a port in [1, 65535]")
    return None


def _pattern(value: Value, keys: Keys, issues: Issues) -> str | None:
    text = text_of(value, keys, issues)
    if text is None:
        return None
    if not text:
        issues.add(keys, "log must not be empty")
    elif not _LITERAL.issuperset(text):
        from portweave.procfiles.pattern import why_not

        why = why_not(text)
        if why:
            issues.add(keys, f"not a regular expression: {why}")
    return text


def _duration(value: Value, keys: Keys, issues: Issues, *, may_be_zero: bool = False) -> float:
    from portweave.encoding import duration

    if isinstance(value, Number):
        seconds = value.real() if 0 <= value.real() <= duration.LONGEST_S else None
    elif isinstance(value, str):
        seconds = duration.parse(value)
    else:
        issues.add(keys, expected("string or number", value))
        return 1.0
    if seconds is None or (seconds == 0 and not may_be_zero):
        issues.add(keys, "not a duration", "as 300ms, 10s, 1m30s, or a number of seconds")
        return 1.0
    return seconds


# When it is started again, and how it is stopped


def _restart(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    text = value if isinstance(value, str) else ""
    policy, colon, limit = text.partition(":")
    count = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 10 else 0
    if policy in words.POLICIES and (not colon or (policy == "on-failure" and count > 0)):
        draft.service.restart = Restart(policy, count if colon else None)
        return
    from portweave.procfiles.foreign import FOREIGN_POLICIES

    asked = str(value).lower() if isinstance(value, bool) else policy
    meant = FOREIGN_POLICIES.get(asked) or nearest(asked, words.POLICIES)
    hint = f'did you mean "{meant}"?' if meant and meant != policy else ""
    issues.add(keys, "must be no, on-failure, on-failure:N (N above 0) or always", hint)


def _stop_signal(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    text = text_of(value, keys, issues, "the name of a signal, as SIGINT")
    if text is None:
        return
    name = text if text.startswith("SIG") else "SIG" + text
    if name not in words.SIGNALS:
        near = nearest(name.upper(), words.SIGNALS)
        hint = f"did you mean {near}?" if near else ""
        issues.add(keys, f"must be {listed(words.SIGNALS)}", hint)
        return
    draft.service.stop_signal = name


def _stop_grace(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.stop_grace_s = _duration(value, keys, issues, may_be_zero=True)


# How many, and what for


def _scale(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    number = value.whole() if isinstance(value, Number) else None
    if number is None or not 1 <= number <= _MOST_INSTANCES:
        issues.add(keys, f"scale must be an integer in [1, {_MOST_INSTANCES}]")
        return
    draft.service.scale = number


def _port(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    hint = ""
    if isinstance(value, (Number, str)):
        hint = "portweave allocates the port; the service finds it in $PORT, others in its envVar"
    if isinstance(value, bool):
        draft.port = value
    else:
        issues.add(keys, expected("boolean", value), hint)


def _oneshot(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.oneshot = boolean(value, keys, issues)


def _profiles(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.profiles = texts(value, keys, issues)


# What is accepted in part, or not yet


def _watch(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    found = texts([value] if isinstance(value, str) else value, keys, issues)
    draft.service.watch = tuple(absolute(draft.folder, path) for path in found)


def _framework(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if isinstance(value, bool) or (isinstance(value, str) and value in words.FRAMEWORKS):
        draft.service.framework = value
    elif isinstance(value, str):
        near = nearest(value, words.FRAMEWORKS)
        hint = f"did you mean {near}?" if near else f"there are {listed(words.FRAMEWORKS)}"
        issues.add(keys, f'unknown framework "{value}"', hint)
    else:
        issues.add(keys, "framework must be a name or false")


def _hostname(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if value is False:
        draft.service.hostname = False
    elif isinstance(value, str) and is_hostname(value):
        draft.service.hostname = value.lower().replace("_", "-")
    elif isinstance(value, str):
        message = f'"{value}" cannot stand in a host name'
        issues.add(keys, message, "letters, digits and hyphens, with dots between them")
    else:
        issues.add(keys, "hostname must be a name or false")


def _wildcard(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.wildcard = boolean(value, keys, issues)


def _tty(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if value == "auto":
        return
    if not isinstance(value, bool):
        issues.add(keys, "tty must be auto, true or false")
        return
    draft.service.tty = "true" if value else "false"


def _reserved(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    del value, draft
    issues.add(keys, f"{keys[-1]} is reserved and does not exist yet")


READERS: "tuple[tuple[str, Reader], ...]" = (
    ("ready", _ready),
    ("restart", _restart),
    ("stopSignal", _stop_signal),
    ("stopGracePeriod", _stop_grace),
    ("scale", _scale),
    ("port", _port),
    ("oneshot", _oneshot),
    ("watch", _watch),
    ("framework", _framework),
    ("scope", _reserved),
    ("hooks", _reserved),
    ("resources", _reserved),
    ("profiles", _profiles),
    ("hostname", _hostname),
    ("wildcard", _wildcard),
    ("tty", _tty),
)
