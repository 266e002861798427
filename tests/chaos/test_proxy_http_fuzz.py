"""Random concurrent requests through the proxy's own process: no byte is lost.

`PORTWEAVE_BEDLAM_S=600` runs for ten minutes; `PORTWEAVE_TEST_SEED=…` repeats a run.
"""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.routes import RouteStore
from tests.support.http_fuzz_client import bedlam

if TYPE_CHECKING:
    from tests.support.commands import Cli

SECONDS = float(os.environ.get("PORTWEAVE_BEDLAM_S") or 15)
SEED = int(os.environ.get("PORTWEAVE_TEST_SEED") or random.randrange(1 << 32))  # noqa: S311

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(SECONDS + 150)]


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
def test_all_bytes_arrive_unchanged(
    cli: "Cli", tmp_path: Path, spawned: Callable[..., subprocess.Popen[bytes]]
) -> None:
    print(f"PORTWEAVE_TEST_SEED={SEED}")  # noqa: T201
    folder = tmp_path / "state"
    words = ["-Im", "portweave", "proxy", "run", "--port", "0", "--state-dir", str(folder)]
    proxy = spawned([sys.executable, *words], env=cli.env(), stderr=subprocess.PIPE)
    assert proxy.stderr is not None
    port = int(proxy.stderr.readline().rpartition(b"127.0.0.1:")[2].split()[0])
    store = RouteStore(folder)
    descriptors = Path(f"/proc/{proxy.pid}/fd")
    before = len(list(descriptors.iterdir()))

    def add_route(service: int) -> None:
        for name in ("a.localhost", "b.localhost"):
            store.add_route(name, service, 0)

    asked, whole, wrongs = asyncio.run(bedlam(SEED, port, add_route, SECONDS))
    assert wrongs == []
    assert whole > asked / 2 > 50
    assert len(list(descriptors.iterdir())) <= before + 1
    proxy.terminate()
    assert proxy.wait(10) == 0
    assert proxy.stderr.read() == b""
