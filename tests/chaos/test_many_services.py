"""One stack of two hundred services."""

import json
from pathlib import Path

import psutil
import pytest

from tests.support.commands import Cli
from tests.support.ports import reserve_ports

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(120)]

SERVICES = 200


def test_two_hundred_services_become_ready_are_listed_and_end(cli: Cli, tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    lines = [f"s{n}: echo runs; exec sleep 1000\n" for n in range(SERVICES)]
    (root / "Procfile").write_text("".join(lines))
    env = {"PORTWEAVE_POOL_RANGE": str(reserve_ports(2 * SERVICES))}
    up = cli("up", "-d", cwd=root, env=env, timeout_s=60)
    assert up.returncode == 0, up.stderr
    try:
        listed = json.loads(cli("ps", "--json", cwd=root, env=env).stdout)["services"]
        assert [service["state"] for service in listed] == ["ready"] * SERVICES
        assert len({service["port"] for service in listed}) == SERVICES
        processes = [psutil.Process(service["pid"]) for service in listed]
        logs = cli("logs", cwd=root, env=env).stdout
        assert logs.count("runs") == SERVICES
    finally:
        down = cli("down", cwd=root, env=env, timeout_s=60)
    assert down.returncode == 0, down.stderr
    assert not [process for process in processes if process.is_running()]
