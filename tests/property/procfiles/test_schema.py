"""The JSON Schema and the parser accept the same documents."""

import json
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from portweave.procfiles import hook_keys, jsonfile, ready_keys, shape
from portweave.procfiles.definition_keys import SERVICE_NAMES
from portweave.procfiles.fields import names
from portweave.procfiles.issues import Issues
from portweave.procfiles.schema import json_schema
from portweave.procfiles.tree import snake_case

VALIDATOR = Draft202012Validator(json_schema())
# Reserved keys, which the schema does not have.
REFUSED = {"scope", "hooks", "resources"}

SOME_TEXTS = [
    *("", " ", "x", "X", "X_1", "no", "always", "on-failure", "on-failure:", "on-failure:10"),
    *("on-failure:00", "on-failure:01", "never", "/", "/a b", "http://", "http://x", "ftp://x"),
    *("10s", "1m30s", "1s1m", "1.5h", "1.5h1m", "soon", "5", "1.", "SIGINT", "INT", "sigint"),
    *("auto", "true", "started", "ready", "completed", "up", "A=1", "A", "=1", "A B=1", "A=\n"),
    *("..", "a/../b", "./", "a/..b", "x/"),
]
SOME_NUMBERS = [-1, 0, 1, 1.5, 3.0, 100, 101, 65535, 65536, 1e8, 0.001]
TEXTS = st.sampled_from(SOME_TEXTS)
NUMBERS = st.sampled_from(SOME_NUMBERS)
SCALARS: st.SearchStrategy[Any] = st.none() | st.booleans() | NUMBERS | TEXTS
NAMES = st.sampled_from(["a", "A", "A1", "A B", "a-1", "x-a", "", "path", "required", "="])
SMALL: st.SearchStrategy[Any] = (
    SCALARS
    | st.lists(SCALARS, max_size=3)
    | st.dictionaries(NAMES, SCALARS, max_size=3)
    | st.lists(st.dictionaries(NAMES, SCALARS, max_size=2), max_size=2)
)


def spelled(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from([*names, *map(snake_case, names), "x-a", "comand"])


READY = st.dictionaries(spelled(ready_keys.NAMES), SMALL, max_size=3)
HOOKS = st.dictionaries(
    spelled(names(hook_keys.HOOKS)),
    SMALL
    | st.dictionaries(spelled(names((*hook_keys.SETUP, *hook_keys.TEARDOWN))), SMALL, max_size=3),
    max_size=3,
)
WORKTREE = st.dictionaries(spelled(names(hook_keys.WORKTREE)), SMALL, max_size=3)
SERVICES = st.dictionaries(spelled(SERVICE_NAMES), SMALL | READY, max_size=4)


def document_of(services: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    # With one command in the document, `envVar` is optional in the others.
    return {**rest, "services": {**services, "one": {"command": "x"}}}


DOCUMENTS = st.builds(
    document_of,
    st.dictionaries(st.sampled_from(["api", "a-1", "Api", "1", "x-a"]), SERVICES | SCALARS),
    st.dictionaries(spelled(("$schema", "projectName", "envFile")), SMALL, max_size=2),
)


def schema_errors(document: Any) -> list[str]:
    found: Any = VALIDATOR.iter_errors(document)  # pyright: ignore[reportUnknownMemberType]
    return [error.message for error in found]


def parser_accepts(document: object) -> bool:
    issues = Issues()
    found = jsonfile.parse(json.dumps(document), "/p/f.json", "f.json")
    shape.read(found, issues)
    return not issues.found


def breaks_a_rule_outside_the_schema(document: dict[str, Any]) -> bool:
    """Whether the document breaks a rule that a schema cannot express."""
    services: dict[str, Any] = document["services"]
    return any(_has_a_name_twice(service) for service in services.values())


def _has_a_name_twice(keys: object) -> bool:
    """Whether `environment` is a list with one variable twice."""
    if not isinstance(keys, dict):
        return False
    variables = cast("dict[str, Any]", keys).get("environment")
    if not isinstance(variables, list):
        return False
    items = cast("list[Any]", variables)  # type: ignore[redundant-cast]
    found = [item.partition("=")[0] for item in items if isinstance(item, str)]
    return len(set(found)) < len(found)


@given(document=DOCUMENTS)
@settings(suppress_health_check=[HealthCheck.too_slow])
@example(document={"services": {"one": {"command": "x", "ready": {"tcp": 3.0}}}})
def test_the_schema_accepts_what_the_parser_accepts(document: dict[str, Any]) -> None:
    errors = schema_errors(document)
    if parser_accepts(document):
        assert errors == []
    elif not breaks_a_rule_outside_the_schema(document):
        assert errors


@given(key=spelled(SERVICE_NAMES), value=SMALL | READY)
def test_the_schema_and_the_parser_agree_on_each_key(key: str, value: object) -> None:
    document = {"services": {"one": {"command": "x", key: value}}}
    errors = schema_errors(document)
    if not breaks_a_rule_outside_the_schema(document):
        assert parser_accepts(document) == (not errors), errors


@given(hooks=HOOKS, worktree=WORKTREE)
def test_the_schema_and_the_parser_agree_on_hooks_and_worktrees(
    hooks: dict[str, Any], worktree: dict[str, Any]
) -> None:
    document = {"services": {"one": {"command": "x"}}, "hooks": hooks, "worktree": worktree}
    errors = schema_errors(document)
    if not any(_has_a_name_twice(hook) for hook in hooks.values()):
        assert parser_accepts(document) == (not errors), errors


@pytest.mark.parametrize("key", [*SERVICE_NAMES, *(f"ready.{key}" for key in ready_keys.NAMES)])
def test_the_schema_and_the_parser_agree_on_values_near_a_bound(key: str) -> None:
    values: list[Any] = [None, True, False, {}, [], *SOME_TEXTS, *SOME_NUMBERS]
    for value in [*values, *([value] for value in values)]:
        said: Any = value
        for part in reversed(key.split(".")):
            said = {part: said}
        document: Any = {"services": {"one": {"command": "x", **said}}}
        assert parser_accepts(document) == (not schema_errors(document)), document


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_the_schema_has_every_key_in_both_spellings_and_describes_it() -> None:
    properties: Any = json_schema()["$defs"]
    for name, known in (("service", SERVICE_NAMES), ("ready", ready_keys.NAMES)):
        found = properties[name]["properties"]
        expected = {key for key in known if key not in REFUSED}
        assert found.keys() == expected | {snake_case(key) for key in expected}
        assert all(schema["description"] for schema in found.values())
