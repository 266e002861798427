"""What a terminal shows of wrong definition files: sentence, place, mark and hint."""

import pytest

from portweave.errors import DefinitionsInvalidError
from portweave.errors.problem import Problem
from portweave.procfiles import definitions, jsonfile, procfile, yamlfile
from portweave.procfiles.sentences import sentence, thing
from portweave.procfiles.tree import Keys
from tests.unit.test_messages import faults

EXAMPLE = "services:\n  web:\n    command: npm start"
WEB = "services:\n  web:\n    command: x\n"
# name: text, sentence, marked text, hint
YAML = {
    "a misspelt key": (
        "services:\n  web:\n    comand: npm start\n    command: x\n",
        "unknown key 'comand' in service web",
        "3:comand",
        "did you mean command?",
    ),
    "a key that is like no other": (
        WEB + "    zzz: 1\n",
        "unknown key 'zzz' in service web",
        "4:zzz",
        "portweave schema prints all keys; a key of your own begins with x-",
    ),
    "a misspelt key at the top": (
        "servces: {}\n",
        "unknown key 'servces' in the file",
        "1:servces",
        "did you mean services?",
    ),
    "services at the top": (
        "web:\n  command: npm start\n",
        "the file has no 'services'",
        "1:w",
        f"put all services below the key services:\n{EXAMPLE}",
    ),
    "services as a list": (
        "services:\n  - name: web\n    command: npm start\n",
        "services is a list, where each service needs a name",
        "1:services",
        f"give each service a name with a colon, without a dash:\n{EXAMPLE}",
    ),
    "a service as text": (
        "services:\n  web: npm start\n",
        "service web is only text: its command needs a key",
        "2:npm start",
        "did you mean command: npm start?",
    ),
    "an empty file": ("", "the file is empty", "1:", f"begin with these lines:\n{EXAMPLE}"),
    "a file with a comment only": (
        "# later\n",
        "the file is empty",
        "1:#",
        f"begin with these lines:\n{EXAMPLE}",
    ),
    "a path without its slash": (
        WEB + "    ready: {http: health}\n",
        "'ready.http' of service web must be a path that begins with / or a URL (http or https)",
        "4:health",
        "did you mean /health?",
    ),
    "a number as a port": (
        WEB + "    port: 3000\n",
        "'port' of service web must be true or false, not a number",
        "4:3000",
        "portweave allocates the port; the service finds it in $PORT, others in its envVar",
    ),
    "a word for true": (
        WEB + "    oneshot: yes\n",
        "'oneshot' of service web must be true or false, not text",
        "4:yes",
        "did you mean true?",
    ),
    "a text as a number": (
        WEB + "    scale: many\n",
        "'scale' of service web must be a whole number from 1 to 100",
        "4:many",
        "",
    ),
    "an unknown dependency": (
        WEB + "    dependsOn: [wbe]\n",
        "unknown service 'wbe' in 'dependsOn' of service web",
        "4:wbe",
        "did you mean web?",
    ),
    "an unknown dependency in a map": (
        WEB + "    depends_on:\n      'wbe': ready\n",
        "unknown service 'wbe' in 'dependsOn' of service web",
        "5:'wbe'",
        "did you mean web?",
    ),
    "a bad template": (
        WEB + "    environment:\n      API: http://localhost:${wbe}/v1\n",
        "unknown service 'wbe' in 'environment.API' of service web",
        "5:${wbe}",
        "did you mean ${web}?",
    ),
    "a repeated key": (
        WEB + "  web:\n    command: y\n",
        "the key 'web' is there twice in services",
        "4:web",
        "remove one of them, or rename it",
    ),
    "a repeated variable": (
        "services: {a: {command: x, envVar: PORT_A},\n b: {command: x, envVar: PORT_A}}",
        "the variable PORT_A is there twice: 'envVar' of service a has it too",
        "2:PORT_A",
        "",
    ),
    "a cycle": (
        WEB + "    dependsOn: [web]\n",
        "services depend on each other: web -> web",
        "4:dependsOn",
        "",
    ),
    "a name with a blank": (
        "services:\n  Web Server:\n    command: npm start\n",
        "'Web Server' cannot be the name of a service",
        "2:Web Server",
        "a name begins with a lower-case letter and has a-z, 0-9 and - in it",
    ),
    "no duration": (
        WEB + "    stopGracePeriod: soon\n",
        "'stopGracePeriod' of service web is not a duration",
        "4:soon",
        "as 300ms, 10s, 1m30s, or a number of seconds",
    ),
    "an empty value": (
        "services:\n  web:\n    command:\n",
        "'command' of service web is empty",
        "3:command",
        "",
    ),
    "a tab": (
        "services:\n  web:\n\tcommand: npm start\n",
        "a tab indents this line",
        "3:\t",
        "indent with blanks: YAML allows no tabs there",
    ),
    "a colon in a text": (
        "services:\n  web:\n    command: echo a: b\n",
        "a colon and a blank inside a text",
        "3::",
        'put it in quotes: command: "echo a: b"',
    ),
    "two keys on one line": (
        "services:\n  web: command: npm start\n",
        "two keys on one line: web and command",
        "2:c",
        "write command: on a line of its own, indented",
    ),
    "one dependency as text": (
        WEB + "    dependsOn: db\n",
        "'dependsOn' of service web must be a list or a mapping of names to values, not text",
        "4:db",
        "did you mean [db]?",
    ),
    "a name without its colon": (
        "services:\n  web\n    command: npm start\n",
        "there is no colon after web",
        "2:w",
        "write web:",
    ),
    "a line that is not indented enough": (
        "services:\n  web:\n    command: npm start\n   port: false\n",
        "this line is not indented as the lines above it",
        "4:p",
        "indent the keys of one mapping equally",
    ),
    "a quote without an end": (
        'services:\n  web:\n    command: "npm start\n',
        "the quote that begins here is not closed",
        '3:"',
        "end it with the same quote",
    ),
    "a bracket without an end": (
        "services:\n  web:\n    command: [npm, start\n",
        "the bracket that begins here is not closed",
        "3:[",
        "close it with ']', and put commas between entries",
    ),
    "a star": (
        WEB + "    watch: *.py\n",
        "a text cannot begin with * in YAML",
        "4:*",
        "put it in quotes",
    ),
    "a compose file": (
        "services:\n  db:\n    image: postgres\n    ports: ['5432:5432']\n  web: {build: .}\n",
        "this is a Docker Compose file: portweave starts commands, not images",
        "3:image",
        (
            "rename it to compose.yaml, and create a Procfile:\n"
            "db: docker compose up db\nweb: npm start"
        ),
    ),
}
JSON = {
    "an empty file": (
        "\n",
        "the file is empty",
        "1:",
        'begin with this line:\n{"services": {"web": {"command": "npm start"}}}',
    ),
    "a trailing comma": (
        '{"services": {"web": {"command": "x"},\n}}',
        "a comma before }",
        "1:,",
        "remove the comma: JSON allows none before } and ]",
    ),
    "a trailing comma in a list": (
        '{"services": {"web": {"command": ["x", ]}}}',
        "a comma before ]",
        "1:,",
        "remove the comma: JSON allows none before } and ]",
    ),
    "a comment": (
        '{\n  // mine\n  "services": {}}',
        "a comment, which JSON does not have",
        "2:/",
        "remove it, or use portweave.yaml, which has comments (#)",
    ),
    "a comment behind a value": (
        '{"services": {} # mine\n}',
        "a comment, which JSON does not have",
        "1:#",
        "remove it, or use portweave.yaml, which has comments (#)",
    ),
    "a single quote": (
        "{'services': {}}",
        "a single quote, where JSON needs a double quote",
        "1:'",
        'write "text"',
    ),
    "a key without quotes": (
        "{services: {}}",
        "a key without double quotes",
        "1:s",
        'write "key": value',
    ),
    "a text without quotes": (
        '{"services": npm}',
        "a text without double quotes",
        "1:n",
        'write "text"',
    ),
    "a word of Python": (
        '{"services": {"web": {"command": "x", "port": False}}}',
        "False is no value of JSON",
        "1:F",
        "did you mean false?",
    ),
    "no comma": (
        '{"services": {"a": {}\n "b": {}}}',
        "a comma is missing before this",
        '2:"',
        "put a comma between two entries",
    ),
    "no end": (
        '{"services": {',
        "the file ends too early",
        "1:{",
        "look for a } or ] that is missing",
    ),
    "a misspelt key": (
        '{"services": {"web": {"command": "x", "comand": 1}}}',
        "unknown key 'comand' in service web",
        '1:"comand"',
        "did you mean command?",
    ),
    "a service of npm portweave's without its variable": (
        '{"services": {"my-api": {}}}',
        "service my-api has no 'envVar'",
        '1:"my-api"',
        "add what starts it, as command: npm start; or only envVar: MY_API_PORT",
    ),
}
PROCFILE = {
    "no colon": (
        "web npm start\n",
        "this line is not 'name: command'",
        "1:web",
        "did you mean web: npm start?",
    ),
    "an equals sign": (
        "web = npm start\n",
        "this line is not 'name: command'",
        "1:web",
        "did you mean web: npm start?",
    ),
    "no command": (
        "# all\nweb:\n",
        'the process "web" has no command',
        "2:web",
        "write the command after the colon",
    ),
    "nothing": (
        "# all\n",
        "no service is defined",
        "1:",
        "add a line for each service:\nweb: npm start\napi: python3 app.py",
    ),
}


def told(text: str, name: str) -> tuple[Problem, ...]:
    """The problems of a definition file that is refused."""
    with pytest.raises(DefinitionsInvalidError) as caught:
        read(text, name)
    return caught.value.problems


def read(text: str, name: str) -> None:
    path = f"/p/{name}"
    if name == "Procfile":
        processes = procfile.parse(text, path, name)
        definitions.build(None, processes, path, {path: name}, {path: text})
        return
    parse = yamlfile.parse if name.endswith(".yaml") else jsonfile.parse
    definitions.build(parse(text, path, name), None, "", {path: name}, {path: text})


def marked(problem: Problem) -> str:
    start = problem.column - 1
    return f"{problem.line}:{(problem.source or '')[start : start + problem.width]}"


@pytest.mark.parametrize(
    ("name", "case"),
    [
        pytest.param(name, case, id=f"{name}, {about}")
        for name, table in (
            ("portweave.yaml", YAML),
            ("portweave.config.json", JSON),
            ("Procfile", PROCFILE),
        )
        for about, case in table.items()
    ],
)
def test_a_beginner_is_told_what_is_wrong_where_and_what_to_do(
    name: str, case: tuple[str, str, str, str]
) -> None:
    text, expected, mark, hint = case
    (problem,) = told(text, name)
    assert (problem.sentence, marked(problem), problem.hint) == (expected, mark, hint)
    assert problem.path == name
    assert [*faults(problem.sentence), *faults(problem.hint)] == []


def test_line_ends_of_windows_do_not_count() -> None:
    text = "services:\r\n  web:\r\n    command: x\r\n    comand: y\r\n"
    (problem,) = told(text, "portweave.yaml")
    assert (problem.source, marked(problem)) == ("    comand: y", "4:comand")


def test_problems_stand_in_the_order_of_the_file() -> None:
    text = "services:\n  web:\n    command: x\n    tty: 1\n    port: 1\n    foo: 1\nbar: 1\n"
    assert [problem.line for problem in told(text, "portweave.yaml")] == [4, 5, 6, 7]


def test_a_problem_of_a_procfile_beside_a_document_is_marked_there() -> None:
    text = "a-b: x\na_b: x\n"
    yaml = "services: {web: {command: y}}"
    document = yamlfile.parse(yaml, "/p/portweave.yaml", "portweave.yaml")
    processes = procfile.parse(text, "/p/Procfile", "Procfile")
    shown = {"/p/Procfile": "Procfile", "/p/portweave.yaml": "portweave.yaml"}
    texts = {"/p/Procfile": text, "/p/portweave.yaml": yaml}
    with pytest.raises(DefinitionsInvalidError) as caught:
        definitions.build(document, processes, "/p/Procfile", shown, texts)
    first = caught.value.problems[0]
    assert (first.path, first.line, first.source) == ("Procfile", 2, "a_b: x")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((), "the file"),
        (("services",), "services"),
        (("services", "web"), "service web"),
        (("services", "web", "ready", "http"), "'ready.http' of service web"),
        (("services", "web", "command", 0), "'command[0]' of service web"),
        (("envFile", 1, "path"), "'envFile[1].path'"),
        (("hooks", "setup"), "hook setup"),
        (("hooks", "setup", "timeout"), "'timeout' of hook setup"),
    ],
)
def test_a_path_is_told_in_words(keys: Keys, expected: str) -> None:
    assert thing(keys) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("ready must have at least one of http, tcp", "* must have at least one of http, tcp"),
        ("must be no or always", "* must be no or always"),
        (
            "scope is reserved and does not exist yet",
            "scope is reserved and does not exist yet, in *",
        ),
        (
            "Invalid input: expected string or array, received number",
            "* must be text or a list, not a number",
        ),
        ("Invalid input: expected boolean, received array", "* must be true or false, not a list"),
        ("group must be a non-empty string", "* must not be empty"),
        ("not a regular expression: x", "* is not a regular expression: x"),
    ],
)
def test_texts_for_programs_become_sentences(message: str, expected: str) -> None:
    keys = ("services", "a", "ready")
    assert sentence(keys, message, keys) == expected.replace("*", "'ready' of service a")
