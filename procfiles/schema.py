"""Pure. The JSON Schema of definition files, for editors and for other tools.

It says what `shape` accepts in a single file: what one key says of another, that of npm portweave's
own files each service must have `envVar`, and whether a pattern is one, is not in it.
"""

from portweave.procfiles import keys
from portweave.procfiles.tree import snake_case

Schema = dict[str, object]

_ANY: Schema = {}
_EXTENSIONS: Schema = {"^x-": _ANY}
_FILLED: Schema = {"type": "string", "pattern": r"\S"}
_VARIABLE = "^[A-Z][A-Z0-9_]*$"
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
_LONGEST_S = 366 * 24 * 3600
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = rf"^{_LABEL}(\.{_LABEL})*$"


def json_schema() -> Schema:
    """The schema, in the dialect of draft 2020-12."""
    root = _object(
        {
            "$schema": _said("Where editors find this schema.", {"type": "string"}),
            "projectName": _said(
                "The name of the project; by default that of its folder.",
                {"type": "string", "pattern": r"^\s*\S([\s\S]{0,98}\S)?\s*$"},
            ),
            "services": _said(
                "The services by name. A Procfile beside this file adds commands, and services.",
                {
                    "type": "object",
                    "patternProperties": {
                        "^(?!x-)[a-z][a-z0-9-]*$": {"$ref": "#/$defs/service"},
                        **_EXTENSIONS,
                    },
                    "additionalProperties": False,
                },
            ),
            "envFile": _said(
                "Files of variables for all services; later ones win.",
                {"$ref": "#/$defs/envFiles"},
            ),
        }
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:portweave:definitions:1",
        "title": "portweave definition file",
        "description": "portweave.config.json, portweave.yaml or portweave.yml",
        **root,
        "$defs": {
            "service": _service(),
            "ready": _ready(),
            "command": _command(),
            "duration": _duration(zero=False),
            "envFiles": _env_files(),
        },
    }


def _said(description: str, schema: Schema) -> Schema:
    return {"description": description, **schema}


def _object(properties: dict[str, Schema]) -> Schema:
    """An object with these keys, each in either spelling but not in both."""
    spelled: dict[str, Schema] = {}
    twins: list[Schema] = []
    for key, schema in properties.items():
        spelled[key] = schema
        other = snake_case(key)
        if other != key:
            spelled[other] = schema
            twins.append({"not": {"required": [key, other]}})
    found: Schema = {
        "type": "object",
        "properties": spelled,
        "patternProperties": _EXTENSIONS,
        "additionalProperties": False,
    }
    return {**found, "allOf": twins} if twins else found


def _service() -> Schema:
    properties: dict[str, Schema] = {
        "command": _said(
            "What is started: text for /bin/sh -c, or a list that is executed as it is."
            " It is never interpolated by portweave.",
            {"$ref": "#/$defs/command"},
        ),
        "workingDir": _said("Relative to this file; by default its folder.", _FILLED),
        "environment": _said(
            "Variables of this service alone: a map, or a list of KEY=value; KEY alone passes the"
            " inherited one on. ${service} is its port, ${namespace} the worktree's name, $$ is $.",
            {
                "oneOf": [
                    {
                        "type": "object",
                        "propertyNames": {"pattern": r"^[^=\s]+$"},
                        "patternProperties": _EXTENSIONS,
                        "additionalProperties": {"type": ["string", "number", "boolean"]},
                    },
                    {
                        "type": "array",
                        "items": {"type": "string", "pattern": r"^[^=\s]+(=[\s\S]*)?$"},
                    },
                ]
            },
        ),
        "envFile": _said("Files of variables; later ones win.", {"$ref": "#/$defs/envFiles"}),
        "envVar": _said(
            "The variable that holds the port, in every service's environment. It may be left out"
            " where any service of the file has a command: <NAME>_PORT.",
            {"type": "string", "pattern": _VARIABLE},
        ),
        "port": _said("false: the service has no port.", {"type": "boolean"}),
        "group": _said(
            "Services of one group have neighbouring ports.", {"type": "string", "minLength": 1}
        ),
        "discoveryEnv": _said(
            "Variables for every service. ${service} is its port, ${namespace} the worktree's name,"
            " ${pw:worktreeRoot} and ${pw:gitCommonDir} its folders.",
            {
                "type": "object",
                "patternProperties": {_VARIABLE: {"type": "string"}, **_EXTENSIONS},
                "additionalProperties": False,
            },
        ),
        "dependsOn": _said(
            "What must be up before: names, or a map of name to started, ready (the default) or"
            " completed (the default for a oneshot).",
            {
                "oneOf": [
                    {"type": "array", "items": _FILLED, "uniqueItems": True},
                    {
                        "type": "object",
                        "patternProperties": _EXTENSIONS,
                        "additionalProperties": {"enum": list(keys.CONDITIONS)},
                    },
                ]
            },
        ),
        "ready": _said("How it is known to be up.", {"$ref": "#/$defs/ready"}),
        "restart": _said(
            "no, on-failure, on-failure:N or always; by default on-failure, no for a oneshot.",
            {
                "type": "string",
                "pattern": "^(no|always|on-failure(:(?=[0-9]{1,9}$)0*[1-9][0-9]*)?)$",
                "examples": list(keys.POLICIES),
            },
        ),
        "stopSignal": _said(
            "The signal that asks it to end; by default SIGTERM.",
            {"enum": [*keys.SIGNALS, *(name.removeprefix("SIG") for name in keys.SIGNALS)]},
        ),
        "stopGracePeriod": _said(
            "How long it may take to end before it is killed; by default 10s.",
            _duration(zero=True),
        ),
        "scale": _said(
            "How many instances; each has a port.",
            {"type": "integer", "minimum": 1, "maximum": 100},
        ),
        "oneshot": _said(
            "It is meant to end, and is completed when it does with 0.", {"type": "boolean"}
        ),
        "profiles": _said(
            "It is only started when one of these is asked for.",
            {"type": "array", "items": _FILLED},
        ),
        "framework": _said(
            "What its command is, where that is not seen by itself; false: it is not looked for.",
            {"anyOf": [{"type": "boolean"}, {"enum": list(keys.FRAMEWORKS)}]},
        ),
        "hostname": _said(
            "The name of its route, its own by default; false: the service has no route.",
            {"anyOf": [{"const": False}, {"type": "string", "pattern": _HOSTNAME}]},
        ),
        "wildcard": _said(
            "The names below that of its route are for it too, as tenant.web.shop.localhost.",
            {"type": "boolean"},
        ),
        "watch": _said(
            "A change of these restarts it.",
            {"anyOf": [_FILLED, {"type": "array", "items": _FILLED}]},
        ),
        "tty": _said(
            "A terminal of its own: auto (when the output is one), true or false.",
            {"enum": ["auto", True, False]},
        ),
        "preferred": {
            "description": "Read and left alone, as in npm portweave.",
            "deprecated": True,
            "type": "integer",
            "minimum": 1,
            "maximum": 65535,
        },
    }
    return _object(properties)


def _ready() -> Schema:
    found = _object(
        {
            "http": _said(
                "A path on its own port, or a URL, that answers.",
                {
                    "type": "string",
                    "pattern": r"^(/[^\x00-\x20\x7f]*|https?://[^\x00-\x20\x7f]+)$",
                },
            ),
            "tcp": _said(
                "true: its own port listens; or another port.",
                {"oneOf": [{"const": True}, {"type": "integer", "minimum": 1, "maximum": 65535}]},
            ),
            "exec": _said("A command that ends with 0.", {"$ref": "#/$defs/command"}),
            "log": _said(
                "A regular expression that is found in a line of its output.",
                {"type": "string", "minLength": 1, "format": "regex"},
            ),
            "notify": _said("It says so itself, as sd_notify(3).", {"type": "boolean"}),
            "interval": _said("The longest pause of a probe.", {"$ref": "#/$defs/duration"}),
            "timeout": _said("How long it may take.", {"$ref": "#/$defs/duration"}),
        }
    )
    return {**found, "anyOf": [{"required": [probe]} for probe in keys.PROBES]}


def _command() -> Schema:
    return {
        "oneOf": [
            _FILLED,
            {
                "type": "array",
                "minItems": 1,
                "prefixItems": [{"anyOf": [_FILLED, {"type": "number"}]}],
                "items": {"type": ["string", "number"]},
            },
        ]
    }


def _duration(*, zero: bool) -> Schema:
    bound = {"minimum": 0} if zero else {"exclusiveMinimum": 0}
    return {
        "description": "As 300ms, 10s or 1m30s, or a number of seconds.",
        "oneOf": [
            {"type": "string", "pattern": f"^({_DURATION_TEXT})$"},
            {"type": "number", **bound, "maximum": _LONGEST_S},
        ],
    }


def _env_files() -> Schema:
    one: Schema = {
        "anyOf": [
            _FILLED,
            {
                **_object({"path": _FILLED, "required": {"type": "boolean"}}),
                "required": ["path"],
            },
        ]
    }
    return {"anyOf": [one, {"type": "array", "items": one}]}
