"""Pure. The JSON Schema of what each verb prints with `--json`: draft 2020-12.

Streams (`logs`, `events`) print one object a line; the schema is that of a line. More keys may come
with a later version of portweave, so none of the schemas forbids others.
"""

from collections.abc import Mapping

Schema = dict[str, object]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_WHOLE: Schema = {"type": "integer"}
_WHOLE_OR_NULL: Schema = {"type": ["integer", "null"]}
_NUMBER: Schema = {"type": "number"}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_FLAG: Schema = {"type": "boolean"}
_TIME: Schema = {"type": "string", "description": "RFC 3339, in UTC"}
_TIME_OR_NULL: Schema = {"type": ["string", "null"], "description": "RFC 3339, in UTC"}
_ANY: Schema = {}
_STATES = (
    "waiting", "starting", "ready", "unhealthy", "backoff", "stopping", "stopped", "exited",
    "completed", "failed", "blocked",
)  # fmt: skip


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _of(*texts: str) -> Schema:
    return {"enum": list(texts)}


def _object(optional: Mapping[str, Schema] | None = None, /, **fields: Schema) -> Schema:
    """An object: all keys are always there, but for the optional ones."""
    properties = {**fields, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(fields)}


def _answer(optional: Mapping[str, Schema] | None = None, /, **fields: Schema) -> Schema:
    """An object with `schemaVersion`."""
    return _object(optional, schemaVersion={"const": 1}, **fields)


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_CAUSE = _object(kind=TEXT, text=TEXT, hint=_TEXT_OR_NULL, place=_TEXT_OR_NULL)
_ROW_FIELDS: dict[str, Schema] = {
    "name": TEXT,
    "instance": _WHOLE,
    "fullName": TEXT,
    "state": _of(*_STATES),
    "pid": _WHOLE_OR_NULL,
    "port": _WHOLE_OR_NULL,
    "url": _TEXT_OR_NULL,
    "restarts": _WHOLE,
    "exitCode": _WHOLE_OR_NULL,
    "startedAt": _TIME_OR_NULL,
    "readyAt": _TIME_OR_NULL,
    "cpuPercent": _NUMBER_OR_NULL,
    "cpuSeconds": _NUMBER_OR_NULL,
    "rssBytes": _WHOLE_OR_NULL,
    "reason": _TEXT_OR_NULL,
    "hook": _FLAG,
}
_ROW_EXTRAS: dict[str, Schema] = {"nextTryAt": _TIME, "restartsAt": _TIME}
_ROW = _object(_ROW_EXTRAS, **_ROW_FIELDS)
_ROWS = _answer(services=_list(_ROW))
_OUTCOME = _object(
    {**_ROW_EXTRAS, **_ROW_FIELDS},
    name=TEXT,
    verdict={**_of("come", "pending", "in vain"), "description": "reached, pending, unreachable"},
    text=TEXT,
    crashes=_WHOLE,
    cause=_or_null(_CAUSE),
    lastLines=_list(TEXT),
    stackStops=TEXT,
)
_OUTCOMES = _answer(services=_list(_OUTCOME))
_LIFETIME: dict[str, Schema] = {
    "owner": _or_null(_object({"start": _ANY}, pid=_WHOLE, command=TEXT)),
    "owners": _list(_object({"start": _ANY}, pid=_WHOLE, command=TEXT)),
    "expiresAt": _TIME_OR_NULL,
    "lastUsedAt": _TIME_OR_NULL,
    "lastUse": _TEXT_OR_NULL,
}
_STACK = _answer(
    {"lifetime": _or_null(_object(_LIFETIME))},
    project=TEXT,
    namespace=TEXT,
    worktreeRoot=TEXT,
    supervisor=_object(pid=_WHOLE, startedAt=_TIME, version=TEXT),
    services=_list(_ROW),
)
_CHANGE = _answer(
    {"ports": _map(_ANY), "restart": _ANY},
    change=_object(
        unchanged=_list(TEXT),
        updated=_map(_ANY),
        restarted=_map(_ANY),
        added=_list(TEXT),
        removed=_list(TEXT),
    ),
    started=_list(TEXT),
)
_LEASE: dict[str, Schema] = {
    "id": TEXT,
    "ports": _list(_WHOLE),
    "start": _WHOLE_OR_NULL,
    "expiresAt": _TIME,
    "owner": _object(pid=_WHOLE, command=TEXT),
}
_SERVICE = _object(
    {"mode": _ANY},
    name=TEXT,
    command={"type": ["string", "array", "null"]},
    envVar=_TEXT_OR_NULL,
    dependsOn=_map(TEXT),
    group=_TEXT_OR_NULL,
    discoveryEnv=_map(TEXT),
    workingDir=TEXT,
    environment=_map(TEXT),
    envFile=_list(_ANY),
    ready={"type": ["object", "null"]},
    restart=TEXT,
    stopSignal=TEXT,
    stopGracePeriod=_NUMBER,
    scale=_WHOLE,
    port={"type": ["boolean", "integer"]},
    oneshot=_FLAG,
    onRequest=_ANY,
    profiles=_list(TEXT),
    framework={"type": ["boolean", "string"]},
    hostname={"type": ["string", "boolean", "null"]},
    watch=_list(TEXT),
    tty=_ANY,
    file=TEXT,
    line=_WHOLE,
    column=_WHOLE,
)
_SETTLED = _object(
    name=TEXT,
    state=_of(*_STATES),
    reason=_TEXT_OR_NULL,
    reaction=_of("restart", "output", "none"),
    beganS=_NUMBER_OR_NULL,
    endedS=_NUMBER_OR_NULL,
    errors=_list(_object(message=TEXT, place=_TEXT_OR_NULL, count=_WHOLE, lines=_list(TEXT))),
    knownErrors=_WHOLE,
    changes=_list(
        _object(at=_TIME, previous=TEXT, state=TEXT, exitCode=_WHOLE_OR_NULL, reason=_TEXT_OR_NULL)
    ),
    broken=_TEXT_OR_NULL,
    waits=_TEXT_OR_NULL,
)
_DOSSIER = _object(
    {
        "exitCode": _WHOLE_OR_NULL,
        "reason": _TEXT_OR_NULL,
        "cause": _or_null(_CAUSE),
        "command": TEXT,
        "workingDir": TEXT,
        "environmentKeys": _list(TEXT),
        "head": _TEXT_OR_NULL,
        "branch": _TEXT_OR_NULL,
        "lastGoodAt": _TIME_OR_NULL,
        "changedFiles": _list(TEXT),
        "lastLines": _list(TEXT),
    },
    name=TEXT,
    run=_WHOLE,
    at=_TIME,
)
# An error may have facts of its own, such as `service` or `stacks`.
ERROR = _object(error={**_object({"hint": TEXT}, code=TEXT, message=TEXT), **_map(_ANY)})

# Of each verb: its answers. A verb with options may have several.
_PIECES = _answer(
    changes=_list(
        _object(
            path=TEXT,
            piece=TEXT,
            state=_of("missing", "current", "older", "edited", "foreign"),
            text=TEXT,
        )
    ),
    diff=TEXT,
)
_ANSWERS: dict[str, tuple[Schema, ...]] = {
    "agents": (_PIECES,),
    "ask": (_answer(values=_list(_ANY)),),
    "check": (
        _answer(
            files=_list(TEXT),
            projectName=_TEXT_OR_NULL,
            envFile=_list(_ANY),
            services=_list(_SERVICE),
            warnings=_list(_object(service=_TEXT_OR_NULL, message=TEXT, hint=_TEXT_OR_NULL)),
        ),
    ),
    "clean": (
        _answer(
            dryRun=_FLAG,
            removed=_list(_object(kind=TEXT, path=TEXT, about=TEXT)),
            kept=_list(_object(path=TEXT, why=TEXT)),
        ),
    ),
    "doctor": (
        _answer(
            ok=_FLAG,
            findings=_list(
                _object(
                    code=TEXT,
                    severity=TEXT,
                    message=TEXT,
                    remedy=_TEXT_OR_NULL,
                    fixable=_FLAG,
                    fixed=_FLAG,
                )
            ),
        ),
    ),
    "down": (_answer(stopped=_list(_object(project=TEXT, namespace=TEXT, worktreeRoot=TEXT))),),
    "env": (
        _answer(namespace=TEXT, worktreeRoot=TEXT, service=_TEXT_OR_NULL, env=_map(TEXT)),
        _answer(
            service=TEXT,
            variables=_map(
                _object(
                    {"file": TEXT, "line": _WHOLE, "place": _ANY},
                    value=TEXT,
                    source=TEXT,
                    hides=_list(_ANY),
                )
            ),
        ),
    ),
    "events": (
        _object(
            time=_TIME,
            event=TEXT,
            name=TEXT,
            instance=_WHOLE,
            fullName=TEXT,
            state=_of(*_STATES),
            previous=_of(*_STATES),
            pid=_WHOLE_OR_NULL,
            port=_WHOLE_OR_NULL,
            restarts=_WHOLE,
            exitCode=_WHOLE_OR_NULL,
            reason=_TEXT_OR_NULL,
            text=_TEXT_OR_NULL,
        ),
        _object(event={"const": "events lost"}, count=_WHOLE),
    ),
    "explain": (_answer(code=TEXT, title=TEXT, cause=TEXT, example=TEXT, remedy=TEXT),),
    "export": (
        _answer(
            format=TEXT,
            files=_list(_object(name=TEXT, text=TEXT)),
            remarks=_list(
                _object({"services": _list(TEXT)}, kind=TEXT, key=_TEXT_OR_NULL, text=TEXT)
            ),
        ),
    ),
    "graph": (
        _answer(
            nodes=_list(TEXT), edges=_list(_object({"condition": TEXT, "from": TEXT}, to=TEXT))
        ),
    ),
    "integrate": (_PIECES,),
    "keep": (_answer(_LIFETIME),),
    "kill": (_ROWS,),
    "lease": (
        _answer(leases=_list(_object(**_LEASE))),
        _answer(**_LEASE),
    ),
    "logs": (
        _object(
            {"project": TEXT, "namespace": TEXT},
            time=_TIME,
            service=TEXT,
            instance=_WHOLE,
            stream=_of("out", "err", "note"),
            run=_WHOLE,
            line=TEXT,
        ),
        _answer(lines=_list(TEXT), seen=_map(_WHOLE), errors=_map(_WHOLE), cursor=TEXT),
    ),
    "ls": (
        _answer(
            stacks=_list(
                _object(
                    {**_LIFETIME, "endedAt": _TIME_OR_NULL, "endedBecause": _TEXT_OR_NULL},
                    project=TEXT,
                    namespace=TEXT,
                    worktreeRoot=TEXT,
                    state=TEXT,
                    pid=_WHOLE_OR_NULL,
                    ports=_map(_WHOLE),
                    gone=_FLAG,
                    startedAt=_TIME_OR_NULL,
                    rssBytes=_WHOLE_OR_NULL,
                )
            )
        ),
    ),
    "port": (_answer(service=TEXT, port=_WHOLE),),
    "proxy": (
        _answer(
            running=_FLAG,
            pid=_WHOLE_OR_NULL,
            port=_WHOLE_OR_NULL,
            tls=_FLAG,
            anyUser=_FLAG,
            url=_TEXT_OR_NULL,
            stateDir=TEXT,
            routes=_WHOLE,
        ),
    ),
    "prune": (
        _answer(
            dryRun=_FLAG,
            pruned=_list(
                _object(
                    project=TEXT,
                    namespace=TEXT,
                    worktreeRoot=TEXT,
                    branch=_TEXT_OR_NULL,
                    state=_of("idle", "running"),
                    ports=_map(_WHOLE),
                    reasons=_list(TEXT),
                )
            ),
            kept=_list(_object(worktreeRoot=TEXT, namespace=TEXT, why=TEXT)),
        ),
    ),
    "ps": (_STACK, _answer(stacks=_list(_STACK))),
    "reload": (_CHANGE,),
    "restart": (_OUTCOMES, _ROWS),
    "routes": (
        _answer(
            proxyPort=_WHOLE_OR_NULL,
            routes=_list(_object(hostname=TEXT, port=_WHOLE, pid=_WHOLE_OR_NULL, url=TEXT)),
        ),
    ),
    "scale": (_CHANGE,),
    "settle": (
        _answer(
            verdict=_of("ok", "new", "still", "not-settled"),
            reaction=_of("seen", "none"),
            waitedS=_NUMBER,
            changed=_or_null(_object(file=TEXT, at=_TIME, more=_WHOLE)),
            services=_list(_SETTLED),
            leftOut=_object(services=_WHOLE, news=_WHOLE),
            cursor=TEXT,
        ),
    ),
    "setup": (_answer(setup=TEXT, copied=_list(TEXT), linked=_list(TEXT)),),
    "start": (_OUTCOMES, _ROWS),
    "stop": (_ROWS,),
    "up": (_OUTCOMES, _ROWS),
    "url": (_answer(service=TEXT, port=_WHOLE_OR_NULL, url=TEXT),),
    "version": (_answer(version=TEXT),),
    "wait": (_OUTCOMES,),
    "why": (
        _answer(
            services=_list(
                _object(
                    {**_ROW_EXTRAS, **_ROW_FIELDS, "culprit": _ROW},
                    name=TEXT,
                    chain=_list(TEXT),
                    cause=_or_null(_CAUSE),
                    lastLines=_or_null(_list(TEXT)),
                    lastGoodAt=_TIME_OR_NULL,
                    differences=_list(TEXT),
                    changedFiles=_list(TEXT),
                )
            )
        ),
        _answer(runs=_list(_DOSSIER)),
    ),
}
VERBS_WITH_JSON = tuple(_ANSWERS)


def schema_of(verb: str) -> Schema:
    """The JSON Schema of a verb's `--json`.

    Args:
        verb: One of `VERBS_WITH_JSON`.
    """
    answers = _ANSWERS[verb]
    body = answers[0] if len(answers) == 1 else {"anyOf": list(answers)}
    return {"$schema": _DIALECT, "title": f"portweave {verb} --json", **body}


def schema_of_all() -> Schema:
    """An object with the schema of each verb, and of an error."""
    return {
        "schemaVersion": 1,
        "verbs": {verb: schema_of(verb) for verb in VERBS_WITH_JSON},
        "error": {"$schema": _DIALECT, "title": "an error with --json", **ERROR},
    }
