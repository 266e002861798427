"""Who changes routes is killed at any moment: nothing that was there before is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from portweave.routes import RouteStore

CODE = """
import os, sys
from portweave.routes import RouteStore
store = RouteStore(sys.argv[1])
n = 0
while True:
    store.add_route(f"{sys.argv[2]}-{n % 5}", n, 0)
    store.remove_route(f"{sys.argv[2]}-{(n - 3) % 5}")
    n += 1
"""


@pytest.mark.chaos
@pytest.mark.timeout(120)
@pytest.mark.parametrize("watched", [False, True], ids=["rename", "in place"])
def test_a_kill_at_any_moment_loses_nothing(tmp_path: Path, *, watched: bool) -> None:
    seed = int(os.environ.get("PORTWEAVE_CHAOS_SEED", time.time_ns() % 10**9))
    print(f"PORTWEAVE_CHAOS_SEED={seed}")  # noqa: T201
    chance = random.Random(seed)  # noqa: S311
    store = RouteStore(tmp_path, on_warning=pytest.fail)
    for n in range(20):
        store.add_route(f"kept-{n}", n, 0)
    if watched:
        (tmp_path / "proxy.pid").write_text(str(os.getpid()))
    for round_number in range(40):
        argv = [sys.executable, "-Ic", CODE, str(tmp_path), str(round_number)]
        writers = [subprocess.Popen([*argv[:-1], f"{round_number}.{n}"]) for n in range(3)]
        until_s = time.monotonic() + chance.uniform(0.05, 0.25)
        while time.monotonic() < until_s:
            names = {route.hostname for route in store.load_routes()}
            assert names >= {f"kept-{n}" for n in range(20)}
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        began_s = time.monotonic()
        store.add_route("kept-0", round_number, 0)
        # The lock of a dead one of ours is taken over at once.
        assert time.monotonic() - began_s < 2
        names = {route.hostname for route in store.load_routes()}
        assert names >= {f"kept-{n}" for n in range(20)}
        for name in names:
            if not name.startswith("kept"):
                store.remove_route(name)
    assert not (tmp_path / "routes.lock").exists()
    left = [path.name for path in tmp_path.iterdir() if ".damaged-" in path.name]
    assert left == []
