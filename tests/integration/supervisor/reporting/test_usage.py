"""The processor time and memory of processes, from the kernel."""

import subprocess
import sys

import pytest

from portweave.supervisor.processes.process_tree import (
    ProcessTree,
    snapshot,
)
from portweave.supervisor.reporting.usage import measure
from portweave.system.processes import HAS_PROC

# Its first thread ends alone (_exit(2)). Another thread prints a line when it has seen that.
THREADLESS = """
import ctypes, os, threading, time
def stay():
    while ") Z " not in open("/proc/self/stat").read():
        time.sleep(0.01)
    print("first thread ended", flush=True)
    input()
threading.Thread(target=stay).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
"""


@pytest.mark.skipif(not HAS_PROC, reason="elsewhere no process goes on without its first thread")
def test_the_memory_of_a_leader_counts_after_its_first_thread_has_ended() -> None:
    argv = [sys.executable, "-c", THREADLESS]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"first thread ended\n"
        used = measure({"web": ProcessTree(process.pid, "")}, snapshot())["web"]
        process.kill()
    assert used.rss_bytes > 1_000_000
