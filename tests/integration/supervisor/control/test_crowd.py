"""Large stacks, clients that do not read, and stopped supervisors."""

import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.stacks import (
    IDLE,
    write,
)

if TYPE_CHECKING:
    from tests.support.detached_stacks import Detached

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]


def test_a_stack_of_two_hundred(detached: "Detached", project: Path) -> None:
    lines = [f"  s{number}: {IDLE}" for number in range(200)]
    write(project, "\n".join(["services:", *lines, ""]))
    detached.up()
    rows = detached.ps()
    assert len(rows) == 200
    assert all(row["state"] == "ready" for row in rows.values())
    began_s = time.monotonic()
    detached("ps")
    assert time.monotonic() - began_s < 3
    detached("stop", "s7")
    detached("scale", "s8=3")
    detached("reload")
    said = detached.down()
    assert "shop/main stopped 201 services in " in said


def test_a_follower_that_never_reads_hears_how_much_it_missed(
    detached: "Detached", project: Path
) -> None:
    lines = [f"  s{number}: {IDLE}" for number in range(50)]
    write(project, "\n".join(["services:", *lines, ""]))
    detached.up()
    follower, other = detached.connect(), detached.connect()
    follower.sendall(b'{"id":"e","method":"/supervisor/events"}\n')
    memory = detached.supervisor().memory_info().rss
    file = other.makefile("rw")
    for number in range(40):
        file.write(f'{{"id":"r{number}","method":"/supervisor/restart"}}\n')
        file.write(f'{{"id":"w{number}","method":"/supervisor/wait","params":[[],"ready",60]}}\n')
        file.flush()
        other.settimeout(60)
        assert "result" in json.loads(file.readline())
        assert "result" in json.loads(file.readline())
    file.close()
    assert detached.supervisor().memory_info().rss - memory < 30 << 20
    detached("stop")
    heard: list[dict[str, Any]] = []
    data = b""
    while not any(event["event"] == "events skipped" for event in heard):
        data += follower.recv(1 << 20)
        *whole, data = data.split(b"\n")
        heard += [json.loads(line)["params"][1] for line in whole]
    assert sum(event.get("count", 0) for event in heard) > 0
    detached.down()


def test_a_stopped_supervisor_is_named(detached: "Detached", project: Path) -> None:
    write(project, f"services: {{web: {IDLE}}}\n")
    detached.up()
    process = detached.supervisor()
    process.send_signal(signal.SIGSTOP)
    commands = [["down"], ["ps"], ["start", "web"], ["wait", "--timeout", "1"], ["reload"]]
    waiting = [detached.beside(*words) for words in commands]
    for words, command in zip(commands, waiting, strict=True):
        _, said = command.communicate(timeout=60)
        assert command.returncode == 1, words
        assert f"pid {process.pid} was stopped by a signal (PW1010)" in said, words
        assert f"kill -CONT {process.pid} lets it go on" in said, words
    process.send_signal(signal.SIGCONT)
    detached("down")


def test_down_continues_a_stopped_guardian(detached: "Detached", project: Path) -> None:
    write(project, f"services: {{web: {IDLE}}}\n")
    detached.up()
    detached.guardian().send_signal(signal.SIGSTOP)
    detached("down")
    assert not detached.record()
