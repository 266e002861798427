"""Starting and stopping the proxy of a state folder from elsewhere."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from portweave.allocator.processes import started_at
from portweave.allocator.routes import RouteStore
from portweave.errors import ProxyNotStartedError, ProxyRunningError
from portweave.supervisor.proxy.station import Running, find_proxy

START_S = 10.0
STOP_S = 5.0
PAUSE_S = 0.01
LOG = "proxy.log"
# What it has said before is of no use to anybody.
LOG_BYTES = 1 << 20


def start(
    store: RouteStore,
    *,
    port: str | None = None,
    state_dir: str | None = None,
    wildcard: bool = False,
    for_stacks: bool = False,
    environ: Mapping[str, str],
) -> tuple[Running, bool]:
    """See to it that a folder has a proxy; it goes on in the background.

    Args:
        store: The folder's.
        port: Where it is to listen, as on the command line.
        state_dir: The folder, where it is not the user's own.
        wildcard: As on the command line.
        for_stacks: Whether it ends when the last stack has been gone for a while.
        environ: What it inherits, but for what tells services apart.

    Returns:
        The proxy, and whether it was started now.

    Raises:
        ProxyNotStartedError: It ended at once, or did not say where it listens.
        OSError: The folder cannot be used.
    """
    running = find_proxy(store)
    if running is not None:
        return running, False
    store.ensure_dir()
    words = [sys.executable, "-Im", "portweave", "proxy", "run"]
    words += ["--port", port] if port is not None else []
    words += ["--state-dir", os.path.abspath(state_dir)] if state_dir is not None else []
    words += ["--wildcard"] if wildcard else []
    words += ["--for-stacks"] if for_stacks else []
    log = Path(os.path.dirname(os.path.abspath(store.pid_path)), LOG)
    # All that portweave sets or reads for a stack is none of its business.
    env = {name: text for name, text in environ.items() if not name.startswith("PORTWEAVE_")}
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(log, flags, 0o600)
    try:
        if os.fstat(descriptor).st_size > LOG_BYTES:
            os.ftruncate(descriptor, 0)
        said_bytes = os.fstat(descriptor).st_size
        process = subprocess.Popen(
            words,
            cwd="/",
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        running = find_proxy(store)
        if running is not None:
            # It outlives us, and is not ours to wait for.
            process.returncode = process.returncode or 0
            return running, running.pid == process.pid
        if process.poll() is not None and not _was_slower(log, said_bytes):
            break
        time.sleep(PAUSE_S)
    else:
        process.kill()
        process.wait()
    said = _said(log, said_bytes).strip()
    raise ProxyNotStartedError(str(log), said.replace("\n", "; "))


def _was_slower(log: Path, start: int) -> bool:
    """Whether somebody else's is being started at this moment."""
    return f"({ProxyRunningError.code})" in _said(log, start)


def _said(log: Path, start: int) -> str:
    return log.read_bytes()[start:].decode("utf-8", "replace")


def stop(store: RouteStore) -> int | None:
    """End the proxy of a folder; its pid, None where there was none.

    Raises:
        ProxyRunningError: It is another program's.
    """
    running = find_proxy(store)
    if running is None:
        return None
    if not running.is_ours:
        raise ProxyRunningError(store.dir, running.pid)
    began = started_at(running.pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(running.pid, number)
        except ProcessLookupError:
            break
        until_s = time.monotonic() + STOP_S
        while started_at(running.pid) == began:
            if time.monotonic() > until_s:
                break
            time.sleep(PAUSE_S)
        else:
            break
    return running.pid
