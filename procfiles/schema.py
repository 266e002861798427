"""Pure. The JSON Schema of definition files, for editors and for other tools.

It says what `shape` accepts in a single file. Some rules are not in it: those that compare keys or
services, npm portweave's that each service must have `envVar`, and the syntax of a pattern.
"""

from portweave.procfiles import calls_keys, hook_keys, ready_keys, shape
from portweave.procfiles.definition_keys import SERVICE
from portweave.procfiles.fields import EXTENSIONS, Key, Schema
from portweave.procfiles.start_keys import COMMAND, ENV_FILES
from portweave.procfiles.tree import snake_case


def json_schema() -> Schema:
    """The schema, in the dialect of draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:portweave:definitions:1",
        "title": "portweave definition file",
        "description": "portweave.config.json, portweave.yaml or portweave.yml",
        **_object(shape.ROOT),
        "$defs": {
            "service": _object(SERVICE),
            "ready": {
                **_object(ready_keys.KEYS),
                "anyOf": [{"required": [probe]} for probe in ready_keys.PROBES],
            },
            "command": COMMAND,
            "duration": ready_keys.duration_schema(zero=False),
            "envFiles": ENV_FILES,
            "hooks": _object(hook_keys.HOOKS),
            "hook": _hook(hook_keys.HOOK),
            "setup": _hook(hook_keys.SETUP),
            "teardown": _hook(hook_keys.TEARDOWN),
            "worktree": _object(hook_keys.WORKTREE),
            "calls": {
                **_object(calls_keys.CALLS),
                "required": ["bus"],
                "dependentRequired": {"key": ["cert"]},
            },
        },
    }


def _hook(table: tuple[Key, ...]) -> Schema:
    long_form = {**_object(table), "required": ["command"]}
    return {"anyOf": [hook_keys.COMMANDS, long_form]}


def _object(table: tuple[Key, ...]) -> Schema:
    """An object with the keys of a table, each in either spelling but not in both."""
    properties: dict[str, Schema] = {}
    twins: list[Schema] = []
    for key in table:
        if key.schema is None:
            continue
        # The description of the key wins over the description of a shared schema.
        schema = {**key.schema, "description": key.meaning.replace("`", "")}
        properties[key.name] = schema
        other = snake_case(key.name)
        if other != key.name:
            properties[other] = schema
            twins.append({"not": {"required": [key.name, other]}})
    found: Schema = {
        "type": "object",
        "properties": properties,
        "patternProperties": EXTENSIONS,
        "additionalProperties": False,
    }
    return {**found, "allOf": twins} if twins else found
