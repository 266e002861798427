"""`portweave export` writes a worktree for other supervisors."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from portweave import __version__
from portweave.errors import ExportFileError, ExportLostError, ExportNameError

if TYPE_CHECKING:
    from tests.support.commands import Cli

FORMS = ("systemd", "compose", "kubernetes")
STACK = """
projectName: shop
services:
  db:
    command: [postgres, -D, data]
    ready: {tcp: true}
    stopSignal: SIGINT
    discoveryEnv:
      DATABASE_URL: postgres://127.0.0.1:${db}/shop
  migrate:
    command: python3 manage.py migrate
    oneshot: true
    port: false
    dependsOn: [db]
  api:
    command: uvicorn app:app
    workingDir: backend
    envFile: secrets.env
    environment: ["GREETING=it costs $$5 of ${namespace}", MODE=ours, LANG]
    dependsOn: [migrate, db]
    ready: {http: /health, timeout: 20s}
    scale: 2
    watch: [app]
  web:
    command: npm run dev
    dependsOn: {api: ready}
    environment: {API: "http://localhost:${api}/v1", OTHER: "http://127.0.0.1:9"}
  extra: {command: sleep 9, port: false, profiles: [all]}
"""
HIDDEN = ("s3cr3t-literal", "s3cr3t-other", "s3cr3t-in-url", "s3cr3t-found", "s3cr3t-word")
SECRETS = (*HIDDEN, "s3cr3t-of-env", "s3cr3t-of-file", "s3cr3t-of-shell", "s3cr3t-override")


OMITTED = {
    "systemd": ("lost (watch): api", "extra: not exported, it needs --profile all"),
    "compose": ("info (watch): api",),
    "kubernetes": ("lost (watch): api", "extra: not exported, it needs --profile all"),
}
# Secrets that stand in a definition file itself.
PLANTED = """
services:
  one:
    command: serve --password s3cr3t-word
    environment: {DB_PASSWORD: s3cr3t-literal, BUS: "nats://me:s3cr3t-in-url@10.0.0.1:${one}"}
    discoveryEnv: {ONE: "redis://:s3cr3t-found@127.0.0.1:${one}", AUTH_URL: "http://127.0.0.1:${one}"}
  two:
    command: [serve, --token=s3cr3t-word, "s3cr3t-other"]
    environment: {DB_PASSWORD: s3cr3t-other}
    ready: {http: "http://me:s3cr3t-word@127.0.0.1:${two}/", exec: [ask, --secret, s3cr3t-word]}
hooks: {setup: {command: make s3cr3t-word, environment: {TOKEN: s3cr3t-word}}}
"""


@pytest.fixture
def shop(project: Path) -> Path:
    (project / "portweave.yaml").write_text(STACK)
    (project / "backend").mkdir()
    (project / "backend" / "Dockerfile").write_text("FROM scratch\n")
    (project / ".env").write_text(
        f"TOKEN={SECRETS[0]}\nMODE=theirs\nDATABASE_URL=postgres://u:{SECRETS[3]}@host/db\n"
    )
    (project / "secrets.env").write_text(f"export KEY={SECRETS[1]}\n")
    return project


def files_of(cli: "Cli", root: Path, *words: str) -> tuple[dict[str, str], list[str]]:
    done = cli("export", *words, "--json", cwd=root)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["schemaVersion"], found["format"]) == (1, words[0])
    remarks = [
        f"{one['kind']} ({one['key']}): {', '.join([*one['services'], ''])}".removesuffix(", ")
        + f"{': ' if one['services'] else ''}{one['text']}"
        for one in found["remarks"]
    ]
    return {one["name"]: one["text"] for one in found["files"]}, remarks


@pytest.mark.parametrize("form", FORMS)
def test_no_secret_is_written_anywhere(cli: "Cli", shop: Path, form: str) -> None:
    env = {"LANG": SECRETS[2], "DATABASE_URL": SECRETS[2], "PASSWORD": SECRETS[2]}
    done = cli("export", form, cwd=shop, env=env)
    assert done.returncode == 0, done.stderr
    for secret in SECRETS:
        assert secret not in done.stdout + done.stderr
    # The export refers to these files.
    assert ".env" in done.stdout + done.stderr
    assert "LANG" in done.stdout
    assert "changed (inherited): DATABASE_URL: their values in this terminal" in done.stderr


@pytest.mark.parametrize("form", FORMS)
def test_no_secret_of_a_definition_file_is_written(cli: "Cli", project: Path, form: str) -> None:
    (project / "portweave.yaml").write_text(PLANTED)
    done = cli("export", form, cwd=project)
    assert done.returncode == 0, done.stderr
    assert not re.findall(r"s3cr3t-\S+", done.stdout + done.stderr)
    assert re.search(r"info \(secrets\): .*DB_PASSWORD", done.stderr)
    assert "lost (command): one, two: it has a secret" in done.stderr
    assert "lost (hooks): setup: " in done.stderr
    assert re.search(r"AUTH_URL.*http://(one|127\.0\.0\.1):\d+|name: AUTH_URL", done.stdout)


def test_a_lost_setting_is_an_error_only_if_it_is_not_allowed(
    cli: "Cli", shop: Path, tmp_path: Path
) -> None:
    words = ("export", "systemd", "--check")
    out = tmp_path / "out"
    done = cli(*words, "-o", out, cwd=shop)
    assert done.returncode == 1
    assert ExportLostError.code in done.stderr
    assert not out.exists()
    assert done.stderr.count("lost (watch)") == 1
    found = cli(*words, "--json", cwd=shop)
    assert found.returncode == 1
    assert json.loads(found.stdout)["error"]["code"] == ExportLostError.code
    lost = [one["key"] for one in json.loads(found.stdout)["remarks"] if one["kind"] == "lost"]
    assert set(lost) == {"watch", "envFile"}
    allowed = [word for key in lost for word in ("--allow", key)]
    accepted = cli(*words, *allowed, cwd=shop)
    assert (accepted.returncode, accepted.stdout) == (0, "")
    assert cli(*words, *allowed, "-o", out, cwd=shop).returncode == 0
    assert out.exists()


@pytest.mark.parametrize("form", FORMS)
def test_the_same_stack_gives_the_same_bytes(cli: "Cli", shop: Path, form: str) -> None:
    first, second = (
        cli("export", form, cwd=shop, env={"PYTHONHASHSEED": seed}) for seed in ("1", "2")
    )
    assert (first.stdout, first.stderr) == (second.stdout, second.stderr)
    assert f"# Made by `portweave export {form}` of portweave {__version__}." in first.stdout


@pytest.mark.parametrize("form", FORMS)
def test_omissions_are_printed_and_written_into_the_files(
    cli: "Cli", shop: Path, form: str
) -> None:
    files, notes = files_of(cli, shop, form)
    for told in (
        *OMITTED[form],
        "calls",
    ):
        assert any(told in note for note in notes), told
    text = "".join(files.values())
    assert OMITTED[form][0].split()[-1] in text
    assert cli("export", form, cwd=shop).stderr.splitlines() == [
        f"[portweave] {note}" for note in notes
    ]


def test_compose(cli: "Cli", shop: Path) -> None:
    files, notes = files_of(cli, shop, "compose", "--image", "web=node:22", "--profile", "all")
    document = yaml.safe_load(files["compose.yaml"])
    services: dict[str, Any] = document["services"]
    assert document["name"] == "shop-main"
    assert list(services) == ["db", "migrate", "api", "api-2", "web", "extra"]
    api, second, web = services["api"], services["api-2"], services["web"]
    port = api["environment"]["PORT"]
    assert api["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert second["environment"]["PORT"] != port
    # The framework listens on an address that other containers reach.
    assert f"--port {port} --host 0.0.0.0" in api["command"][2]
    assert api["build"] == {"context": "./backend"}
    assert api["image"] == "shop-backend"
    assert services["db"]["image"] == "postgres:17.5"
    assert list(document["volumes"]) == ["db-data"]
    assert api["env_file"] == [
        {"path": "./.env", "required": False},
        {"path": "./secrets.env", "required": True},
    ]
    assert api["environment"]["GREETING"] == "it costs $$5 of main"
    assert api["environment"]["MODE"] == "ours"
    assert api["environment"]["LANG"] is None
    # .env sets its own value.
    assert "DATABASE_URL" not in api["environment"]
    assert api["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "db": {"condition": "service_healthy"},
    }
    assert web["image"] == "node:22"
    assert web["environment"]["API"] == f"http://api:{port}/v1"
    assert web["depends_on"] == {
        "api": {"condition": "service_started"},
        "api-2": {"condition": "service_started"},
    }
    assert "lost (environment): web: OTHER: still names the container itself" in notes
    check_services(services)


# https://github.com/compose-spec/compose-spec/blob/main/spec.md
KINDS: dict[str, type | tuple[type, ...]] = {
    "image": str,
    "build": dict,
    "command": list,
    "environment": dict,
    "env_file": list,
    "ports": list,
    "depends_on": dict,
    "healthcheck": dict,
    "restart": str,
    "stop_signal": str,
    "stop_grace_period": str,
    "init": bool,
    "tty": bool,
    "profiles": list,
    "volumes": list,
    "working_dir": str,
    "develop": dict,
}


def check_services(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert re.fullmatch(r"[a-zA-Z0-9._-]+", name)
        for key, found in service.items():
            assert isinstance(found, KINDS[key]), key
        assert all(isinstance(word, str) for word in service["command"])
        assert all(isinstance(text, str | None) for text in service["environment"].values())
        for port in service.get("ports", ()):
            assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)
        for other, need in service.get("depends_on", {}).items():
            assert other in services
            assert ("healthcheck" in services[other]) or need["condition"] != "service_healthy"
        assert re.fullmatch(r"no|always|on-failure(:\d+)?", service["restart"])
        assert re.fullmatch(r"\d+(ms|s)", service["stop_grace_period"])


def test_kubernetes(cli: "Cli", shop: Path) -> None:
    files, notes = files_of(cli, shop, "kubernetes")
    kinds = {
        name: [one["kind"] for one in yaml.safe_load_all(text)] for name, text in files.items()
    }
    assert kinds == {
        "0.namespace.yaml": ["Namespace"],
        "0.waiter.yaml": ["ServiceAccount", "Role", "RoleBinding"],
        "0.variables.yaml": ["ConfigMap"],
        "db.yaml": ["StatefulSet", "Service"],
        "migrate.yaml": ["Job"],
        "api.yaml": ["Deployment", "Service", "Ingress"],
        "web.yaml": ["Deployment", "Service", "Ingress"],
    }
    deployment, service, ingress = yaml.safe_load_all(files["api.yaml"])
    assert ingress["spec"]["rules"][0]["host"] == "api.shop.localhost"
    assert deployment["spec"]["replicas"] == 2
    assert (
        service["spec"]["ports"][0]["port"]
        == (deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"])
    )
    assert any("create secret generic shop-main-secrets-env" in note for note in notes)
    assert any("secrets.env: kubectl ignores lines" in note for note in notes)


@pytest.mark.parametrize("flavour", ["--user", "--system"])
def test_systemd_takes_its_units(cli: "Cli", shop: Path, tmp_path: Path, flavour: str) -> None:
    folder = tmp_path / "units"
    words = () if flavour == "--user" else ("--system", "--run-as", "nobody")
    done = cli("export", "systemd", *words, "-o", folder, cwd=shop)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "portweave-shop-main-api.2.service",
        "portweave-shop-main-api.service",
        "portweave-shop-main-db.service",
        "portweave-shop-main-migrate.service",
        "portweave-shop-main-web.service",
        "portweave-shop-main.target",
    ]
    api = (folder / "portweave-shop-main-api.service").read_text()
    # .env sets MODE too, and would win.
    assert 'ExecStart=/usr/bin/env "MODE=ours" "/bin/sh" "-c" "exec uvicorn app:app' in api
    assert f"WorkingDirectory={shop}/backend\n" in api
    assert f"EnvironmentFile=-{shop}/.env\nEnvironmentFile={shop}/secrets.env\n" in api
    assert 'Environment="GREETING=it costs $5 of main"' in api
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    verify = ["systemd-analyze", flavour, "verify"]
    checked = subprocess.run(
        [*verify, *map(str, folder.iterdir())],
        env=cli.env({"SYSTEMD_LOG_LEVEL": "warning"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_unit_is_executed_as_it_would_be_by_portweave(
    cli: "Cli", project: Path, tmp_path: Path
) -> None:
    """The command line, parsed as systemd does, behaves as the service does."""
    told = tmp_path / "told"
    (project / "portweave.yaml").write_text(
        json.dumps(
            {
                "services": {
                    "say": {
                        "command": f'printf "%s|%s|100%%" "$A" "\\$B" > {told}',
                        "environment": {"A": 'x "y" \\ $$HOME\n\tz %h'},
                        "port": False,
                        "oneshot": True,
                    }
                }
            }
        )
    )
    files, _ = files_of(cli, project, "systemd")
    text = next(text for name, text in files.items() if name.endswith("-say.service"))
    env = dict(
        word.split("=", 1)
        for line in re.findall(r"^Environment=(.*)$", text, re.MULTILINE)
        for word in systemd_words(line)
    )
    [line] = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    argv = [word.replace("$$", "$") for word in systemd_words(line)]
    subprocess.run(argv, env={**os.environ, **env}, cwd=project, check=True)
    assert told.read_text() == 'x "y" \\ $HOME\n\tz %h|$B|100%'


def systemd_words(line: str) -> list[str]:
    """systemd.syntax(7), QUOTING, and the % of systemd.unit(5), SPECIFIERS."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', line)
    escapes = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"'}
    found: list[str] = []
    for quoted, bare in words:
        text = re.sub(r"\\(.)", lambda match: escapes[match[1]], quoted) if quoted else bare
        assert not re.search(r"(?<!%)%(?:%%)*(?!%)", text)
        found.append(text.replace("%%", "%"))
    return found


def test_only_its_own_files_are_replaced(cli: "Cli", shop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "compose.yaml").write_text("services: {}\n")
    refused = cli("export", "compose", "-o", folder, cwd=shop)
    assert refused.returncode == 1
    assert ExportFileError.code in refused.stderr
    assert (folder / "compose.yaml").read_text() == "services: {}\n"
    assert cli("export", "compose", "-o", folder, "--force", cwd=shop).returncode == 0
    assert cli("export", "compose", "-o", folder, "web", cwd=shop).returncode == 0
    assert [path.name for path in folder.iterdir()] == ["compose.yaml"]
    nowhere = cli("export", "compose", "-o", shop / ".env", cwd=shop)
    assert ExportFileError.code in nowhere.stderr


def test_only_named_services_and_their_dependencies_are_exported(cli: "Cli", shop: Path) -> None:
    files, _ = files_of(cli, shop, "compose", "migrate")
    assert list(yaml.safe_load(files["compose.yaml"])["services"]) == ["db", "migrate"]
    (shop / "portweave.yaml").write_text("services: {ab: {command: x}, web: {command: x}}")
    files, _ = files_of(cli, shop, "compose", "--scale", "web=3", "web")
    services = yaml.safe_load(files["compose.yaml"])["services"]
    assert list(services) == ["web", "web-2", "web-3"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "export as what?"),
        (["helm"], "no export for 'helm'"),
        (["compose", "--", "x"], "no export for 'compose'"),
        (["compose", "--check", "--allow", "wach"], "there is no key 'wach'"),
        (["compose", "--allow", "watch"], "--allow goes with --check"),
        (["compose", "--image", "web"], "--image takes NAME=IMAGE"),
        (["systemd", "--system"], "--system and --run-as go together"),
        (["systemd", "--system", "--run-as", "a b"], "--run-as takes the name"),
        (["systemd", "--prefix", "srv"], "--prefix takes an absolute path"),
        (["systemd", "--systemd", "9"], "--systemd takes a version"),
        (["compose", "--prefix", "/srv"], "--prefix is for systemd"),
        (["compose", "--storage", "1Gi"], "--storage is for kubernetes"),
        (["systemd", "--tag", "1"], "--tag is for compose and kubernetes"),
        (["kubernetes", "--storage", "much"], "--storage takes a size"),
        (["compose", "--image", "wbe=x"], "wbe"),
        (["systemd", "--image", "web=x"], "--image is for"),
        (["compose", "nothing"], "nothing"),
    ],
)
def test_arguments_that_are_invalid(cli: "Cli", shop: Path, words: list[str], told: str) -> None:
    done = cli("export", *words, cwd=shop)
    assert done.returncode == 1
    assert told in done.stderr
    assert "(PW0601)" in done.stderr


def test_two_names_with_one_label_are_an_error(cli: "Cli", project: Path) -> None:
    command = "command: sleep 1"
    (project / "portweave.yaml").write_text(
        f"services: {{web: {{{command}, scale: 2}}, web-2: {{{command}, hostname: false}}}}"
    )
    done = cli("export", "systemd", cwd=project)
    assert done.returncode == 0, done.stderr
    done = cli("export", "compose", cwd=project)
    assert ExportNameError.code in done.stderr
