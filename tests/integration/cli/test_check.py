"""`portweave check`, `schema` and `graph`, and the search for definition files."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import Cli
from tests.support.repository import REPOSITORY
from tests.support.terminals import on_terminal

STACK = """\
services:
  web:
    command: npm start
    dependsOn: [api]
  api: {command: ./api, dependsOn: [seed]}
  seed: {command: ./seed, oneshot: true, port: false}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "shop"
    path.mkdir()
    return path


def test_check_prints_the_services(cli: Cli, project: Path) -> None:
    project.joinpath("portweave.yaml").write_text(STACK)
    project.joinpath("Procfile").write_text("worker: ./work\n")
    done = cli("check", cwd=project)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "portweave.yaml, Procfile: 4 services, nothing wrong",
        "web (WEB_PORT): npm start; after api (ready)",
        "api (API_PORT): ./api; after seed (completed)",
        "seed (no port): ./seed",
        "worker (WORKER_PORT): ./work",
    ]


def test_check_prints_json_with_every_service_in_file_order(cli: Cli, project: Path) -> None:
    project.joinpath("portweave.yaml").write_text(STACK)
    done = cli("check", "--json", cwd=project)
    found = json.loads(done.stdout)
    assert (done.returncode, found["schemaVersion"]) == (0, 1)
    assert [service["name"] for service in found["services"]] == ["web", "api", "seed"]
    api = found["services"][1]
    assert (api["command"], api["envVar"]) == ("./api", "API_PORT")
    assert api["dependsOn"] == {"seed": "completed"}
    assert (api["line"], api["column"], api["restart"]) == (5, 3, "on-failure")
    assert found["services"][2]["envVar"] is None


def test_a_fixed_or_shared_port_is_a_warning_with_the_fix(cli: Cli, project: Path) -> None:
    project.joinpath("app.js").write_text("x\nhttp.createServer().listen(3000)\n")
    scripts = {"scripts": {"dev": "next dev -p 3001"}, "workspaces": ["one", "two"]}
    project.joinpath("package.json").write_text(json.dumps(scripts))
    project.joinpath("Procfile").write_text(
        "app: node app.js\nnext: npm run dev\nphp: php -S 127.0.0.1:3002\n"
        "own: node app.js $PORT\nplain: ./serve\nmany: npm run dev --workspaces\n"
    )
    for name in ("one", "two"):
        (project / name).mkdir()
        text = json.dumps({"name": name, "scripts": {"dev": "vite"}})
        (project / name / "package.json").write_text(text)
    done = cli("check", "--json", cwd=project)
    assert done.returncode == 0
    assert [(one["service"], one["hint"]) for one in json.loads(done.stdout)["warnings"]] == [
        ("app", "write process.env.PORT for 3000 at app.js:2"),
        ("next", "write `-p $PORT` for `-p 3001` in the script dev of package.json"),
        ("php", "write `-S 127.0.0.1:$PORT` for `-S 127.0.0.1:3002`"),
        ("many", "  one: npm run dev -w one\n  two: npm run dev -w two"),
    ]
    printed = cli("check", cwd=project)
    assert printed.returncode == 0
    assert "warning: php: `-S 127.0.0.1:3002` is the same port, 3002, in every" in printed.stderr
    assert "warning: many starts several apps (one, two) on one port: write one" in printed.stderr
    assert "  two: npm run dev -w two\n" in printed.stderr
    assert "6 services, 4 warnings" in printed.stdout


def test_an_error_has_a_place_and_a_hint(cli: Cli, project: Path) -> None:
    project.joinpath("portweave.yaml").write_text("services:\n  api:\n    comand: x\n")
    done = cli("check", cwd=project)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "[portweave] error: services.api.envVar: Invalid input: expected string,"
        " received undefined\n"
        'services.api: Unrecognized key: "comand" (PW0102)\n'
        "[portweave] hint: portweave.yaml:2:3: services.api.envVar:"
        " the variable of its port; with a command in the file it may be left out\n"
        "[portweave] hint: portweave.yaml:3:5: services.api.comand: did you mean command?\n"
    )


def test_a_json_error_has_its_facts(cli: Cli, project: Path) -> None:
    project.joinpath("portweave.yaml").write_text("services:\n  api:\n    command: [\n")
    done = cli("check", "--json", cwd=project)
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 1
    assert (error["code"], error["file"]) == ("PW0102", str(project / "portweave.yaml"))
    assert (error["line"], error["column"]) == (4, 1)


BROKEN: dict[str, tuple[dict[str, bytes], str, str]] = {
    "nothing": ({}, "PW0101", "no portweave.config.json at "),
    "empty Procfile": ({"Procfile": b""}, "PW0102", "at least one entry"),
    "empty JSON": ({"portweave.config.json": b""}, "PW0102", "failed to parse JSON"),
    "empty YAML": ({"portweave.yaml": b""}, "PW0102", "expected object, received null"),
    "no services": ({"portweave.yaml": b"services: {}"}, "PW0102", "at least one entry"),
    "two documents": (
        {"portweave.yaml": b"a: 1", "portweave.yml": b"a: 1"},
        "PW0102",
        "portweave.yaml, portweave.yml",
    ),
    "JSON and YAML": (
        {"portweave.config.json": b"{}", "portweave.yml": b"a: 1"},
        "PW0102",
        "portweave.config.json, portweave.yml",
    ),
    "a key twice in JSON": (
        {"portweave.config.json": b'{"services": {}, "services": {}}'},
        "PW0102",
        "services: duplicate key",
    ),
    "a key twice in YAML": (
        {"portweave.yaml": b"services:\n  a: {command: x}\n  a: {command: y}"},
        "PW0102",
        "services.a: duplicate key",
    ),
    "a name twice in a Procfile": ({"Procfile": b"a: x\na: y"}, "PW0102", "already defined"),
    "no UTF-8 in a Procfile": ({"Procfile": b"web: x\nap\xff: y"}, "PW0102", "line 2 column 3"),
    "no UTF-8 in JSON": ({"portweave.config.json": b'{"\xff": 1}'}, "PW0102", "byte 0xff"),
    "no UTF-8 in YAML": ({"portweave.yaml": b"a: \xc3"}, "PW0102", "byte 0xc3"),
    "NUL in YAML": ({"portweave.yaml": b'services: {a: {command: "a\\0b"}}'}, "PW0102", "NUL"),
    "a huge number": (
        {"portweave.yaml": b"services: {a: {command: x, scale: " + b"9" * 9000 + b"}}"},
        "PW0102",
        "scale must be an integer",
    ),
    "deep JSON": ({"portweave.config.json": b"[" * 300_000}, "PW0102", "nested too deeply"),
    "deep YAML": ({"portweave.yaml": b"[" * 300_000}, "PW0102", "nested more than"),
    "too large": ({"portweave.yaml": b"#" * (1 << 20) + b"\n"}, "PW0102", "more than 1048576"),
    "a command in both": (
        {"portweave.yaml": b"services: {a: {command: x}}", "Procfile": b"a: y"},
        "PW0102",
        "line 1 of the Procfile too",
    ),
    "a bad .env": ({"Procfile": b"a: x", ".env": b"B=1\nA_PORT hunter2"}, "PW0502", "env line 2"),
    "no UTF-8 in .env": ({"Procfile": b"a: x", ".env": b"A=\xff"}, "PW0502", "env line 1"),
    "a missing env file": (
        {"portweave.yaml": b"services: {a: {command: x, envFile: no.env}}"},
        "PW0504",
        "no.env: there is no such file",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_invalid_file_is_a_coded_error(cli: Cli, project: Path, case: str) -> None:
    files, code, words = BROKEN[case]
    for name, data in files.items():
        project.joinpath(name).write_bytes(data)
    done = cli("check", "--json", cwd=project)
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"], done.stderr) == (1, code, "")
    assert words in error["message"]


@pytest.mark.parametrize("name", ["portweave.yaml", "portweave.config.json", "Procfile"])
def test_a_folder_in_place_of_a_file_is_a_coded_error(cli: Cli, project: Path, name: str) -> None:
    project.joinpath(name).mkdir()
    done = cli("check", cwd=project)
    assert done.returncode == 1
    assert done.stderr.startswith(f"[portweave] error: failed to read {project / name}: Is a dir")


def test_an_unreadable_env_file_is_a_coded_error(cli: Cli, project: Path) -> None:
    project.joinpath("Procfile").write_text("a: x\n")
    project.joinpath(".env").mkdir()
    done = cli("check", cwd=project)
    assert done.returncode == 1
    # No hint about `envFile`: no key names this file.
    where = project / ".env"
    assert done.stderr == f"[portweave] error: failed to read {where}: Is a directory (PW0504)\n"


def test_a_malformed_line_of_an_env_file_is_a_warning_with_its_number(
    cli: Cli, project: Path
) -> None:
    project.joinpath("Procfile").write_text("a: x\n")
    project.joinpath(".env").write_text("A=1\n?? hunter2\nB=2\n")
    done = cli("check", cwd=project)
    assert done.returncode == 0
    assert "warning: .env: line 2 is left out" in done.stderr
    assert "hunter2" not in done.stderr


def test_the_file_is_found_in_a_parent_folder(cli: Cli, project: Path) -> None:
    project.joinpath("Procfile").write_text("web: x\n")
    below = project / "src" / "deep"
    below.mkdir(parents=True)
    done = cli("check", cwd=below)
    assert done.stdout.splitlines()[0] == "../../Procfile: 1 service, nothing wrong"


def test_the_search_ends_at_the_root_of_the_worktree(
    cli: Cli, repo: Callable[[int], list[Path]]
) -> None:
    (root,) = repo(0)
    root.parent.joinpath("Procfile").write_text("web: x\n")
    below = root / "src"
    below.mkdir()
    done = cli("check", cwd=below)
    assert done.returncode == 1
    assert f"no portweave.config.json at {below}/portweave.config.json (PW0101)" in done.stderr
    assert f"and the folders above it, up to {root}\n" in done.stderr


def test_the_nearest_folder_with_definition_files_is_used(cli: Cli, project: Path) -> None:
    project.joinpath("portweave.yaml").write_text(STACK)
    below = project / "src"
    below.mkdir()
    below.joinpath("Procfile").write_text("web: x\n")
    assert cli("check", cwd=below).stdout.startswith("Procfile: 1 service")


def test_procfile_dev_overrides_procfile(cli: Cli, project: Path) -> None:
    project.joinpath("Procfile").write_text("web: x\n")
    project.joinpath("Procfile.dev").write_text("web: y\n")
    assert cli("check", cwd=project).stdout.startswith("Procfile.dev: 1 service")


def test_the_suffix_in_any_case_gives_the_format(cli: Cli, project: Path) -> None:
    project.joinpath("STACK.YML").write_text(STACK)
    assert cli("check", "-f", "STACK.YML", cwd=project).stdout.startswith("STACK.YML: 3 services")


@pytest.mark.parametrize("flag", ["-f", "--file", "--config"])
def test_an_option_names_the_file(cli: Cli, project: Path, flag: str) -> None:
    project.joinpath("portweave.yaml").write_text(STACK)
    other = project / "ops"
    other.mkdir()
    other.joinpath("other.yml").write_text("services: {db: {command: x, workingDir: data}}")
    done = cli("check", flag, "ops/other.yml", "--json", cwd=project)
    (service,) = json.loads(done.stdout)["services"]
    assert (service["name"], service["workingDir"]) == ("db", str(other / "data"))


def test_a_missing_named_file_is_an_error(cli: Cli, project: Path) -> None:
    done = cli("check", "--config", "other.json", cwd=project)
    assert done.returncode == 1
    assert f"no portweave.config.json at {project}/other.json (PW0101)\n" in done.stderr


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads a pipe by its path in /proc")
def test_a_pipe_in_proc_is_read(cli: Cli, project: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b'{"services": {"a": {"command": "x"}}}')
    os.close(writer)
    try:
        done = cli("check", "-f", f"/proc/{os.getpid()}/fd/{reader}", cwd=project)
    finally:
        os.close(reader)
    assert done.returncode == 0, done.stderr


def test_schema_prints_a_json_schema(cli: Cli, project: Path) -> None:
    done = cli("schema", cwd=project)
    assert done.returncode == 0
    assert json.loads(done.stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    ("columns", "locale", "expected"),
    [
        (
            80,
            "C.UTF-8",
            """\
db
└── migrate (oneshot) ← db ready
    └── web ← migrate completed · db started
""",
        ),
        (
            40,
            "C",
            """\
db
`-- migrate (oneshot) <- db ready
    `-- web <- migrate completed, db
        started
""",
        ),
        (
            30,
            "C",
            """\
db
migrate <- db (ready)
web <- migrate (completed), db
    (started)
""",
        ),
    ],
)
def test_graph_draws_trees_on_a_terminal(
    cli: Cli, project: Path, columns: int, locale: str, expected: str
) -> None:
    (project / "portweave.yaml").write_text("""
services:
  web: {command: w, dependsOn: {migrate: completed, db: started}}
  migrate: {command: m, oneshot: true, dependsOn: [db]}
  db: {command: d}
""")
    shown = on_terminal(cli, "graph", cwd=project, env={"LC_ALL": locale}, columns=columns)
    assert shown == expected.splitlines()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "seed\napi <- seed (completed)\nweb <- api (ready)\n"),
        (["--format", "mermaid"], "flowchart LR\n"),
        (["--format", "dot"], "digraph portweave {\n"),
        (["--format=json"], '"schemaVersion": 1'),
        (["--json"], '"schemaVersion": 1'),
    ],
)
def test_graph_prints_the_start_order(
    cli: Cli, project: Path, arguments: list[str], words: str
) -> None:
    project.joinpath("portweave.yaml").write_text(STACK)
    done = cli("graph", *arguments, cwd=project)
    assert (done.returncode, words in done.stdout) == (0, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["graph", "--format", "png"],
        ["graph", "web"],
        ["check", "web"],
        ["check", "--", "web"],
        ["check", "--count", "3"],
    ],
)
def test_wrong_usage_is_a_coded_error(cli: Cli, project: Path, arguments: list[str]) -> None:
    project.joinpath("portweave.yaml").write_text(STACK)
    done = cli(*arguments, cwd=project)
    assert (done.returncode, "(PW0601)" in done.stderr) == (1, True)


def test_json_and_procfiles_need_no_slow_imports(project: Path) -> None:
    slow = {"re", "json", "dataclasses", "enum", "typing", "pathlib", "shlex", "collections"}
    script = (
        "import sys; from portweave.procfiles.load import load;"
        "from portweave.planning.fixed_ports import warnings_of;"
        "warnings_of(load(sys.argv[1], None, None)); print(*sys.modules)"
    )
    service = (
        '{"command": "x $A_PORT", "dependsOn": ["b"], "ready": {"log": "up on", "interval": "1s"}}'
    )
    files = {
        "portweave.config.json": '{"services": {"a": '
        + service
        + ', "b": {"command": "y ${PORT}"}}}',
        "Procfile": "web: x $PORT",
    }
    root = REPOSITORY
    for name, text in files.items():
        folder = project / f"of-{name}"
        folder.mkdir()
        folder.joinpath(name).write_text(text)
        done = subprocess.run(
            [sys.executable, "-S", "-c", script, str(folder)],
            cwd=root,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        )
        assert not slow & set(done.stdout.split())
