"""Run a verb of portweave as a process, and take what it prints."""

import os
import signal
import subprocess
import sys
import time
from selectors import EVENT_READ, DefaultSelector

from portweave.encoding.json_text import is_object, loads
from portweave.encoding.value import value
from portweave.errors import UnforeseenError
from portweave.mcp.stop_flag import StopFlag
from portweave.system.clean_environment import undo_coercion

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_CHUNK_BYTES = 65_536
# Of what a process prints, this much is kept: its end.
_KEPT_BYTES = 1 << 20
# How often a call that waits says so.
HEARTBEAT_S = 5.0
# From the request to end until SIGKILL.
_GRACE_S = 3.0
_OWN = "[portweave] "


@value
class Outcome:
    """How a process ended.

    Attributes:
        status: Its exit status; negative after a signal; None if its time was up.
        printed: Its stdout, or the end of it.
        said: Lines of its stderr, or the last ones.
        was_stopped: Whether the call was cancelled.
    """

    status: int | None
    printed: str
    said: tuple[str, ...]
    was_stopped: bool

    @property
    def data(self) -> "dict[str, object]":
        """What it printed, as a JSON object; empty if it is none."""
        try:
            found = loads(self.printed)
        except ValueError:
            return {}
        return found if is_object(found) else {}

    @property
    def error(self) -> "dict[str, object] | None":
        """The error of portweave that it printed; None for none."""
        found = self.data.get("error")
        if is_object(found):
            return found
        if self.status == 0:
            return None
        lines = [line for line in self.said if line.strip()]
        text = "\n".join(lines[-5:]) or f"exit status {self.status}"
        return {"code": UnforeseenError.code, "message": text}


def run_process(
    argv: "Sequence[str]",
    folder: str,
    environ: "Mapping[str, str]",
    stop: StopFlag,
    *,
    say: "Callable[[str], None]",
    limit_s: float | None = None,
    whole_group: bool = False,
) -> Outcome:
    """Run a command to its end.

    Args:
        argv: Its words.
        folder: Its working directory.
        environ: The variables of the server.
        stop: Ends the command when it is set.
        say: Takes each line of its stderr, and that the command still runs.
        limit_s: The time after which it is ended; None for no limit.
        whole_group: Whether ending it ends all processes of its group, and stderr is output.

    Raises:
        OSError: It cannot be started.
    """
    began_s = time.monotonic()
    env = {**environ, "NO_COLOR": "1"}
    undo_coercion(env)
    process = subprocess.Popen(
        argv,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if whole_group else subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    out, err = process.stdout.fileno(), process.stderr.fileno() if process.stderr else -1
    printed, said, unfinished = bytearray(), [""], b""
    until_s = None if limit_s is None else began_s + limit_s
    heard_s, is_late = began_s, False
    with DefaultSelector() as selector, stop.watched(lambda: _end(process, whole_group)):
        for descriptor in (out, err):
            if descriptor >= 0:
                selector.register(descriptor, EVENT_READ)
        while selector.get_map():
            now_s = time.monotonic()
            if until_s is not None and now_s >= until_s and not is_late:
                is_late = True
                _end(process, whole_group)
            if now_s - heard_s >= HEARTBEAT_S:
                heard_s = now_s
                say(f"still at work after {now_s - began_s:.0f} s")
            wait_s = heard_s + HEARTBEAT_S - now_s
            if until_s is not None and not is_late:
                wait_s = min(wait_s, until_s - now_s)
            for key, _ in selector.select(max(0.0, wait_s)):
                data = os.read(key.fd, _CHUNK_BYTES)
                if not data:
                    selector.unregister(key.fd)
                elif key.fd == out:
                    printed += data
                    del printed[: max(0, len(printed) - _KEPT_BYTES)]
                else:
                    *lines, unfinished = (unfinished + data).split(b"\n")
                    heard_s = time.monotonic() if lines else heard_s
                    for line in lines:
                        text = line.decode("utf-8", "replace").removeprefix(_OWN)
                        said = [*said[-100:], text]
                        say(text)
        process.wait()
    process.stdout.close()
    if process.stderr:
        process.stderr.close()
    text = printed.decode("utf-8", "replace")
    status = None if is_late else process.returncode
    return Outcome(status, text, tuple(said[1:]), stop.is_set)


def verb(*words: str) -> list[str]:
    """Return the command line of a verb."""
    # -I isolates: a folder in the worktree must not replace our own modules.
    return [sys.executable, "-Im", "portweave", *words]


def _end(process: "subprocess.Popen[bytes]", whole_group: bool) -> None:
    """Ask a process to end. After a grace period it is killed."""
    from threading import Timer

    number = signal.SIGTERM if whole_group else signal.SIGINT
    _signal(process, number, whole_group)
    timer = Timer(_GRACE_S, _signal, (process, signal.SIGKILL, whole_group))
    timer.daemon = True
    timer.start()


def _signal(process: "subprocess.Popen[bytes]", number: int, whole_group: bool) -> None:
    # The leader is not reaped before its pipes are closed, so its pid is still its own.
    if process.returncode is not None:
        return
    try:
        if whole_group:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
    except ProcessLookupError:
        return
