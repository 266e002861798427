"""Definitions from JSON, YAML and a Procfile, and the errors in them."""

import json

import pytest

from portweave.errors import DefinitionsInvalidError
from portweave.procfiles import definitions, jsonfile, procfile, yamlfile
from portweave.procfiles.model import Definitions, Service

JSON_PATH = "/p/portweave.config.json"
YAML_PATH = "/p/portweave.yaml"
PROCFILE_PATH = "/p/Procfile"


def build(
    value: object = None, *, text: str | None = None, processes: str | None = None
) -> Definitions:
    """Build definitions from a JSON file (a value), a YAML file (a text) and a Procfile."""
    document = None
    if value is not None:
        document = jsonfile.parse(json.dumps(value), JSON_PATH, "portweave.config.json")
    if text is not None:
        document = yamlfile.parse(text, YAML_PATH, "portweave.yaml")
    found = None
    if processes is not None:
        found = procfile.parse(processes, PROCFILE_PATH, "Procfile")
    shown = {path: path[3:] for path in (JSON_PATH, YAML_PATH, PROCFILE_PATH)}
    return definitions.build(document, found, PROCFILE_PATH, shown)


def error_of(
    value: object = None, *, text: str | None = None, processes: str | None = None
) -> DefinitionsInvalidError:
    with pytest.raises(DefinitionsInvalidError) as caught:
        build(value, text=text, processes=processes)
    assert caught.value.code == "PW0102"
    return caught.value


def api(**keys: object) -> Service:
    (service,) = build({"services": {"api": {"command": "x", **keys}}}).services
    return service


def issues(**keys: object) -> list[str]:
    """The error's lines for a service `api` with a command, a variable and these keys."""
    service = {"envVar": "API_PORT", "command": "x", **keys}
    value = {"services": {"api": service, "other": {}, "noport": {"port": False}}}
    return error_of(value).message.splitlines()


# npm portweave's keys: the same messages in the same order

EXPECTED = "Invalid input: expected"
DUPLICATE = "duplicate identifier"
IN_PORT = "portweave allocates the port; the service finds it in $PORT, others in its envVar"
RESERVED = 'uses the reserved "PORTWEAVE_" prefix'


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ([], ["(root): Invalid input: expected object, received array"]),
        (1, ["(root): Invalid input: expected object, received number"]),
        ("x", ["(root): Invalid input: expected object, received string"]),
        (False, ["(root): Invalid input: expected object, received boolean"]),
        ({}, ["services: Invalid input: expected record, received undefined"]),
        ({"services": None}, ["services: Invalid input: expected record, received null"]),
        ({"services": []}, ["services: Invalid input: expected record, received array"]),
        ({"services": {}}, ["services: services must contain at least one entry"]),
        (
            {"extra": 1, "services": {}, "projectName": " ", "$schema": None},
            [
                "$schema: Invalid input: expected string, received null",
                "projectName: Too small: expected string to have >=1 characters",
                "services: services must contain at least one entry",
                '(root): Unrecognized key: "extra"',
            ],
        ),
        (
            {"projectName": [], "services": {"api": {"envVar": "A"}}},
            [
                "projectName: Invalid input: expected string, received array",
                "projectName: Too small: expected array to have >=1 items",
            ],
        ),
        (
            {"projectName": "x" * 101, "services": {"api": {"envVar": "A"}}},
            ["projectName: Too big: expected string to have <=100 characters"],
        ),
        (
            {"services": {"Api": 1, "1": {}, "a\n": {}, "api": None, "ok": {"envVar": "OK"}}},
            [
                "services.Api: Invalid key in record",
                "services.1: Invalid key in record",
                "services.a\n: Invalid key in record",
                "services.api: Invalid input: expected object, received null",
            ],
        ),
        (
            {"services": {"a": {}, "b": {"envVar": 1}, "c": {"envVar": "c"}, "d": {"envVar": ""}}},
            [
                "services.a.envVar: Invalid input: expected string, received undefined",
                "services.b.envVar: Invalid input: expected string, received number",
                "services.c.envVar: envVar must match /^[A-Z][A-Z0-9_]*$/",
                "services.d.envVar: envVar must match /^[A-Z][A-Z0-9_]*$/",
            ],
        ),
        (
            {
                "services": {
                    "a": {
                        "zz": 1,
                        "preferred": 0,
                        "group": "",
                        "envVar": None,
                        "discoveryEnv": {"a": 1, "B": 2},
                        "yy": 2,
                    }
                }
            },
            [
                "services.a.discoveryEnv.a: Invalid key in record",
                "services.a.discoveryEnv.B: Invalid input: expected string, received number",
                "services.a.envVar: Invalid input: expected string, received null",
                "services.a.group: group must be a non-empty string",
                "services.a.preferred: preferred must be >= 1",
                'services.a: Unrecognized keys: "zz", "yy"',
            ],
        ),
        (
            {"services": {"a": {"envVar": "A", "group": [], "discoveryEnv": []}}},
            [
                "services.a.discoveryEnv: Invalid input: expected record, received array",
                "services.a.group: Invalid input: expected string, received array",
                "services.a.group: group must be a non-empty string",
            ],
        ),
    ],
)
def test_wrong_types_give_the_messages_of_npm_portweave(value: object, lines: list[str]) -> None:
    assert error_of(value).message == "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("0", [">= 1"]),
        ("65536", ["<= 65535"]),
        ("-0", [">= 1"]),
        ("1.5", ["integer"]),
        ("1e999", ["integer"]),
        ('"80"', ["integer"]),
        ("true", ["integer"]),
        ("9007199254740993", ["integer", "<= 65535"]),
        ("-9007199254740993", ["integer", ">= 1"]),
        ("9" * 5000, ["integer"]),
    ],
)
def test_a_preferred_port_is_an_integer_in_the_port_range(text: str, lines: list[str]) -> None:
    source = '{"services": {"a": {"envVar": "A", "preferred": ' + text + "}}}"
    with pytest.raises(DefinitionsInvalidError) as caught:
        definitions.build(jsonfile.parse(source, JSON_PATH, JSON_PATH), None)
    found = caught.value.message.splitlines()
    assert [line.rpartition("preferred must be ")[2].removeprefix("an ") for line in found] == lines


@pytest.mark.parametrize("text", ["3000", "3000.0", "3e3", "1", "65535"])
def test_an_integer_may_have_a_fraction_of_zero_or_an_exponent(text: str) -> None:
    source = '{"services": {"a": {"envVar": "A", "preferred": ' + text + "}}}"
    assert definitions.build(jsonfile.parse(source, JSON_PATH, JSON_PATH), None).services


def test_a_number_too_large_for_a_float_is_reported_as_infinity() -> None:
    source = '{"services": {"a": {"envVar": 1e999}}}'
    with pytest.raises(DefinitionsInvalidError, match="expected string, received Infinity"):
        definitions.build(jsonfile.parse(source, JSON_PATH, JSON_PATH), None)


def test_wrong_references_give_the_messages_of_npm_portweave() -> None:
    error = error_of(
        {
            "services": {
                "a": {"envVar": "PORTWEAVE_X", "discoveryEnv": {"U": "${b}${nope}${pw:x}${nope}"}},
                "b": {"envVar": "PORTWEAVE_X", "discoveryEnv": {"U": "${namespace}"}},
            }
        }
    )
    assert error.message.splitlines() == [
        'services.a.envVar: env var "PORTWEAVE_X" uses the reserved "PORTWEAVE_" prefix',
        'services.a.discoveryEnv.U: template references unknown service "nope"',
        'services.a.discoveryEnv.U: template references unknown metadata field "x"',
        'services.a.discoveryEnv.U: template references unknown service "nope"',
        'services.b.envVar: env var "PORTWEAVE_X" uses the reserved "PORTWEAVE_" prefix',
        f'services.b.envVar: {DUPLICATE} "PORTWEAVE_X" already declared at services.a.envVar',
        f'services.b.discoveryEnv.U: {DUPLICATE} "U" already declared at services.a.discoveryEnv.U',
    ]


def test_a_definition_file_of_npm_portweave_is_valid() -> None:
    found = build(
        {
            "$schema": "x",
            "projectName": " shop\u00a0",
            "services": {
                "web": {"envVar": "PORTWEAVE", "group": "g", "discoveryEnv": {"U": "$$${x-api}"}},
                "x-api": {"envVar": "API_PORT", "preferred": 3000},
            },
        }
    )
    web, x_api = found.services
    assert found.project_name == "shop"
    assert (web.env_var, web.group, web.command) == ("PORTWEAVE", "g", None)
    assert web.discovery_env == (("U", "$$${x-api}"),)
    assert x_api.name == "x-api"


# portweave's own keys


def test_a_service_has_defaults() -> None:
    service = api()
    assert (service.command, service.env_var, service.working_dir) == ("x", "API_PORT", "/p")
    assert (service.scale, service.stop_signal, service.stop_grace_s) == (1, "SIGTERM", 10.0)
    assert (service.ready, service.restart, service.tty) == (None, None, "auto")


def test_every_key_is_read() -> None:
    found = build(
        text="""
projectName: shop
envFile: [base.env, {path: local.env, required: false}]
services:
  my-api:
    command: [node, "server.js", 12]
    workingDir: ./app/../srv
    environment: {A: x, B: 010, C: true, D: 1.50, E: "", F: "$${api} ${seed}"}
    env_file: api.env
    dependsOn: [db, seed]
    ready:
      http: /health
      tcp: 81
      exec: [curl, -f, x]
      log: "listening on \\\\d+"
      interval: 500ms
      timeout: 1m
    restart: on-failure:3
    stop_signal: INT
    stop_grace_period: 0
    scale: 3
    profiles: [dev]
    framework: false
    hostname: false
    wildcard: true
    tty: false
    envVar: THE_PORT
    group: backend
  db:
    command: postgres
    environment: ["X=a=b", Y, Z=]
    restart: no
    port: false
    tty: auto
    dependsOn: {seed: started}
    ready: {tcp: 5432, notify: false}
    x-note: anything
  seed: {command: ./seed, oneshot: true, ready: {log: done}}
x-anything: {a: [1]}
"""
    )
    service, db, seed = found.services
    assert found.project_name == "shop"
    assert [(file.path, file.required) for file in found.env_files] == [
        ("/p/base.env", True),
        ("/p/local.env", False),
    ]
    assert service.command == ("node", "server.js", "12")
    assert service.working_dir == "/p/srv"
    assert service.environment == (
        ("A", "x"),
        ("B", "010"),
        ("C", "true"),
        ("D", "1.50"),
        ("E", ""),
        ("F", "$${api} ${seed}"),
    )
    assert [file.path for file in service.env_files] == ["/p/api.env"]
    assert [(d.name, d.condition) for d in service.depends_on] == [
        ("db", "ready"),
        ("seed", "completed"),
    ]
    assert service.ready is not None
    assert (service.ready.http, service.ready.tcp) == ("/health", 81)
    assert (service.ready.exec, service.ready.log) == (("curl", "-f", "x"), r"listening on \d+")
    assert (service.ready.interval_s, service.ready.timeout_s) == (0.5, 60.0)
    assert service.restart is not None
    assert (service.restart.policy, service.restart.limit) == ("on-failure", 3)
    assert (service.stop_signal, service.stop_grace_s, service.scale) == ("SIGINT", 0.0, 3)
    assert (service.profiles, service.framework, service.hostname) == (("dev",), False, False)
    assert service.wildcard
    assert (service.tty, service.env_var, service.group) == ("false", "THE_PORT", "backend")
    assert db.environment == (("X", "a=b"), ("Y", None), ("Z", ""))
    assert db.restart is not None
    assert (db.restart.policy, db.env_var) == ("no", None)
    assert [(d.name, d.condition) for d in db.depends_on] == [("seed", "completed")]
    assert seed.oneshot


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"command": ""}, "api.command: command must not be empty"),
        ({"command": " "}, "api.command: command must not be empty"),
        ({"command": []}, "api.command: command must not be empty"),
        ({"command": [""]}, "api.command.0: a text of the list must not be empty"),
        ({"command": ["x", None]}, f"api.command.1: {EXPECTED} string, received null"),
        ({"command": 1}, f"api.command: {EXPECTED} string or array, received number"),
        ({"command": None}, f"api.command: {EXPECTED} string or array, received null"),
        ({"workingDir": ""}, "api.workingDir: workingDir must not be empty"),
        ({"environment": 1}, f"api.environment: {EXPECTED} object or array, received number"),
        (
            {"environment": {"A": None}},
            f"api.environment.A: {EXPECTED} string, number or boolean, received null",
        ),
        ({"environment": {"A=": ""}}, "api.environment.A=: not a name of a variable"),
        ({"environment": ["=x"]}, "api.environment.0: not a name of a variable"),
        ({"environment": ["A=1", "A"]}, 'api.environment.1: the variable "A" is there twice'),
        ({"environment": [{"A": 1}]}, f"api.environment.0: {EXPECTED} string, received object"),
        (
            {"environment": {"PORTWEAVE_X": "x"}},
            f'api.environment.PORTWEAVE_X: env var "PORTWEAVE_X" {RESERVED}',
        ),
        (
            {"environment": {"A": "${HOME}"}},
            'api.environment.A: template references unknown service "HOME"',
        ),
        (
            {"environment": ["A=${pw:home}"]},
            'api.environment.A: template references unknown metadata field "home"',
        ),
        (
            {"environment": {"A": "${}"}},
            'api.environment.A: template references unknown service ""',
        ),
        (
            {"environment": {"A": "${noport}"}},
            'api.environment.A: template references the service "noport", which has no port',
        ),
        ({"envFile": [1]}, f"api.envFile.0: {EXPECTED} string or object, received number"),
        (
            {"envFile": {"required": True}},
            f"api.envFile.path: {EXPECTED} string, received undefined",
        ),
        ({"envFile": {"path": "a", "x": 1}}, 'api.envFile: Unrecognized key: "x"'),
        ({"dependsOn": "db"}, f"api.dependsOn: {EXPECTED} array or object, received string"),
        ({"dependsOn": ["db"]}, 'api.dependsOn: unknown service "db"'),
        ({"dependsOn": ["api"]}, "api.dependsOn: dependency cycle: api -> api"),
        ({"dependsOn": ["other"]}, 'api.dependsOn: the service "other" has no command to start'),
        ({"dependsOn": ["x", "x"]}, 'api.dependsOn.1: "x" is there twice'),
        ({"dependsOn": {"x": "up"}}, "api.dependsOn.x: must be started, ready or completed"),
        ({"ready": True}, f"api.ready: {EXPECTED} object, received boolean"),
        (
            {"ready": {"interval": "1s"}},
            "api.ready: ready must have at least one of http, tcp, exec, log, notify",
        ),
        (
            {"ready": {"http": "health"}},
            "api.ready.http: http must be a path that begins with / or a URL (http or https)",
        ),
        (
            {"ready": {"http": "/${nope}"}},
            'api.ready.http: template references unknown service "nope"',
        ),
        (
            {"ready": {"tcp": False}},
            "api.ready.tcp: tcp must be true, for the service's own port, or a port in [1, 65535]",
        ),
        ({"ready": {"log": "("}}, "api.ready.log: not a regular expression: "),
        ({"ready": {"log": "a{99999999999999}"}}, "api.ready.log: not a regular expression: "),
        ({"ready": {"log": ""}}, "api.ready.log: log must not be empty"),
        ({"ready": {"notify": 1}}, f"api.ready.notify: {EXPECTED} boolean, received number"),
        ({"ready": {"tcp": True, "timeout": 0}}, "api.ready.timeout: not a duration"),
        ({"ready": {"tcp": True, "timeout": "soon"}}, "api.ready.timeout: not a duration"),
        (
            {"port": False, "envVar": None},
            f"api.envVar: {EXPECTED} string, received null",
        ),
        ({"port": False}, 'api.envVar: "API_PORT" can hold no port: port is false'),
        ({"port": 3000}, f"api.port: {EXPECTED} boolean, received number"),
        (
            {"restart": "never"},
            "api.restart: must be no, on-failure, on-failure:N (N above 0) or always",
        ),
        (
            {"restart": "on-failure:0"},
            "api.restart: must be no, on-failure, on-failure:N (N above 0) or always",
        ),
        (
            {"restart": False},
            "api.restart: must be no, on-failure, on-failure:N (N above 0) or always",
        ),
        ({"stopSignal": "SIGFOO"}, "api.stopSignal: must be SIGTERM, "),
        ({"stopSignal": 9}, f"api.stopSignal: {EXPECTED} string, received number"),
        ({"stopGracePeriod": -1}, "api.stopGracePeriod: not a duration"),
        ({"scale": 0}, "api.scale: scale must be an integer in [1, 100]"),
        ({"scale": 10**400}, "api.scale: scale must be an integer in [1, 100]"),
        ({"oneshot": "yes"}, f"api.oneshot: {EXPECTED} boolean, received string"),
        ({"profiles": "dev"}, f"api.profiles: {EXPECTED} array, received string"),
        ({"watch": 1}, f"api.watch: {EXPECTED} array, received number"),
        ({"framework": "vit"}, 'api.framework: unknown framework "vit"'),
        ({"framework": 1}, "api.framework: framework must be a name or false"),
        (
            {"hostname": "-shop"},
            'api.hostname: "-shop" cannot stand in a host name',
        ),
        ({"hostname": True}, "api.hostname: hostname must be a name or false"),
        ({"wildcard": "web"}, f"api.wildcard: {EXPECTED} boolean, received string"),
        ({"tty": "yes"}, "api.tty: tty must be auto, true or false"),
        ({"scope": 1}, "api.scope: scope is reserved and does not exist yet"),
        ({"hooks": None}, "api.hooks: hooks belong to the stack, not to one service"),
        ({"resources": {}}, "api.resources: resources is reserved and does not exist yet"),
        ({"group": "a\0b"}, "api.group: has a NUL character"),
        ({"command": "\ud800"}, "api.command: has half of a surrogate pair"),
        ({"env_var": "X"}, 'api.env_var: "envVar" and "env_var" are the same key'),
    ],
)
def test_each_invalid_value_has_its_message(keys: dict[str, object], line: str) -> None:
    (found, *_) = issues(**keys)
    assert found.startswith(f"services.{line}")


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("comand", "x", "did you mean command?"),
        ("working-dir", "x", "did you mean workingDir?"),
        ("depends", [], "did you mean dependsOn?"),
        ("healthcheck", {}, "did you mean ready?"),
        ("cwd", "x", "did you mean workingDir?"),
        ("cmd", "x", "did you mean command?"),
        ("env", {}, "did you mean environment?"),
        ("zzzz", {}, ""),
        ("dependsOn", {"db": {"condition": "service_healthy"}}, "did you mean db: ready?"),
        ("restart", "unless-stopped", 'did you mean "always"?'),
        ("restart", "never", 'did you mean "no"?'),
        ("stopSignal", "sigterm", "did you mean SIGTERM?"),
        ("ready", {"http_get": "/"}, "did you mean http?"),
    ],
)
def test_hints_name_the_nearest_known_word(key: str, value: object, hint: str) -> None:
    service = {"command": "x", key: value}
    hints = error_of({"services": {"api": service, "db": {}}}).hints
    assert any(text.endswith(hint) and f"services.api.{key}" in text for text in hints)


def test_an_issue_has_a_place() -> None:
    error = error_of(text="services:\n  api:\n    command: x\n    comand: y\n    port: 1\n")
    assert error.hints == (
        f"portweave.yaml:5:5: services.api.port: {IN_PORT}",
        "portweave.yaml:4:5: services.api.comand: did you mean command?",
    )
    assert error.facts["file"] == YAML_PATH
    assert (error.facts["line"], error.facts["column"]) == (5, 5)
    assert error.facts["path"] == "services.api.port"


def test_the_place_of_a_json_value_is_the_place_of_its_key() -> None:
    text = '{\n "services": {\n  "api": {"command": "x",\n    "dependsOn": ["a",\n "nope"]}}}'
    with pytest.raises(DefinitionsInvalidError) as caught:
        definitions.build(
            jsonfile.parse(text, JSON_PATH, "f.json"), None, "", {JSON_PATH: "f.json"}
        )
    assert [hint.split(": ")[0] for hint in caught.value.hints] == ["f.json:4:5", "f.json:4:5"]


def test_a_key_in_snake_case_is_valid_and_has_a_place() -> None:
    assert api(stop_grace_period="1s", working_dir="a").working_dir == "/p/a"
    error = error_of(text="services:\n  api: {command: x,\n   depends_on: [\n    db]}\n")
    assert error.hints[0].startswith("portweave.yaml:3:4: services.api.dependsOn")


def test_extensions_are_ignored_anywhere() -> None:
    found = build(
        {
            "x-a": 1,
            "services": {
                "x-base": 5,
                "api": {
                    "command": "x",
                    "x-b": 1,
                    "ready": {"tcp": True, "x-c": 1},
                    "environment": {"x-d": None},
                    "dependsOn": {"x-e": 1},
                    "envFile": {"path": "a", "x-f": 1},
                    "discoveryEnv": {"x-g": 1},
                },
            },
        }
    )
    assert [service.name for service in found.services] == ["api"]
    assert found.services[0].environment == found.services[0].discovery_env == ()


def test_a_document_with_only_extensions_has_no_service() -> None:
    error = error_of({"services": {"x-a": {"command": "x"}, "x-b": 1}})
    assert "services.x-b: Invalid input: expected object, received number" in error.message


def test_a_document_gives_keys_to_a_process_under_its_procfile_name() -> None:
    text = "services:\n  My_Worker: {dependsOn: [db_1], envVar: WORKER}\n"
    found = build(text=text, processes="My_Worker: work\ndb_1: serve\n")
    worker, db = found.services
    assert (worker.name, worker.command, worker.env_var) == ("My_Worker", "work", "WORKER")
    assert [other.name for other in worker.depends_on] == [db.name]
    error = error_of(text="services: {My_Work: {}}", processes="My_Worker: work\n")
    assert error.message == "services.My_Work: Invalid key in record"


def test_two_services_with_the_same_variable_are_an_error() -> None:
    error = error_of(processes="my-api: a\nmy_api: b\n")
    assert error.message.splitlines()[0] == (
        'services.my_api.envVar: duplicate identifier "MY_API_PORT" already declared at'
        " services.my-api.envVar"
    )
    assert error.hints[0].startswith("Procfile:2:1: services.my_api.envVar: name another variable")


def test_two_services_with_the_same_host_name_are_an_error() -> None:
    services: dict[str, dict[str, object]] = {
        "web": {"command": "x", "scale": 2},
        "web-2": {"command": "x"},
    }
    error = error_of({"services": services})
    assert error.message == (
        'services.web-2.hostname: the host name "web-2" is also that of services.web'
    )
    services["web-2"]["hostname"] = False
    assert build({"services": services}).services


def test_a_service_named_portweave_is_an_error() -> None:
    error = error_of(processes="portweave: a")
    assert error.message == (
        'services.portweave.envVar: env var "PORTWEAVE_PORT" uses the reserved "PORTWEAVE_" prefix'
    )


def test_a_dependency_cycle_is_an_error_with_its_path() -> None:
    needs = {"a": ["b"], "b": ["c"], "c": ["a"]}
    services = {name: {"command": "x", "dependsOn": others} for name, others in needs.items()}
    error = error_of({"services": services})
    assert error.message == "services.a.dependsOn: dependency cycle: a -> b -> c -> a"


def test_a_probe_without_a_port_of_its_own_is_an_error() -> None:
    service = {"command": "x", "port": False, "ready": {"tcp": True, "http": "/"}}
    assert error_of({"services": {"api": service}}).message.splitlines() == [
        "services.api.ready.tcp: needs a port of the service's own, but port is false",
        "services.api.ready.http: needs a port of the service's own, but port is false",
    ]


# A Procfile in the same folder


def test_a_procfile_alone_is_enough() -> None:
    found = build(processes="web: npm start\nrelease: ./migrate\n")
    assert found.paths == (PROCFILE_PATH,)
    web, release = found.services
    assert (web.name, web.command, web.env_var) == ("web", "npm start", "WEB_PORT")
    assert (web.working_dir, web.on_request, release.on_request) == ("/p", False, True)
    # Heroku's release phase is over when its command ends, and other services may wait for it.
    assert (web.oneshot, release.oneshot) == (False, True)
    text = "services: {web: {dependsOn: [release]}}"
    web = build(text=text, processes="web: npm start\nrelease: ./migrate\n").services[0]
    assert [other.condition for other in web.depends_on] == ["completed"]


def test_a_procfile_adds_commands_to_services_and_further_services() -> None:
    found = build({"services": {"web": {"envVar": "P"}}}, processes="api: b\nweb: a\n")
    assert found.paths == (JSON_PATH, PROCFILE_PATH)
    assert [(s.name, s.command, s.env_var) for s in found.services] == [
        ("web", "a", "P"),
        ("api", "b", "API_PORT"),
    ]


def test_the_document_may_have_no_services() -> None:
    assert build({"projectName": "shop"}, processes="web: a").project_name == "shop"
    assert build({"services": {}}, processes="web: a").services[0].name == "web"


def test_a_service_with_a_procfile_command_needs_no_env_var() -> None:
    found = build({"services": {"web": {"dependsOn": ["api"]}}}, processes="web: a\napi: b")
    assert found.services[0].env_var == "WEB_PORT"


def test_a_command_in_both_files_is_an_error() -> None:
    error = error_of(text="services:\n  web:\n    command: a\n", processes="\nweb: b\n")
    assert error.message == (
        "services.web.command: a command is given on line 2 of the Procfile too"
    )
    assert error.hints == ("portweave.yaml:3:5: services.web.command: keep one of them",)


def test_an_empty_procfile_is_an_error() -> None:
    error = error_of(processes="# nothing\n")
    assert error.message == "services: services must contain at least one entry"


@pytest.mark.parametrize(
    "url",
    ["http://[::1", "http://x:99999/", "http://x:port/", "http:///path", "http://x:0/"],
    ids=["bracket", "port too large", "port no number", "no host", "port zero"],
)
def test_an_invalid_url_is_an_error(url: str) -> None:
    [line] = issues(ready={"http": url})
    assert line.startswith("services.api.ready.http: ")


def test_a_url_with_placeholders_is_valid() -> None:
    ready = api(ready={"http": "http://127.0.0.1:${api}/health?x=${namespace}"}).ready
    assert ready is not None
    assert ready.http == "http://127.0.0.1:${api}/health?x=${namespace}"
