"""The first look at a document: has each key the type and the form it should have?

Everything that is wrong is collected, in the order in which npm portweave looks at its keys; the
messages for these are its own. What one key says of another is looked at later, in `definitions`.
"""

import posixpath

from portweave.procfiles import keys as words
from portweave.procfiles.issues import Issues, nearest
from portweave.procfiles.model import Dependency, EnvFile, Ready, Restart, Service
from portweave.procfiles.tree import (
    Document,
    Keys,
    Number,
    Value,
    camel_case,
    snake_case,
    type_name,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
_NAME = _LOWER | frozenset("0123456789-")
_UPPER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_VARIABLE = _UPPER | frozenset("0123456789_")
_SAFE_INTEGER = 2**53 - 1
# What npm portweave takes off the ends of a project's name.
_BLANKS = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_MOST_INSTANCES = 100
# Characters that mean themselves in a regular expression: to compile one, `re` must be imported.
_LITERAL = _NAME | _UPPER | frozenset(" _:/,=@\"'")


class Draft:
    """A service as its document says it.

    Attributes:
        service: What was said, defaults for all else.
        folder: That of the document.
        port: Whether it has one (`port: false` is none).
    """

    __slots__ = ("folder", "port", "service")

    def __init__(self, service: Service, folder: str) -> None:
        self.service = service
        self.folder = folder
        self.port = True


class Shape:
    """A document as it says it.

    Attributes:
        project_name: None where nothing was said.
        env_files: Those of all services.
        drafts: The services, in file order.
    """

    __slots__ = ("drafts", "env_files", "project_name")

    def __init__(self) -> None:
        self.project_name: str | None = None
        self.env_files: tuple[EnvFile, ...] = ()
        self.drafts: list[Draft] = []


def read(document: Document, issues: Issues, *, has_processes: bool) -> Shape:
    """Take a document's values.

    Args:
        document: The document.
        issues: What is wrong is added here; the result is of use only where there is nothing.
        has_processes: Whether a Procfile beside it has commands, too.
    """
    shape = Shape()
    value = document.value
    if not isinstance(value, dict):
        hint = "the file is empty" if value is None else ""
        issues.add((), _expected("object", value), hint)
        return shape
    known, others = _take(value, words.ROOT)
    folder = posixpath.dirname(document.path)
    if "$schema" in known:
        _text(known["$schema"], ("$schema",), issues)
    if "projectName" in known:
        shape.project_name = _project_name(known["projectName"], ("projectName",), issues)
    services = known.get("services")
    if "services" in known or not has_processes:
        if not isinstance(services, dict):
            issues.add(("services",), _wrong("record", known, "services"))
        elif not services and not has_processes:
            issues.add(("services",), "services must contain at least one entry")
        else:
            _services(services, shape, document, issues, has_processes=has_processes)
    if "envFile" in known:
        shape.env_files = _env_files(known["envFile"], ("envFile",), issues, folder)
    _refuse_others((), others, words.ROOT, "FOREIGN_ROOT", issues)
    return shape


def _services(
    services: dict[str, Value],
    shape: Shape,
    document: Document,
    issues: Issues,
    *,
    has_processes: bool,
) -> None:
    # A file in which nothing has a command is one of npm portweave's: its rules hold throughout.
    gives_commands = has_processes or any(
        isinstance(value, dict) and "command" in value and not name.startswith("x-")
        for name, value in services.items()
    )
    folder = posixpath.dirname(document.path)
    for name, value in services.items():
        keys = ("services", name)
        if gives_commands and name.startswith("x-"):
            continue
        if not name or name[0] not in _LOWER or not _NAME.issuperset(name):
            hint = "a name begins with a lower-case letter and has a-z, 0-9 and - in it"
            issues.add(keys, "Invalid key in record", hint)
        elif not isinstance(value, dict):
            issues.add(keys, _expected("object", value))
        else:
            draft = Draft(Service(name, document.origin(keys), working_dir=folder), folder)
            _service(value, draft, keys, issues, needs_env_var=not gives_commands)
            shape.drafts.append(draft)
    if not shape.drafts and not issues.found and not has_processes:
        issues.add(("services",), "services must contain at least one entry")


def _service(
    value: dict[str, Value], draft: Draft, keys: Keys, issues: Issues, *, needs_env_var: bool
) -> None:
    known, others = _take(value, words.SERVICE)
    for key, reader in _READERS:
        if key in known:
            reader(known[key], (*keys, key), issues, draft)
        elif key == "envVar" and needs_env_var and known.get("port") is not False:
            hint = "the variable of its port; with a command in the file it may be left out"
            issues.add((*keys, key), _wrong("string", known, key), hint)
    _refuse_others(keys, others, words.SERVICE, "FOREIGN_SERVICE", issues)


def _take(
    value: dict[str, Value], known: tuple[str, ...]
) -> tuple[dict[str, Value], list[tuple[str, str]]]:
    """Values by the camelCase names of their keys, and the other keys.

    The second of another key is the name that is there in the other spelling, if it is that.
    """
    found: dict[str, Value] = {}
    others: list[tuple[str, str]] = []
    for key, member in value.items():
        name = key
        if key not in known:
            if key.startswith("x-"):
                continue
            name = camel_case(key) if "_" in key else ""
            if name not in known or snake_case(name) != key:
                others.append((key, ""))
                continue
        if name in found:
            others.append((key, name))
        else:
            found[name] = member
    return found, others


def _refuse_others(
    keys: Keys,
    others: list[tuple[str, str]],
    known: tuple[str, ...],
    foreign_table: str,
    issues: Issues,
) -> None:
    if not others:
        return
    from portweave.procfiles import foreign

    table: dict[str, str] = getattr(foreign, foreign_table)
    unknown: list[str] = []
    notes: list[tuple[Keys, str]] = []
    for key, twin in others:
        if twin:
            message = f'"{twin}" and "{snake_case(twin)}" are the same key'
            issues.add((*keys, key), message, "keep one of them")
            continue
        unknown.append(key)
        meant = table.get(key) or nearest(camel_case(key), known) or table.get(key.lower())
        notes.append(((*keys, key), f"did you mean {meant}?" if meant else ""))
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        listed = ", ".join(f'"{key}"' for key in unknown)
        issues.add(keys, f"Unrecognized key{plural}: {listed}", notes=tuple(notes))


# Messages


def _expected(wanted: str, value: Value) -> str:
    return f"Invalid input: expected {wanted}, received {type_name(value)}"


def _wrong(wanted: str, known: dict[str, Value], key: str) -> str:
    if key not in known:
        return f"Invalid input: expected {wanted}, received undefined"
    return _expected(wanted, known[key])


def _not_yet(what: str, text: str, keys: Keys, issues: Issues) -> None:
    if what in words.NOT_YET:
        issues.add(keys, f"{text} is not supported yet")


# npm portweave's own keys


def _text(value: Value, keys: Keys, issues: Issues, hint: str = "") -> str | None:
    if isinstance(value, str):
        return value
    if not hint and isinstance(value, (Number, bool)):
        hint = "put it in quotes"
    issues.add(keys, _expected("string", value), hint)
    return None


def _filled(value: Value, keys: Keys, issues: Issues) -> str | None:
    """Text that is not empty or blank."""
    text = _text(value, keys, issues)
    if text is not None and not text.strip():
        issues.add(keys, f"{keys[-1]} must not be empty")
        return None
    return text


def _project_name(value: Value, keys: Keys, issues: Issues) -> str | None:
    name = _text(value, keys, issues)
    if name is None:
        if value == []:
            issues.add(keys, "Too small: expected array to have >=1 items")
        return None
    name = name.strip(_BLANKS)
    if not name:
        issues.add(keys, "Too small: expected string to have >=1 characters")
    elif len(name) > 100:
        issues.add(keys, "Too big: expected string to have <=100 characters")
    return name


def _discovery_env(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if not isinstance(value, dict):
        issues.add(keys, _expected("record", value))
        return
    pairs: list[tuple[str, str]] = []
    for name, template in value.items():
        if not _is_variable(name):
            hint = "a variable begins with A-Z and has A-Z, 0-9 and _ in it"
            issues.add((*keys, name), "Invalid key in record", hint)
            continue
        text = _text(template, (*keys, name), issues)
        if text is not None:
            pairs.append((name, text))
    draft.service.discovery_env = tuple(pairs)


def _is_variable(name: str) -> bool:
    return bool(name) and name[0] in _UPPER and _VARIABLE.issuperset(name)


def _env_var(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    name = _text(value, keys, issues)
    if name is None:
        return
    if not _is_variable(name):
        issues.add(keys, "envVar must match /^[A-Z][A-Z0-9_]*$/")
    draft.service.env_var = name


def _group(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    name = _text(value, keys, issues)
    if name == "" or value == []:
        issues.add(keys, "group must be a non-empty string")
    draft.service.group = name


def _preferred(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    del draft  # npm portweave reads it and does nothing with it
    number = value.whole() if isinstance(value, Number) else None
    if number is None or abs(number) > _SAFE_INTEGER:
        issues.add(keys, "preferred must be an integer")
    if number is not None and number < 1:
        issues.add(keys, "preferred must be >= 1")
    elif number is not None and number > 65535:
        issues.add(keys, "preferred must be <= 65535")


# What is started, and how


def _words(value: Value, keys: Keys, issues: Issues) -> str | tuple[str, ...] | None:
    """A command: text for a shell, or a list of words."""
    if not isinstance(value, list):
        if isinstance(value, str):
            return _filled(value, keys, issues)
        issues.add(keys, _expected("string or array", value))
        return None
    if not value:
        issues.add(keys, f"{keys[-1]} must not be empty")
        return None
    parts: list[str] = []
    for index, item in enumerate(value):
        if isinstance(item, Number):
            parts.append(item.text)
            continue
        # Arguments may be empty; what is executed may not.
        read = _filled if index == 0 else _text
        text = read(item, (*keys, index), issues)
        if text is not None:
            parts.append(text)
    return tuple(parts)


def _command(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.command = _words(value, keys, issues)


def _working_dir(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    path = _filled(value, keys, issues)
    if path is not None:
        draft.service.working_dir = _absolute(draft.folder, path)


def _absolute(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


def _environment(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    pairs: dict[str, str | None] = {}
    if isinstance(value, dict):
        for name, member in value.items():
            if name.startswith("x-"):
                continue
            if _is_settable(name, (*keys, name), issues):
                pairs[name] = _variable(member, (*keys, name), issues)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            hint = "write KEY=value" if isinstance(item, dict) else ""
            text = _text(item, (*keys, index), issues, hint)
            if text is None:
                continue
            name, equals, rest = text.partition("=")
            if name in pairs:
                issues.add((*keys, index), f'the variable "{name}" is there twice')
            elif _is_settable(name, (*keys, index), issues):
                pairs[name] = rest if equals else None
    else:
        issues.add(keys, _expected("object or array", value))
    draft.service.environment = tuple(pairs.items())


def _is_settable(name: str, keys: Keys, issues: Issues) -> bool:
    if name and "=" not in name and not any(letter.isspace() for letter in name):
        return True
    issues.add(keys, "not a name of a variable", "it has no blanks and no = in it")
    return False


def _variable(value: Value, keys: Keys, issues: Issues) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Number):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    hint = ""
    if value is None:
        hint = 'write "" for an empty value; - KEY in a list passes the inherited one on'
    issues.add(keys, _expected("string, number or boolean", value), hint)
    return ""


def _env_files(value: Value, keys: Keys, issues: Issues, folder: str) -> tuple[EnvFile, ...]:
    many = isinstance(value, list)
    files: list[EnvFile] = []
    for index, item in enumerate(value if isinstance(value, list) else [value]):
        item_keys = (*keys, index) if many else keys
        required = True
        path: str | None = None
        if isinstance(item, str):
            path = _filled(item, item_keys, issues)
        elif isinstance(item, dict):
            known, others = _take(item, ("path", "required"))
            path = None
            if "path" in known:
                path = _filled(known["path"], (*item_keys, "path"), issues)
            else:
                issues.add((*item_keys, "path"), _wrong("string", known, "path"))
            required = _boolean(known.get("required", True), (*item_keys, "required"), issues)
            _refuse_others(item_keys, others, ("path", "required"), "FOREIGN_ENV_FILE", issues)
        else:
            wanted = "string or object" if many else "string, array or object"
            issues.add(item_keys, _expected(wanted, item))
        if path is not None:
            files.append(EnvFile(_absolute(folder, path), required=required))
    return tuple(files)


def _env_file(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.env_files = _env_files(value, keys, issues, draft.folder)


def _boolean(value: Value, keys: Keys, issues: Issues) -> bool:
    if isinstance(value, bool):
        return value
    issues.add(keys, _expected("boolean", value))
    return False


def _depends_on(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    found: dict[str, Dependency] = {}
    if isinstance(value, list):
        for index, item in enumerate(value):
            name = _filled(item, (*keys, index), issues)
            if name in found:
                issues.add((*keys, index), f'"{name}" is there twice')
            elif name is not None:
                found[name] = Dependency(name, "ready")
    elif isinstance(value, dict):
        for name, condition in value.items():
            if name.startswith("x-"):
                continue
            if condition in words.CONDITIONS:
                found[name] = Dependency(name, str(condition))
            else:
                _refuse_condition(condition, (*keys, name), issues)
    else:
        issues.add(keys, _expected("array or object", value))
    draft.service.depends_on = tuple(found.values())


def _refuse_condition(condition: Value, keys: Keys, issues: Issues) -> None:
    from portweave.procfiles.foreign import FOREIGN_CONDITIONS

    asked = condition
    if isinstance(condition, dict):
        asked = condition.get("condition", "service_started")
    meant = None
    if isinstance(asked, str):
        meant = FOREIGN_CONDITIONS.get(asked)
        if isinstance(condition, dict) and asked in words.CONDITIONS:
            meant = asked
        meant = meant or nearest(asked, words.CONDITIONS)
    hint = f"did you mean {keys[-1]}: {meant}?" if meant else ""
    issues.add(keys, f"must be {_listed(words.CONDITIONS)}", hint)


def _listed(choices: tuple[str, ...]) -> str:
    return ", ".join(choices[:-1]) + " or " + choices[-1]


# When it is up


def _ready(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if not isinstance(value, dict):
        hint = "as ready: {http: /health}" if isinstance(value, (str, bool)) else ""
        issues.add(keys, _expected("object", value), hint)
        return
    known, others = _take(value, words.READY)
    ready = Ready()
    if "http" in known:
        ready.http = _http(known["http"], (*keys, "http"), issues)
    if "tcp" in known:
        ready.tcp = _tcp(known["tcp"], (*keys, "tcp"), issues)
    if "exec" in known:
        ready.exec = _words(known["exec"], (*keys, "exec"), issues)
    if "log" in known:
        ready.log = _pattern(known["log"], (*keys, "log"), issues)
    if "notify" in known:
        ready.notify = _boolean(known["notify"], (*keys, "notify"), issues)
        if ready.notify:
            _not_yet("ready.notify=true", "notify", (*keys, "notify"), issues)
    if "interval" in known:
        ready.interval_s = _duration(known["interval"], (*keys, "interval"), issues)
    if "timeout" in known:
        ready.timeout_s = _duration(known["timeout"], (*keys, "timeout"), issues)
    if not any(key in known for key in words.PROBES):
        message = f"ready must have at least one of {', '.join(words.PROBES)}"
        issues.add(keys, message)
    _refuse_others(keys, others, words.READY, "FOREIGN_READY", issues)
    draft.service.ready = ready


def _http(value: Value, keys: Keys, issues: Issues) -> str | None:
    text = _text(value, keys, issues, "a path, as /health, or a URL")
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
    text = _text(value, keys, issues)
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
    from portweave.procfiles import duration

    if isinstance(value, Number):
        seconds = value.real() if 0 <= value.real() <= duration.LONGEST_S else None
    elif isinstance(value, str):
        seconds = duration.parse(value)
    else:
        issues.add(keys, _expected("string or number", value))
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
    text = _text(value, keys, issues, "the name of a signal, as SIGINT")
    if text is None:
        return
    name = text if text.startswith("SIG") else "SIG" + text
    if name not in words.SIGNALS:
        near = nearest(name.upper(), words.SIGNALS)
        hint = f"did you mean {near}?" if near else ""
        issues.add(keys, f"must be {_listed(words.SIGNALS)}", hint)
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
        issues.add(keys, _expected("boolean", value), hint)


def _oneshot(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.oneshot = _boolean(value, keys, issues)


def _profiles(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.profiles = _texts(value, keys, issues)


def _texts(value: Value, keys: Keys, issues: Issues) -> tuple[str, ...]:
    if not isinstance(value, list):
        hint = "put it in brackets: [" + value + "]" if isinstance(value, str) else ""
        issues.add(keys, _expected("array", value), hint)
        return ()
    texts = [_filled(item, (*keys, index), issues) for index, item in enumerate(value)]
    return tuple(text for text in texts if text is not None)


# What is accepted in part, or not yet


def _watch(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.watch = _texts([value] if isinstance(value, str) else value, keys, issues)
    _not_yet("watch", "watch", keys, issues)


def _framework(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if isinstance(value, bool):
        draft.service.framework = value
    elif isinstance(value, str) and value.strip():
        draft.service.framework = value
        _not_yet("framework=name", "the name of a framework", keys, issues)
    else:
        issues.add(keys, "framework must be a name or false")


def _hostname(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if value is False:
        draft.service.hostname = False
    elif isinstance(value, str) and value.strip():
        draft.service.hostname = value
        _not_yet("hostname=name", "a hostname other than the service's name", keys, issues)
    else:
        issues.add(keys, "hostname must be a name or false")


def _tty(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if value == "auto":
        return
    if not isinstance(value, bool):
        issues.add(keys, "tty must be auto, true or false")
        return
    draft.service.tty = "true" if value else "false"
    if value:
        _not_yet("tty=true", "tty: true", keys, issues)


def _reserved(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    del value, draft
    issues.add(keys, f"{keys[-1]} is reserved and does not exist yet")


_READERS: "tuple[tuple[str, Callable[[Value, Keys, Issues, Draft], None]], ...]" = (
    ("discoveryEnv", _discovery_env),
    ("envVar", _env_var),
    ("group", _group),
    ("preferred", _preferred),
    ("command", _command),
    ("workingDir", _working_dir),
    ("environment", _environment),
    ("envFile", _env_file),
    ("dependsOn", _depends_on),
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
    ("tty", _tty),
)
