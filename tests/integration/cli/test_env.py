"""`portweave env`: its formats, its values and its explanations."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.procfiles.dotenv import parse
from tests.support.commands import Cli
from tests.support.ports import Pool
from tests.support.terminals import on_terminal

if TYPE_CHECKING:
    from tests.support.running_stacks import StartUp

Repo = Callable[[int], list[Path]]

STACK = """
projectName: Shop
envFile: all.env
services:
  web:
    command: [./show, web]
    envFile: web.env
    scale: 2
    discoveryEnv: {API_URL: "http://h:${api}"}
    environment: ["OWN=${web}", KEPT]
  api:
    command: [./show, api]
  job:
    command: [./show, job]
    port: false
"""
# NUL separates the variables, because their values may have any other character.
SHOW = (
    f"#!{sys.executable}\n"
    """
import os, sys
with open(f"{sys.argv[1]}.{os.environ['PORTWEAVE_INSTANCE']}.seen", "wb") as file:
    file.write(b"\\0".join(name + b"=" + value for name, value in os.environb.items()))
"""
)


@pytest.fixture
def root(repo: Repo) -> Path:
    (root,) = repo(0)
    (root / "portweave.yaml").write_text(STACK)
    (root / "all.env").write_text("SHARED=all\nWHO=all\n")
    (root / "web.env").write_text("WHO='web file'\nAPI_URL=hidden\n")
    (root / ".env").write_text("API_PORT=4001\nWHO=dotenv\nPORT=9\n")
    (root / "show").write_text(SHOW)
    (root / "show").chmod(0o755)
    return root


def as_map(text: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(text)
    return found


def test_env_prints_shared_variables_in_three_formats(cli: Cli, root: Path, pool: Pool) -> None:
    expected = {
        "API_PORT": "4001",
        "API_URL": f"http://h:{pool.start + 2}",
        "PORTWEAVE_NAMESPACE": "main",
        "PORTWEAVE_WORKTREE": str(root),
        "WEB_PORT": str(pool.start),
    }
    done = cli("env", cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    assert parse(done.stdout).values == expected
    assert cli("env", "--format", "dotenv", cwd=root).stdout == done.stdout
    assert as_map(cli("env", "--format", "json", cwd=root).stdout) == expected
    assert json.loads(cli("env", "--json", cwd=root).stdout) == {
        "schemaVersion": 1,
        "namespace": "main",
        "worktreeRoot": str(root),
        "service": None,
        "env": expected,
    }
    lines = cli("env", "--format=shell", cwd=root).stdout.splitlines()
    assert lines == [f"export {name}='{value}'" for name, value in expected.items()]


def test_env_allocates_ports_without_a_message(cli: Cli, repo: Repo) -> None:
    _, linked = repo(1)
    (linked / "Procfile").write_text("web: true\n")
    done = cli("env", cwd=linked)
    assert (done.returncode, done.stderr) == (0, "")
    current = (linked / ".portweave" / "current.env").read_text()
    assert parse(done.stdout).values == parse(current).values | {"PORTWEAVE_WORKTREE": str(linked)}


def test_inherited_variables_do_not_change_shared_ones(cli: Cli, root: Path) -> None:
    plain = cli("env", cwd=root).stdout
    assert cli("env", cwd=root, env={"WEB_PORT": "1", "API_URL": "x"}).stdout == plain


@pytest.mark.slow
@pytest.mark.parametrize("instance", ["web", "web.2", "api", "job"])
def test_env_prints_the_variables_that_up_gives_a_service(
    cli: Cli, root: Path, up: "StartUp", instance: str
) -> None:
    outside: dict[str, str | None] = {
        "KEPT": "it's $kept\n",
        "BYTES": os.fsdecode(b"\xff\x01"),
        "API_URL": "mine",
        "HOST": "not.this",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    stack = up(root, env=outside)
    # Each service exits after writing its file, and the stack exits with the last service.
    stack.wait()
    name, _, number = instance.partition(".")
    seen = (root / f"{name}.{number or 1}.seen").read_bytes().decode("utf-8", "surrogateescape")
    given = dict(pair.split("=", 1) for pair in seen.split("\0"))
    # Each start adds these three. The service's interpreter may add LC_CTYPE.
    for name in ("PORTWEAVE_INVOCATION", "PORTWEAVE_SOCKET", "PORTWEAVE_TOKEN"):
        assert given.pop(name)
    done = cli("env", instance, "--format", "json", cwd=root, env=outside)
    assert done.returncode == 0, done.stderr
    printed = as_map(done.stdout)
    if "LC_CTYPE" not in printed:
        given.pop("LC_CTYPE", None)
    assert printed == given


def test_a_shell_evaluates_env_to_the_values_and_runs_nothing(cli: Cli, root: Path) -> None:
    special_text = "'; touch pwned; $(touch pwned) `touch pwned` \\ \" ! \t é"
    (root / ".env").write_text(f'API_URL="{special_text}"\nWEB_PORT="1 # x\n2;touch pwned"\n')
    script = 'eval "$("$@")" && printf "%s\\0%s" "$API_URL" "$WEB_PORT"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *cli.argv, "env", "--format", "shell"],  # noqa: S607
        cwd=root,
        env=cli.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\0") == [special_text, "1 # x\n2;touch pwned"]
    assert not (root / "pwned").exists()


def test_shell_variables_of_one_worktree_do_not_change_another(
    cli: Cli, repo: Repo, pool: Pool
) -> None:
    roots = repo(1)
    for root in roots:
        (root / "Procfile").write_text("web: true\n")
    own = as_map(cli("env", "--format", "json", cwd=roots[0]).stdout)
    done = cli("run", "--", "sh", "-c", "echo $WEB_PORT", cwd=roots[1], env=dict(own))
    assert done.stdout == f"{pool.start + 1}\n"
    assert cli("port", "web", cwd=roots[1], env=dict(own)).stdout == f"{pool.start + 1}\n"


def test_names_that_shells_do_not_accept_are_omitted_with_a_warning(cli: Cli, root: Path) -> None:
    odd: dict[str, str | None] = {"A.B": "1", "PPID": "1", "FINE": "1"}
    done = cli("env", "job", "--format", "shell", cwd=root, env=odd)
    assert done.returncode == 0
    assert "export FINE='1'\n" in done.stdout
    assert "A.B" not in done.stdout
    assert done.stderr == "[portweave] left out, because no shell can set them: A.B, PPID\n"
    done = cli("env", "job", cwd=root, env={"RETURN": "a\r\nb", "A.B": "1"})
    assert "RETURN" not in done.stdout
    assert done.stderr == (
        "[portweave] left out, because a file of variables cannot hold them: A.B, RETURN\n"
    )


def test_env_explains_the_source_of_a_value_and_its_overridden_values(cli: Cli, root: Path) -> None:
    done = cli("env", "web", "--explain", "WHO", cwd=root, env={"WHO": " outside"})
    assert done.stdout == (
        'WHO\tweb file\tweb.env:1\n\tall\tall.env:2\n\tdotenv\t.env:2\n\t" outside"\tinherited\n'
    )
    again = cli("env", "--explain=WHO", "web", cwd=root, env={"WHO": " outside"})
    assert again.stdout == done.stdout


def test_env_explains_all_layers_as_json(cli: Cli, root: Path, pool: Pool) -> None:
    done = cli("env", "web", "--explain", "--json", cwd=root, env={"API_URL": "mine"})
    answer = json.loads(done.stdout)
    assert (answer["schemaVersion"], answer["service"]) == (1, "web")
    variables = answer["variables"]
    assert variables["API_URL"] == {
        "value": "mine",
        "source": "inherited",
        "hides": [
            {
                "source": "computed",
                "value": f"http://h:{pool.start + 2}",
                "file": "portweave.yaml",
                "line": 9,
            },
            {"source": "envFile web.env", "value": "hidden", "file": "web.env", "line": 2},
        ],
    }
    assert variables["API_PORT"]["source"] == ".env"
    assert variables["OWN"] == {
        "value": str(pool.start),
        "source": "environment",
        "file": "portweave.yaml",
        "line": 10,
        "hides": [],
    }
    assert variables["PORT"] == {"value": str(pool.start), "source": "computed", "hides": []}
    assert variables["PORTWEAVE_NAME"]["source"] == "forced"
    assert variables["COMPOSE_PROJECT_NAME"]["source"] == "default"
    every = as_map(cli("env", "web", "--format=json", cwd=root, env={"API_URL": "mine"}).stdout)
    assert {name: variable["value"] for name, variable in variables.items()} == every


def test_env_explains_shared_variables(cli: Cli, root: Path, pool: Pool) -> None:
    done = cli("env", "--explain", "API_PORT", cwd=root)
    assert done.stdout == (
        f"API_PORT\t4001\t.env:1\n\t{pool.start + 2}\tcomputed, portweave.yaml:11\n"
    )
    assert f"PORTWEAVE_WORKTREE\t{root}\tforced\n" in cli("env", "--explain", cwd=root).stdout


def test_env_hides_the_values_of_secrets_that_it_explains(cli: Cli, root: Path) -> None:
    (root / ".env").write_text("API_KEY=from-file\nDB=postgres://me:hunter2@db\nEMPTY_TOKEN=\n")
    outside = {"API_KEY": "from-outside"}
    done = cli("env", "job", "--explain", cwd=root, env=outside)
    assert "API_KEY\t***\t.env:1\n\t***\tinherited\n" in done.stdout
    assert "DB\tpostgres://me:***@db\t.env:2\n" in done.stdout
    assert "EMPTY_TOKEN\t\t.env:3\n" in done.stdout
    assert done.stderr == "[portweave] *** stands for a secret: --show-secrets prints it\n"
    as_json = cli("env", "job", "--explain", "API_KEY", "--json", cwd=root, env=outside)
    assert json.loads(as_json.stdout)["variables"]["API_KEY"] == {
        "value": "***",
        "source": ".env",
        "hidden": True,
        "file": ".env",
        "line": 1,
        "hides": [{"value": "***", "source": "inherited", "hidden": True}],
    }
    words = ("env", "job", "--explain", "API_KEY", "--show-secrets")
    shown = cli(*words, cwd=root, env=outside)
    assert shown.stdout == "API_KEY\tfrom-file\t.env:1\n\tfrom-outside\tinherited\n"
    assert shown.stderr == ""
    assert "hunter2" in cli("env", "job", cwd=root).stdout


def test_env_explains_services_of_a_procfile_and_of_no_file(cli: Cli, root: Path) -> None:
    (root / "portweave.yaml").unlink()
    (root / ".env").unlink()
    (root / "Procfile").write_text("web: true\n\napi: true\n")
    lines = cli("env", "--explain", "API_PORT", cwd=root).stdout
    assert lines.endswith("\tcomputed, Procfile:3\n")
    lines = cli("env", "--count", "2", "--explain", "PORT_2", cwd=root).stdout
    assert lines.endswith("\tcomputed\n")


def test_env_explains_in_a_table_on_a_terminal(cli: Cli, root: Path) -> None:
    shown = on_terminal(cli, "env", "web", "--explain", cwd=root, env={"X": "y" * 300}, columns=60)
    assert shown[0].split() == ["NAME", "VALUE", "FROM"]
    assert all(len(line) <= 60 for line in shown)
    assert any(line.split() == ["API_PORT", "4001", ".env:1"] for line in shown)
    assert any(line.startswith("    hides ") for line in shown)
    assert "…" in "".join(shown)
    whole = on_terminal(cli, "env", "web", "--explain", "X", cwd=root, env={"X": "y" * 300})
    assert "".join(whole).count("y") == 300


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nope"], 'no service is named "nope"'),
        (["web", "api"], "unexpected argument 'api'"),
        (["web", "WHO"], "unexpected argument 'WHO'"),
        (["web", "--explain", "A", "B"], "unexpected argument 'A'"),
        (["--explain", "A", "B"], 'no service is named "A"'),
        (["web", "--explain", "NOPE"], "NOPE is not in the environment of web"),
        (
            ["web", "--explain", "PORTWEAVE_TOKEN"],
            "PORTWEAVE_TOKEN is new for each start of web, and only the service sees it",
        ),
        (["--explain", "WHO"], "WHO is not in what all services share"),
        (["--format", "yaml"], "--format must be dotenv, shell or json, received yaml"),
        (["--show-secrets"], "--show-secrets goes with --explain"),
        (["--format", "json", "--explain"], "--format and --explain are mutually exclusive"),
        (["--", "true"], "env takes the name of a service, not a command"),
    ],
)
def test_invalid_arguments_are_an_error(
    cli: Cli, root: Path, words: list[str], message: str
) -> None:
    done = cli("env", *words, cwd=root)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"[portweave] error: {message} (PW0601)\n")


def test_an_invalid_port_override_is_an_error_for_its_service(cli: Cli, root: Path) -> None:
    (root / ".env").write_text("# ports\nAPI_PORT=x\n")
    assert "(PW0503)" in cli("env", "api", cwd=root).stderr
    told = json.loads(cli("env", "api", "--json", cwd=root).stdout)["error"]
    assert (told["file"], told["line"]) == (str(root / ".env"), 2)
    assert told["hint"] == "set API_PORT to a number from 1 to 65535, or remove it"
    assert "API_PORT=x\n" in cli("env", cwd=root).stdout
    assert cli("env", "job", cwd=root).returncode == 0
