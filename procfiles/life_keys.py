"""Pure. The keys about the life of a service: restart, stop, scale, names, terminal."""

from portweave.encoding.host_labels import is_hostname
from portweave.procfiles.fields import (
    NONBLANK,
    Draft,
    Key,
    absolute,
    alternatives,
    boolean_of,
    text_of,
    texts_of,
    wrong_type,
)
from portweave.procfiles.issues import Issues, nearest
from portweave.procfiles.model import Restart
from portweave.procfiles.ready_keys import duration_schema, read_ready, seconds_of
from portweave.procfiles.tree import Keys, Number, Value

_POLICIES = ("no", "on-failure", "always")
_SIGNALS = (
    "SIGTERM",
    "SIGINT",
    "SIGQUIT",
    "SIGHUP",
    "SIGKILL",
    "SIGUSR1",
    "SIGUSR2",
    "SIGWINCH",
    "SIGABRT",
    "SIGALRM",
)
# The frameworks that portweave recognises, by the names that `framework` accepts.
FRAMEWORKS = (
    "vite",
    "vp",
    "react-router",
    "astro",
    "rsbuild",
    "ng",
    "expo",
    "react-native",
    "next",
    "vinext",
    "webpack",
    "webpack-dev-server",
    "react-scripts",
    "vue-cli-service",
    "uvicorn",
    "fastapi",
    "gunicorn",
    "flask",
    "rails",
    "django",
)
_MOST_INSTANCES = 100
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"


def _restart(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    text = value if isinstance(value, str) else ""
    policy, colon, limit = text.partition(":")
    count = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 10 else 0
    if policy in _POLICIES and (not colon or (policy == "on-failure" and count > 0)):
        draft.service.restart = Restart(policy, count if colon else None)
        return
    from portweave.procfiles.foreign import FOREIGN_POLICIES

    asked = str(value).lower() if isinstance(value, bool) else policy
    meant = FOREIGN_POLICIES.get(asked) or nearest(asked, _POLICIES)
    hint = f'did you mean "{meant}"?' if meant and meant != policy else ""
    issues.add(keys, "must be no, on-failure, on-failure:N (N above 0) or always", hint)


def _stop_signal(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    text = text_of(value, keys, issues, "the name of a signal, as SIGINT")
    if text is None:
        return
    name = text if text.startswith("SIG") else "SIG" + text
    if name not in _SIGNALS:
        near = nearest(name.upper(), _SIGNALS)
        hint = f"did you mean {near}?" if near else ""
        issues.add(keys, f"must be {alternatives(_SIGNALS)}", hint)
        return
    draft.service.stop_signal = name


def _stop_grace(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.stop_grace_s = seconds_of(value, keys, issues, may_be_zero=True)


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
        issues.add(keys, wrong_type("boolean", value), hint)


def _oneshot(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.oneshot = boolean_of(value, keys, issues)


def _profiles(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.profiles = texts_of(value, keys, issues)


def _watch(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    found = texts_of([value] if isinstance(value, str) else value, keys, issues)
    draft.service.watch = tuple(absolute(draft.folder, path) for path in found)


def _framework(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if isinstance(value, bool) or (isinstance(value, str) and value in FRAMEWORKS):
        draft.service.framework = value
    elif isinstance(value, str):
        near = nearest(value, FRAMEWORKS)
        hint = f"did you mean {near}?" if near else f"there are {alternatives(FRAMEWORKS)}"
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
    draft.service.wildcard = boolean_of(value, keys, issues)


def _exported(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.exported = boolean_of(value, keys, issues)


def _tty(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if value == "auto":
        return
    if not isinstance(value, bool):
        issues.add(keys, "tty must be auto, true or false")
        return
    draft.service.tty = "true" if value else "false"


def _image(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if value is False:
        draft.service.image = False
        return
    if not isinstance(value, str) or not value or any(letter.isspace() for letter in value):
        issues.add(keys, "image must be false, or a name without blanks, as postgres:17.5")
        return
    draft.service.image = value


def _data(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    paths = texts_of(value, keys, issues)
    draft.service.data = tuple(absolute(draft.folder, path) for path in paths)


def _reserved(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    del value, draft
    issues.add(keys, f"{keys[-1]} is reserved and does not exist yet")


def _hooks(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    del value, draft
    message = "hooks belong to the stack, not to one service"
    issues.add(keys, message, "write hooks at the top of the file, beside services")


KEYS = (
    Key(
        "ready",
        read_ready,
        {"$ref": "#/$defs/ready"},
        "How portweave knows that it is up: `http` (a path or a URL; on localhost it may have any"
        " certificate), `tcp` (`true` or a port), `exec` (a command), `log` (a pattern), `notify`"
        " (`true`: sd_notify(3)); `interval`, `timeout`. All that is given must hold.",
    ),
    Key(
        "restart",
        _restart,
        {
            "type": "string",
            "pattern": "^(no|always|on-failure(:(?=[0-9]{1,9}$)0*[1-9][0-9]*)?)$",
            "examples": list(_POLICIES),
        },
        "`no`, `on-failure`, `on-failure:N` or `always`; by default `on-failure`, and `no` for a"
        " `oneshot`.",
    ),
    Key(
        "stopSignal",
        _stop_signal,
        {"enum": [*_SIGNALS, *(name.removeprefix("SIG") for name in _SIGNALS)]},
        "The signal that asks it to end; by default `SIGTERM`.",
    ),
    Key(
        "stopGracePeriod",
        _stop_grace,
        duration_schema(zero=True),
        "How long it may take to end before portweave kills it; by default `10s`.",
    ),
    Key(
        "scale",
        _scale,
        {"type": "integer", "minimum": 1, "maximum": _MOST_INSTANCES},
        "How many instances run (`web`, `web.2`, …); each has its own port.",
    ),
    Key("port", _port, {"type": "boolean"}, "`false`: the service has no port."),
    Key(
        "oneshot",
        _oneshot,
        {"type": "boolean"},
        "`true`: it is meant to end, and is completed when it exits with 0. Services that depend on"
        " it wait for that.",
    ),
    Key(
        "watch",
        _watch,
        {"anyOf": [NONBLANK, {"type": "array", "items": NONBLANK}]},
        "Files, folders or globs; a change restarts it. Portweave ignores files that git ignores,"
        " and worktrees and repositories within.",
    ),
    Key(
        "framework",
        _framework,
        {"anyOf": [{"type": "boolean"}, {"enum": list(FRAMEWORKS)}]},
        "The framework of its command, if portweave does not recognise it (`vite`, `next`,"
        " `uvicorn`, `django`, …); `false`: portweave leaves the command as it is.",
    ),
    Key("scope", _reserved, None, ""),
    Key("hooks", _hooks, None, ""),
    Key("resources", _reserved, None, ""),
    Key(
        "profiles",
        _profiles,
        {"type": "array", "items": NONBLANK},
        "It only starts with one of these as `--profile`, or when you name it.",
    ),
    Key(
        "hostname",
        _hostname,
        {"anyOf": [{"const": False}, {"type": "string", "pattern": rf"^{_LABEL}(\.{_LABEL})*$"}]},
        "The name of its route, by default its own name; `false`: the service has no route.",
    ),
    Key(
        "wildcard",
        _wildcard,
        {"type": "boolean"},
        "`true`: it also gets the names below its route, as `tenant.web.shop.localhost`. A name"
        " with a route of its own keeps that route.",
    ),
    Key(
        "exported",
        _exported,
        {"type": "boolean"},
        "`true`: other stacks and machines call it over the bus, which `calls` names.",
    ),
    Key(
        "tty",
        _tty,
        {"enum": ["auto", True, False]},
        "`true`: it has a terminal of its own. `auto` (the default): where `up` writes to a"
        " terminal, or runs with `-d`, but not where `CI` is set.",
    ),
    Key(
        "image",
        _image,
        {"anyOf": [{"const": False}, {"type": "string", "pattern": r"^\S+(?![\s\S])"}]},
        "Only for `export`: the container image, as `postgres:17.5`; `false`: the service is not"
        " exported to containers.",
    ),
    Key(
        "data",
        _data,
        {"type": "array", "items": NONBLANK},
        "Only for `export`: folders with content that must outlast a container.",
    ),
)
