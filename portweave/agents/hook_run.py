"""Carry out a hook that another tool runs: quickly, silently, and never with an error.

What takes longer goes on in the background. All of it is told in `hooks.log` in the state folder.
"""

import os
import subprocess
import sys
import time
from select import select

from portweave.allocator.state_folder import state_dir
from portweave.client.client import Client, stack_at
from portweave.client.owners import find_owner
from portweave.encoding.json_text import is_list, is_object, loads
from portweave.encoding.timestamps import rfc3339
from portweave.errors import PortweaveError
from portweave.procfiles.load import definition_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

# How long to wait for the input of the hook, and for the end of a stack.
_INPUT_S = 0.5
_END_S = 3.0
_LARGEST_INPUT_BYTES = 65_536
_LARGEST_LOG_BYTES = 1 << 20
# githooks(5)
_OF_GIT_HOOKS = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_WORK_TREE")
# Ends of a session after which the same program goes on.
_GOES_ON = ("clear", "resume")


def log_path(environ: "Mapping[str, str]") -> str:
    """Return the path of the log of hooks."""
    return f"{state_dir(environ)}/hooks.log"


def run_hook(tool: str, event: str, environ: "Mapping[str, str]") -> None:
    """Carry out a hook.

    Args:
        tool: The tool that runs it.
        event: One of `tool_files.EVENTS`.
        environ: The variables of the user.
    """
    try:
        with _open_log(environ) as log:
            try:
                _Hook(tool, event, environ, log).run()
            except (PortweaveError, OSError, ValueError) as error:
                _note(log, f"{tool} {event}: {error}")
    except OSError:
        # Without a log there is nothing left to tell, and the tool shall go on.
        return


class _Hook:
    """One run of a hook.

    Args:
        tool: The tool that runs it.
        event: The event.
        environ: The variables of the user.
        log: The log of hooks.
    """

    def __init__(self, tool: str, event: str, environ: "Mapping[str, str]", log: "TextIO") -> None:
        self._tool = tool
        self._event = event
        self._environ = environ
        self._log = log

    def run(self) -> None:
        """Start what belongs to the event."""
        told = _read_input()
        named = told.get("worktree_path") if self._event == "remove" else told.get("cwd")
        folder = named if isinstance(named, str) and named else os.getcwd()
        about = f"{self._tool} {self._event}: {folder}"
        if not os.path.isdir(folder) or definition_file(folder, None) is None:
            _note(self._log, f"{about}: no definition file")
            return
        match self._event:
            case "start":
                owner = find_owner(least_age_s=0)
                owned = () if owner is None else ("--owner", str(owner.pid))
                self._start(about, folder, "up", "-d", *owned)
                # Claude gives the output of this hook to its model.
                sys.stdout.write("portweave starts the services of this worktree: portweave ps\n")
            case "setup":
                self._start(about, folder, "setup")
            case "end" if told.get("reason") in _GOES_ON:
                _note(self._log, f"{about}: the session goes on")
            case "end" if not self._is_owned(folder):
                _note(self._log, f"{about}: the stack goes on, as it is not of this session alone")
            case _:
                self._wait(self._start(about, folder, "down"))

    def _start(self, about: str, folder: str, *words: str) -> "subprocess.Popen[bytes]":
        _note(self._log, f"{about}: portweave {' '.join(words)}")
        # -I isolates: a folder in the worktree must not replace our own modules.
        return subprocess.Popen(
            [sys.executable, "-Im", "portweave", *words],
            cwd=folder,
            env={**_outside_git(self._environ), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            _note(self._log, f"it goes on after {_END_S:g} s (pid {process.pid})")
            # It outlives this process.
            process.returncode = 0

    def _is_owned(self, folder: str) -> bool:
        """Whether the process around this hook is the only owner of the stack."""
        owner = find_owner(least_age_s=0)
        client = Client(stack_at(None, os.path.realpath(folder), self._environ), 1.0)
        try:
            found = client.call("/supervisor/lifetime", patience_s=1.0)
        finally:
            client.close()
        owners = found.get("owners") if is_object(found) else None
        pids = [one.get("pid") for one in (owners if is_list(owners) else []) if is_object(one)]
        return owner is not None and pids == [owner.pid]


def _outside_git(environ: "Mapping[str, str]") -> dict[str, str]:
    """Return the variables without those by which git tells its hooks where they are."""
    return {name: text for name, text in environ.items() if name not in _OF_GIT_HOOKS}


def _read_input() -> "dict[str, object]":
    """Return the JSON object on stdin; empty if there is none at once."""
    data = b""
    until_s = time.monotonic() + _INPUT_S
    try:
        while len(data) < _LARGEST_INPUT_BYTES and not os.isatty(0):
            if not select([0], [], [], max(0.0, until_s - time.monotonic()))[0]:
                break
            part = os.read(0, _LARGEST_INPUT_BYTES)
            if not part:
                break
            data += part
        found = loads(data.decode("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if is_object(found) else {}


def _open_log(environ: "Mapping[str, str]") -> "TextIO":
    path = log_path(environ)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    try:
        if os.stat(path).st_size > _LARGEST_LOG_BYTES:
            os.replace(path, f"{path}.1")
    except FileNotFoundError:
        pass
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")


def _note(log: "TextIO", text: str) -> None:
    log.write(f"{rfc3339(time.time_ns())} {text}\n")
    log.flush()
