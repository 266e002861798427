"""Write a dossier of each failed run to `.portweave/runs/<instance>/<run>.json`, with mode 0600.

Files and git are asked in a thread, so that no restart waits for them. While the stack stops,
nothing is asked of git: it might take longer than the services.
"""

import os
import time
from collections import deque
from threading import Lock, Thread

from portweave.allocator.changed_files import changed_files
from portweave.allocator.git_output import git_output
from portweave.allocator.git_queries import look_environment
from portweave.encoding.json_text import is_object, loads
from portweave.supervisor.logs.reader import Log
from portweave.supervisor.reporting.dossiers import (
    CodeState,
    FailedRun,
    as_bytes,
    file_name,
    run_numbers,
    superfluous,
)
from portweave.system.files import make_own_folder, read_all, replace

# A service that crashes again and again has git asked so seldom.
_GIT_EVERY_S = 5.0
_GIT_PATIENCE_S = 5.0
# The last output of a run is in its log after so long.
_WRITTEN_S = 0.1
_MOST_WAITING = 50


class CrashDossiers:
    """Writes the dossiers of one stack.

    Args:
        folder: The folder of the notes on runs.
        logs: The folder of the logs; None for a stack without.

    Attributes:
        folder: As given; it may be set to another path if the worktree was moved.
        logs: As given; the same holds.
    """

    def __init__(self, folder: str, logs: str | None) -> None:
        self.folder = folder
        self.logs = logs
        self._waiting: deque[FailedRun] = deque(maxlen=_MOST_WAITING)
        # The thread takes one after the other, and ends when none is left.
        self._lock = Lock()
        self._is_writing = False
        self._current: FailedRun | None = None
        self._asked_s = float("-inf")
        self._code = CodeState()

    def add(self, run: FailedRun) -> None:
        """Have the dossier of a run written, in a thread."""
        with self._lock:
            self._waiting.append(run)
            if self._is_writing:
                return
            self._is_writing = True
        # The end of the stack does not wait for it: `flush` writes what is left.
        Thread(target=self._write_all, name="dossiers", daemon=True).start()

    def flush(self) -> None:
        """Write the dossiers that wait, without asking git."""
        with self._lock:
            left = [*([] if self._current is None else [self._current]), *self._waiting]
            self._waiting.clear()
        for run in left:
            self._write(run, ask_git=False)

    def _write_all(self) -> None:
        time.sleep(_WRITTEN_S)
        while True:
            with self._lock:
                self._current = self._waiting.popleft() if self._waiting else None
                if self._current is None:
                    self._is_writing = False
                    return
            self._write(self._current, ask_git=True)

    def _write(self, run: FailedRun, *, ask_git: bool) -> None:
        folder = f"{self.folder}/{run.name}"
        try:
            make_own_folder(self.folder)
            os.makedirs(folder, mode=0o700, exist_ok=True)
            names = os.listdir(folder)
            number = self._number(run) or [0, *run_numbers(names)][-1] + 1
            code = self._code_state(run) if ask_git else CodeState()
            replace(f"{folder}/{file_name(number)}", as_bytes(run, number, code))
            for name in superfluous(name for name in names if name != file_name(number)):
                os.unlink(f"{folder}/{name}")
        except OSError:
            # Dossiers are optional, and the logs report a full disk.
            return

    def _number(self, run: FailedRun) -> int:
        """The number of a run in the instance's log; 0 where there is none."""
        if self.logs is None:
            return 0
        log = Log(self.logs, run.name)
        try:
            before = log.backward(log.since(run.ended_ns))
            return next((record.run for _, _, record in before), 0)
        finally:
            log.close()

    def _code_state(self, run: FailedRun) -> CodeState:
        if time.monotonic() - self._asked_s < _GIT_EVERY_S:
            return self._code
        self._asked_s = time.monotonic()
        head, _, branch = _asked_git(run.working_dir).partition("\n")
        branch = branch.strip()
        changed: tuple[str, ...] = ()
        if run.last_good_at is not None:
            from datetime import datetime

            good_s = datetime.fromisoformat(run.last_good_at).timestamp()
            changed = tuple(name for _, name in changed_files(run.working_dir, good_s))
        self._code = CodeState(head, "" if branch == "HEAD" else branch, changed)
        return self._code


def read_dossiers(folder: str, instance: str) -> list[dict[str, object]]:
    """The dossiers of an instance, the newest run first.

    Args:
        folder: The folder of the notes on runs.
        instance: The instance.
    """
    place = f"{folder}/{instance}"
    try:
        names = os.listdir(place)
    except OSError:
        return []
    found: list[dict[str, object]] = []
    for number in reversed(run_numbers(names)):
        try:
            dossier = loads(read_all(f"{place}/{file_name(number)}").decode("utf-8", "replace"))
        except (OSError, ValueError):
            continue
        if is_object(dossier):
            found.append(dossier)
    return found


def _asked_git(folder: str) -> str:
    """The commit that is checked out in a folder, and the branch on a second line."""
    words = ("rev-parse", "HEAD", "--abbrev-ref", "HEAD")
    environ = look_environment(os.environ)
    return (git_output(folder, environ, *words, limit_s=_GIT_PATIENCE_S) or "").strip()
