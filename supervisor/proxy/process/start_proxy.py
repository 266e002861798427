"""Start and stop the proxy of a state folder from another process."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from portweave.allocator.names.route_store import RouteStore
from portweave.errors import ProxyNotStartedError, ProxyRunningError
from portweave.supervisor.proxy.process.command import (
    PAUSE_S,
    Log,
    await_proxy,
    environment,
)
from portweave.supervisor.proxy.process.proxy_files import (
    RunningProxy,
    find_proxy,
)
from portweave.system.processes import started_at

STOP_S = 5.0


def start(
    store: RouteStore, words: list[str], environ: Mapping[str, str]
) -> tuple[RunningProxy, bool]:
    """Make sure that a folder has a proxy, which runs in the background.

    Args:
        store: The folder's route store.
        words: The command, from `command.words`.
        environ: The environment; the variables of portweave are left out.

    Returns:
        The running proxy, and whether this call started it.

    Raises:
        ProxyNotStartedError: It ended at once, or did not report its port in time.
        OSError: The folder cannot be used.
    """
    running = find_proxy(store)
    if running is not None:
        return running, False
    log = Log(store)
    try:
        process = subprocess.Popen(
            words,
            cwd="/",
            env=environment(environ),
            stdin=subprocess.DEVNULL,
            stdout=log.descriptor,
            stderr=log.descriptor,
            start_new_session=True,
        )
        running = await_proxy(store, log, lambda: process.poll() is not None)
        if running is None:
            process.kill()
            process.wait()
            raise ProxyNotStartedError(log.path, log.said())
        if running.pid != process.pid:
            # Another process was quicker. Ours may still be starting, and would replace it later.
            process.kill()
            process.wait()
            return running, False
        # It outlives us, so do not wait for it.
        process.returncode = process.returncode or 0
        return running, True
    finally:
        log.close()


def stop(store: RouteStore) -> int | None:
    """End the proxy of a folder; return its pid, or None if none runs.

    Raises:
        ProxyRunningError: The proxy is another program's.
    """
    running = find_proxy(store)
    if running is None:
        return None
    if not running.is_ours:
        raise ProxyRunningError(store.dir, running.pid)
    began = started_at(running.pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if number == signal.SIGKILL:
            # A stack that finds the pid of a dead proxy starts the proxy again.
            Path(store.pid_path).unlink(missing_ok=True)
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
