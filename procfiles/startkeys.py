"""Pure. The keys that say what is started: command, folder, variables, dependencies."""

from portweave.procfiles import keys as words
from portweave.procfiles.fields import (
    Draft,
    absolute,
    boolean,
    expected,
    filled,
    listed,
    refuse_others,
    take,
    text_of,
    wrong,
)
from portweave.procfiles.issues import Issues, nearest
from portweave.procfiles.model import Dependency, EnvFile
from portweave.procfiles.tree import Keys, Number, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.procfiles.fields import Reader


def words_of(value: Value, keys: Keys, issues: Issues) -> str | tuple[str, ...] | None:
    """A command: text for a shell, or a list of words."""
    if not isinstance(value, list):
        if isinstance(value, str):
            return filled(value, keys, issues)
        issues.add(keys, expected("string or array", value))
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
        read = filled if index == 0 else text_of
        text = read(item, (*keys, index), issues)
        if text is not None:
            parts.append(text)
    return tuple(parts)


def _command(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.command = words_of(value, keys, issues)


def _working_dir(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    path = filled(value, keys, issues)
    if path is not None:
        draft.service.working_dir = absolute(draft.folder, path)


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
            text = text_of(item, (*keys, index), issues, hint)
            if text is None:
                continue
            name, equals, rest = text.partition("=")
            if name in pairs:
                issues.add((*keys, index), f'the variable "{name}" is there twice')
            elif _is_settable(name, (*keys, index), issues):
                pairs[name] = rest if equals else None
    else:
        issues.add(keys, expected("object or array", value))
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
    issues.add(keys, expected("string, number or boolean", value), hint)
    return ""


def env_files(value: Value, keys: Keys, issues: Issues, folder: str) -> tuple[EnvFile, ...]:
    """Files of variables: a path, an object, or a list of these."""
    many = isinstance(value, list)
    files: list[EnvFile] = []
    for index, item in enumerate(value if isinstance(value, list) else [value]):
        item_keys = (*keys, index) if many else keys
        required = True
        path: str | None = None
        if isinstance(item, str):
            path = filled(item, item_keys, issues)
        elif isinstance(item, dict):
            known, others = take(item, ("path", "required"))
            path = None
            if "path" in known:
                path = filled(known["path"], (*item_keys, "path"), issues)
            else:
                issues.add((*item_keys, "path"), wrong("string", known, "path"))
            required = boolean(known.get("required", True), (*item_keys, "required"), issues)
            refuse_others(item_keys, others, ("path", "required"), "FOREIGN_ENV_FILE", issues)
        else:
            wanted = "string or object" if many else "string, array or object"
            issues.add(item_keys, expected(wanted, item))
        if path is not None:
            files.append(EnvFile(absolute(folder, path), required=required))
    return tuple(files)


def _env_file(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.env_files = env_files(value, keys, issues, draft.folder)


def _depends_on(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    found: dict[str, Dependency] = {}
    if isinstance(value, list):
        for index, item in enumerate(value):
            name = filled(item, (*keys, index), issues)
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
        issues.add(keys, expected("array or object", value))
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
    issues.add(keys, f"must be {listed(words.CONDITIONS)}", hint)


READERS: "tuple[tuple[str, Reader], ...]" = (
    ("command", _command),
    ("workingDir", _working_dir),
    ("environment", _environment),
    ("envFile", _env_file),
    ("dependsOn", _depends_on),
)
