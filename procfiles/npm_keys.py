"""Pure. The keys of a service that npm portweave has, too; with its messages."""

from portweave.procfiles.fields import EXTENSIONS, Draft, Key, text_of, wrong_type
from portweave.procfiles.issues import Issues
from portweave.procfiles.tree import Keys, Number, Value

_UPPER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_VARIABLE_CHARACTERS = _UPPER | frozenset("0123456789_")
_VARIABLE_PATTERN = "^[A-Z][A-Z0-9_]*$"
_SAFE_INTEGER = 2**53 - 1


def _discovery_env(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if not isinstance(value, dict):
        issues.add(keys, wrong_type("record", value))
        return
    pairs: list[tuple[str, str]] = []
    for name, template in value.items():
        if name.startswith("x-"):
            continue
        if not _is_variable(name):
            hint = "a variable begins with A-Z and has A-Z, 0-9 and _ in it"
            issues.add((*keys, name), "Invalid key in record", hint)
            continue
        text = text_of(template, (*keys, name), issues)
        if text is not None:
            pairs.append((name, text))
    draft.service.discovery_env = tuple(pairs)


def _is_variable(name: str) -> bool:
    return bool(name) and name[0] in _UPPER and _VARIABLE_CHARACTERS.issuperset(name)


def _env_var(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    name = text_of(value, keys, issues)
    if name is None:
        return
    if not _is_variable(name):
        issues.add(keys, "envVar must match /^[A-Z][A-Z0-9_]*$/")
    draft.service.env_var = name


def _group(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    name = text_of(value, keys, issues)
    if name == "" or value == []:
        issues.add(keys, "group must be a non-empty string")
    draft.service.group = name


def _preferred(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    del draft  # npm portweave checks the value and does not use it.
    number = value.whole() if isinstance(value, Number) else None
    if number is None or abs(number) > _SAFE_INTEGER:
        issues.add(keys, "preferred must be an integer")
    if number is not None and number < 1:
        issues.add(keys, "preferred must be >= 1")
    elif number is not None and number > 65535:
        issues.add(keys, "preferred must be <= 65535")


# In the order in which npm portweave checks them.
KEYS = (
    Key(
        "discoveryEnv",
        _discovery_env,
        {
            "type": "object",
            "patternProperties": {_VARIABLE_PATTERN: {"type": "string"}, **EXTENSIONS},
            "additionalProperties": False,
        },
        "Variables for every service. `${service}` is its port, `${namespace}` the worktree's name,"
        " `${pw:worktreeRoot}` and `${pw:gitCommonDir}` its folders.",
    ),
    Key(
        "envVar",
        _env_var,
        {"type": "string", "pattern": _VARIABLE_PATTERN},
        "The variable that holds the port, in every service's environment. It may be left out"
        " where any service of the file has a command: `<NAME>_PORT`.",
    ),
    Key(
        "group",
        _group,
        {"type": "string", "minLength": 1},
        "Services of one group have neighbouring ports.",
    ),
    Key(
        "preferred",
        _preferred,
        {"deprecated": True, "type": "integer", "minimum": 1, "maximum": 65535},
        "Portweave checks it and does not use it, as npm portweave.",
    ),
)
