"""Random kills of a stack's own processes, at random moments: nothing may be left."""

import os
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Stack, StartUp

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

ROUNDS = 15
GRACE_S = 0.5
# The grace, one second for the rest, and what a loaded machine needs to look at itself.
WITHIN_S = GRACE_S + 1 + 1.5

NASTY = """
import os, random, signal, subprocess, sys, time
kind = sys.argv[1]
if kind in ("stubborn", "daemon"):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
if kind == "daemon" and os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
if kind == "family":
    for _ in range(3):
        subprocess.Popen(["sleep", "1000"])
if kind == "crash":
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGSEGV)
if kind == "flood":
    while True:
        os.write(1, b"x" * 99 + b"\\n")
time.sleep(1000)
"""
KINDS = ("stubborn", "daemon", "family", "crash", "flood", "plain")


def test_whichever_process_is_killed_nothing_is_left(project: Path, up: "StartUp") -> None:
    seed = int(os.environ.get("PORTWEAVE_TEST_SEED", random.randrange(1 << 32)))  # noqa: S311
    # To be seen, and used again, when it fails.
    print(f"PORTWEAVE_TEST_SEED={seed}")  # noqa: T201
    chance = random.Random(seed)  # noqa: S311
    (project / "nasty.py").write_text(NASTY)
    lines = [
        f"  {kind}: {{command: [{sys.executable}, nasty.py, {kind}],"
        f" port: false, stopGracePeriod: {GRACE_S}s}}"
        for kind in KINDS
    ]
    (project / "portweave.yaml").write_text("\n".join(["services:", *lines, ""]))
    for number in range(ROUNDS):
        stack = up(project)
        time.sleep(chance.uniform(0.02, 1.2))
        victim = chance.choice(["guardian", "supervisor", "service"])
        family = stack.family()
        kill(stack, family, victim, chance)
        family += [process for process in stack.family() if process not in family]
        if victim == "service":
            stack.process.terminate()
        stack.process.wait(10)
        until_s = time.monotonic() + WITHIN_S
        while left := [*filter(is_alive, family), *stack.marked()]:
            assert time.monotonic() < until_s, f"round {number}, {victim} killed: {left}\n{stack}"
            time.sleep(0.02)


def kill(stack: "Stack", family: list[psutil.Process], victim: str, chance: random.Random) -> None:
    children = [p for p in family if is_alive(p) and p.ppid() == stack.process.pid]
    services = [p for p in family if p not in children]
    if victim == "guardian":
        stack.process.kill()
    elif victim == "supervisor" and children:
        children[0].kill()
    elif services:
        chance.choice(services).kill()


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
