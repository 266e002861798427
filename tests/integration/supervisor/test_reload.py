"""`scale` and `reload`: what differs is changed, all else goes on."""

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.stacks import (
    IDLE,
    SERVE,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached


def pids(detached: "Detached") -> dict[str, int]:
    return {name: row["pid"] for name, row in detached.ps().items()}


def change(detached: "Detached", *words: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(detached(*words, "--json").stdout)
    assert answer["schemaVersion"] == 1
    found: dict[str, Any] = answer["change"]
    return {kind: names for kind, names in found.items() if names and kind != "unchanged"}


@pytest.mark.slow
def test_scale_does_not_touch_other_services(detached: "Detached", project: Path) -> None:
    write(project, f"services: {{web: {{command: {SERVE}}}, api: {IDLE}, zoo: {IDLE}}}\n")
    detached.up()
    before = pids(detached)
    assert change(detached, "scale", "web=3", "api=2") == {"added": ["web.2", "web.3", "api.2"]}
    detached("wait")
    rows = detached.ps()
    assert list(rows) == ["web", "web.2", "web.3", "api", "api.2", "zoo"]
    assert len({rows[name]["port"] for name in ("web", "web.2", "web.3")}) == 3
    after = pids(detached)
    assert {name: after[name] for name in before} == before
    said = detached("scale", "web=2").stderr
    assert "[portweave] web.3 stops" in said
    detached("wait", "--for", "exit", "web.3", status=None)
    left = pids(detached)
    assert left == {name: after[name] for name in ("web", "web.2", "api", "api.2", "zoo")}
    assert "it has as many already" in detached("scale", "web=2").stderr
    # A reload does not undo `scale`.
    assert "nothing has changed" in detached("reload").stderr
    assert change(detached, "scale", "web=0", "api=0", "zoo=0").keys() == {"removed"}
    for name in left:
        detached("wait", "--for", "exit", name, status=None)
    assert detached.ps() == {}
    detached("scale", "zoo=1")
    detached("wait", "zoo")
    assert list(detached.ps()) == ["zoo"]


def test_a_restart_reports_changed_definitions(detached: "Detached", project: Path) -> None:
    write(project, f"services: {{api: {IDLE}, zoo: {IDLE}}}\n")
    detached.up()
    assert "otherwise" not in detached("restart", "api").stderr
    (project / ".env").write_text("GREETING=two\n")
    for verb in ("restart", "start"):
        said = detached(verb, "api").stderr
        assert "defined otherwise by now: api, zoo; portweave reload applies it" in said
    write(project, "services: {api: 3}\n")
    assert "the definitions cannot be read any more" in detached("restart", "api").stderr


@pytest.mark.slow
def test_scaling_up_while_it_scales_down(detached: "Detached", project: Path) -> None:
    slow = "{command: 'trap \"\" TERM; echo up; sleep 99', port: false, ready: {log: up}, "
    write(project, f"services: {{web: {slow}stopGracePeriod: 500ms, scale: 2}}}}\n")
    detached.up()
    before = pids(detached)
    detached("scale", "web=1")
    detached("start", "web.2", status=None)
    detached("scale", "web=2")
    detached("wait")
    after = pids(detached)
    assert after["web"] == before["web"]
    assert after["web.2"] != before["web.2"]
    detached("scale", "web=1")
    detached("wait", "--for", "exit", "web.2", status=None)
    assert list(pids(detached)) == ["web"]


def test_reload_applies_only_differences(detached: "Detached", project: Path) -> None:
    same = f"services:\n  same: {IDLE}\n"
    write(project, same + f"  hot: {IDLE}\n  env: {IDLE}\n  gone: {IDLE}\n")
    detached.up()
    before = pids(detached)
    idle = IDLE.removesuffix("}")
    changed = (
        f"{same}  hot: {idle}, restart: always, stopGracePeriod: 3s}}\n"
        f"  env: {idle}, environment: {{COLOUR: red}}}}\n"
        f"  new: {IDLE}\n  rests: {idle}, profiles: [x]}}\n"
    )
    write(project, changed)
    plan = {
        "updated": {"hot": ["restart", "stopGracePeriod"]},
        "restarted": {"env": ["environment (COLOUR)"]},
        "added": ["new", "rests"],
        "removed": ["gone"],
    }
    assert change(detached, "reload", "--dry-run") == plan
    said = detached("reload", "--dry-run").stderr
    assert "env would restart (environment (COLOUR))" in said
    assert pids(detached) == before
    assert change(detached, "reload") == plan
    detached("wait")
    after = detached.ps()
    assert list(after) == ["same", "hot", "env", "new", "rests"]
    assert [after[name]["state"] for name in after] == [*["ready"] * 4, "stopped"]
    assert (after["same"]["pid"], after["hot"]["pid"]) == (before["same"], before["hot"])
    assert after["env"]["pid"] != before["env"]
    assert detached("exec", "env", "--", "sh", "-c", "echo $COLOUR").stdout == "red\n"
    assert "nothing has changed" in detached("reload").stderr
    # The logs go on from the start, without the removed service.
    logged = detached("logs").stdout
    assert "same | up" in logged
    assert "gone" not in logged
    assert detached("logs", "gone").stdout == "gone | up\n"
    assert "gone | up" in detached("logs", "--run", "all").stdout
    # `start` without names starts the services of the present definitions.
    detached("stop")
    started = json.loads(detached("start", "--json").stdout)["services"]
    assert [row["name"] for row in started] == ["same", "hot", "env", "new"]


@pytest.mark.slow
def test_a_dry_run_takes_no_ports_and_names_them(
    detached: "Detached", project: Path, cli: "Cli"
) -> None:
    listens = "{command: exec python3 -m http.server $PORT --bind $HOST, ready: {tcp: true}}"
    write(project, f"services:\n  same: {listens}\n")
    detached.up()
    registry = Path(cli.environ["XDG_CONFIG_HOME"], "portweave")

    def state() -> dict[str, str]:
        found = [*registry.iterdir(), project / ".portweave/current.env"]
        return {path.name: path.read_text() for path in found}

    before = state()
    write(project, f"services:\n  same: {listens}\n  new: {IDLE}\n  api: {listens}\n")
    told = json.loads(detached("reload", "--dry-run", "--json").stdout)
    assert state() == before
    assert told["change"]["added"] == ["new", "api"]
    port = detached.ps()["same"]["port"]
    assert told["ports"] == {"api": port + 1}
    said = detached("reload", "--dry-run").stderr
    assert f"api would start on {port + 1}\n" in said
    assert "new would start\n" in said
    assert detached("reload").stderr.count("starts\n") == 2
    assert state() != before
    assert detached.ps()["api"]["port"] == port + 1


@pytest.mark.slow
def test_a_stopped_service_stays_stopped_after_a_reload(
    detached: "Detached", project: Path
) -> None:
    write(project, f"services: {{web: {IDLE}, api: {IDLE}}}\n")
    detached.up()
    detached("stop", "api")
    idle = IDLE.removesuffix("}")
    write(project, f"services: {{web: {IDLE}, api: {idle}, environment: {{A: b}}}}}}\n")
    detached("reload")
    assert detached.ps()["api"]["state"] == "stopped"
    detached("start", "api")
    assert detached("exec", "api", "--", "sh", "-c", "echo $A").stdout == "b\n"


@pytest.mark.slow
def test_wrong_definitions_change_nothing(
    detached: "Detached", project: Path, tmp_path: Path
) -> None:
    write(project, f"services: {{web: {IDLE}, api: {IDLE}}}\n")
    detached.up()
    before = pids(detached)
    for text, said in {
        "services: {web: {comand: sleep}}": "(PW0102)",
        "services: [": "(PW0102)",
        f"services: {{web: {IDLE.removesuffix('}')}, dependsOn: [nope]}}}}": "nope",
        "services: {}": "",
        "x-none: 1": "",
    }.items():
        write(project, text)
        assert said in detached("reload", status=1).stderr
        assert pids(detached) == before
    failed = json.loads(detached("reload", "--json", status=1).stdout)
    assert failed["error"]["code"].startswith("PW")
    (project / "portweave.yaml").unlink()
    detached("reload", status=1)
    other = tmp_path / "other"
    other.mkdir()
    write(other, f"services: {{web: {IDLE}}}\n")
    refused = detached("reload", "-f", str(other / "portweave.yaml"), "--stack", "main", status=1)
    assert refused.stderr
    assert pids(detached) == before


def test_the_environment_of_the_reloading_shell_does_not_matter(
    detached: "Detached", project: Path
) -> None:
    write(project, f"services: {{web: {IDLE}, api: {IDLE}}}\n")
    detached.up()
    odd: dict[str, str | None] = {"COLOUR": "red", "LANG": "xx", "PATH": "/usr/bin:/bin"}
    assert "nothing has changed" in detached("reload", env=odd).stderr
    below = project / "below"
    below.mkdir()
    detached("scale", "web=2", env=odd, cwd=below)
    detached("wait")
    assert detached("exec", "web.2", "--", "sh", "-c", "echo [$COLOUR]").stdout == "[]\n"


@pytest.fixture
def held(detached_at: "Callable[[Path], Detached]", tmp_path: Path) -> int:
    """The port of a service of another live stack."""
    other = tmp_path / "other"
    other.mkdir()
    write(other, "job: sleep 1000\n", "Procfile")
    stack = detached_at(other)
    stack.up()
    port: int = stack.ps()["job"]["port"]
    return port


@pytest.mark.slow
def test_a_port_from_a_variable_must_not_belong_to_another_stack(
    detached: "Detached", project: Path, held: int
) -> None:
    idle = IDLE.replace(", port: false", "")
    write(project, f"services: {{job: {idle}, api: {idle}}}\n")
    detached.up()
    before = pids(detached)
    (project / ".env").write_text(f"API_PORT={held}\n")
    for words in (["reload"], ["reload", "--dry-run"], ["scale", "api=2"]):
        refused = detached(*words, status=1).stderr
        assert f"api is to use port {held}, but that is the port of job of the live" in refused
        assert "(PW0902)" in refused
        assert pids(detached) == before
    # The ports of unnamed services do not matter.
    detached("scale", "job=2")
    own = detached.ps()["job"]["port"]
    (project / ".env").write_text(f"API_PORT={own}\n")
    refused = detached("reload", status=1).stderr
    assert f"api is to use port {own}, but that is the port of job of this stack" in refused


def test_a_port_from_a_variable_may_have_a_listener(detached: "Detached", project: Path) -> None:
    idle = IDLE.replace(", port: false", "")
    write(project, f"services: {{job: {idle}}}\n")
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port: int = stranger.getsockname()[1]
        (project / ".env").write_text(f"JOB_PORT={port}\n")
        said = f"warning: port {port}, which a variable chose for job, is held by pid "
        assert said in detached("up", "-d", status=1).stderr
        detached.remember_processes()
        assert said not in detached("reload").stderr
        (project / ".env").unlink()
        detached("reload")
        (project / ".env").write_text(f"JOB_PORT={port}\n")
        assert said in detached("reload").stderr
