"""The panel's process: its port, its end and its requirements."""

import contextlib
import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.errors import PanelPortError
from portweave.panel.serve import listen
from tests.support.commands import Cli
from tests.support.ports import Pool

if TYPE_CHECKING:
    from tests.support.panels import StartPanel


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_and_well_also_while_pages_are_open(
    panel: "StartPanel", number: int
) -> None:
    one = panel()
    with one.events("/api/v1/stream") as events:
        assert next(events)[0] == "hello"
        one.process.send_signal(number)
        assert one.process.wait(10) == 0
        assert not [kind for kind, _ in events if kind != "stacks"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_well_however_early_and_often_it_is_told_to(
    cli: Cli, tmp_path: Path, number: int
) -> None:
    with subprocess.Popen(
        [*cli.argv, "panel", "--port", "0"], cwd=tmp_path, env=cli.env(), stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        # It serves a little later.
        process.stderr.readline()
        while process.poll() is None:
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.002)
        assert process.stderr.read() == b"[portweave] press Ctrl-C to stop\n"
    assert process.returncode == 0


def test_a_port_in_use_is_skipped(panel: "StartPanel", pool: Pool) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", pool.start))
        taken.listen()
        assert panel("--port", str(pool.start)).port == pool.start + 1


def test_it_gives_up_after_twenty_ports(pool: Pool) -> None:
    with contextlib.ExitStack() as stack:
        for port in range(pool.start, pool.start + 20):
            taken = stack.enter_context(socket.socket())
            taken.bind(("127.0.0.1", port))
            taken.listen()
        with pytest.raises(PanelPortError, match="pass --port <n> to choose another"):
            listen(pool.start)


@pytest.mark.parametrize("port", ["-1", "65536", "x", "1.5", "", "1e3"])
def test_an_invalid_port_is_refused(cli: Cli, tmp_path: Path, port: str) -> None:
    done = cli("panel", "--port", port, cwd=tmp_path)
    assert done.returncode == 1
    text = f"--port must be an integer between 0 and 65535, received {port} (PW0601)\n"
    assert done.stderr.endswith(text)


def test_a_damaged_registry_is_reported_and_the_panel_goes_on(
    panel: "StartPanel", home: Path
) -> None:
    one = panel()
    folder = home / "config" / "portweave"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "registry.json").write_text("[]")
    status, _, body = one.send("GET", "/api/allocations")
    assert (status, body) == (500, b'{"error":"snapshot-failed"}')
    status, _, body = one.send("GET", "/api/v1/worktrees")
    assert (status, json.loads(body)["code"]) == (409, "PW0302")
    (folder / "registry.json").unlink()
    assert one.get("/api/v1/worktrees")["projects"] == []
