"""Run the kept hook `teardown` of worktrees that were removed while their stack did not run."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from errno import ENOENT

from portweave.allocator.ports.blocks import release_blocks
from portweave.allocator.ports.model import Key
from portweave.allocator.ports.registry import registry_path
from portweave.allocator.worktree import locate
from portweave.encoding.value import value
from portweave.errors import PortweaveError
from portweave.maintenance.removed_rules import WorktreeFacts, is_removed
from portweave.supervisor.registry.kept_teardown import (
    MOST_ATTEMPTS,
    Failures,
    KeptTeardown,
    all_kept,
    forget_kept,
    note_failure,
    read_failures,
)
from portweave.supervisor.registry.stack_records import is_held, stack_key, stacks_dir
from portweave.supervisor.services.shell_command import run_in_turn
from portweave.system.clean_environment import login_environment
from portweave.system.files import read_all

_LINE_CHARACTERS = 300
_MOST_LINES = 200
_PIECE_BYTES = 65536
_MOST_PIECES = 16
# Between two looks whether the command has ended, where its output does not tell.
_LOOK_PAUSE_S = 0.05


@value
class PendingTeardown:
    """A `teardown` whose worktree was removed.

    Attributes:
        kept: The hook.
        failures: How often it has failed, and why.
    """

    kept: KeptTeardown
    failures: Failures

    @property
    def is_given_up(self) -> bool:
        """Whether only the user runs it any more."""
        return self.failures.count >= MOST_ATTEMPTS

    @property
    def name(self) -> str:
        """The worktree, as messages call it."""
        return f"{self.kept.project}/{self.kept.namespace} ({self.kept.root})"


def pending_teardowns(
    environ: Mapping[str, str], common_dir: str | None = None
) -> list[PendingTeardown]:
    """Find the kept teardowns of removed worktrees. This runs and changes nothing.

    Args:
        environ: The variables of the user. They name the state folder.
        common_dir: Only worktrees of this repository; None for all.
    """
    folder = stacks_dir(environ)
    return [
        PendingTeardown(kept, read_failures(kept.folder))
        for kept in all_kept(environ)
        if common_dir in (None, kept.git_common_dir)
        and not is_held(folder, stack_key(kept.root, kept.namespace))
        and is_removed(_facts(kept))
    ]


def run_teardowns(
    environ: Mapping[str, str],
    say: Callable[[str], None],
    common_dir: str | None = None,
    *,
    by_hand: bool = False,
) -> bool:
    """Run the pending teardowns, and release the blocks of their worktrees.

    Args:
        environ: The variables of the user.
        say: Gets what happens, one line each.
        common_dir: As for `pending_teardowns`.
        by_hand: Whether to run those that have failed too often, too.

    Returns:
        Whether each has succeeded.
    """
    is_good = True
    for one in pending_teardowns(environ, common_dir):
        if one.is_given_up and not by_hand:
            continue
        kept = one.kept
        from filelock import FileLock, Timeout

        try:
            with FileLock(f"{kept.folder}/lock", timeout=0, mode=0o600):
                say(f"running teardown of the removed worktree {one.name}")
                _release(kept, environ)
                if reason := run_kept(kept, environ, say):
                    is_good = False
                    note_failure(kept.folder, reason)
                    say(f"teardown of {one.name} failed: {reason}")
                else:
                    forget_kept(kept.folder)
        except Timeout:
            # Another command runs it.
            continue
    return is_good


def run_pending(environ: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Run the pending teardowns of the repository of the working directory; outside git, none.

    Args:
        environ: The variables of the user.
        say: Gets what happens, one line each.
    """
    try:
        common_dir = locate(os.getcwd(), environ).git_common_dir
    except (OSError, PortweaveError):
        # There is no working directory, or the command itself reports what is wrong with it.
        return
    if common_dir is not None:
        run_teardowns(environ, say, common_dir)


def run_kept(kept: KeptTeardown, environ: Mapping[str, str], say: Callable[[str], None]) -> str:
    """Run a kept `teardown` in a session of its own. What it leaves in that session is killed.

    Args:
        kept: The hook.
        environ: The variables of the user; the hook gets those of a login.
        say: Gets its output, one line each.

    Returns:
        Why it failed; empty if it succeeded.
    """
    if not os.path.isdir(kept.working_dir):
        return f"its kept files are gone: {kept.working_dir} does not exist"
    try:
        process = subprocess.Popen(
            run_in_turn(kept.commands),
            cwd=kept.working_dir,
            env={**login_environment(environ), **kept.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return error.strerror or str(error)
    try:
        has_ended = _follow(process, kept.timeout_s, say)
    finally:
        # What it has left in its session ends too. Its pid is its own until `wait`.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if not has_ended:
        return f"not finished after {kept.timeout_s:g} s"
    return f"exited with status {process.returncode}" if process.returncode else ""


def _follow(process: "subprocess.Popen[bytes]", limit_s: float, say: Callable[[str], None]) -> bool:
    """Tell the output of a process until it ends, however long others hold its pipe open.

    Args:
        process: With a pipe as its output.
        limit_s: How long it may take.
        say: Gets its lines. Of a flood it gets the first ones, and the number of the others.

    Returns:
        Whether it has ended. It is not reaped.
    """
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    os.set_blocking(descriptor, False)
    lines = _Lines(say)
    until_s = time.monotonic() + limit_s
    has_ended = False
    while not has_ended and time.monotonic() < until_s:
        # One more read follows the end.
        has_ended = _has_ended(process.pid)
        is_open = lines.read(descriptor)
        if not has_ended:
            select.select([descriptor] if is_open else [], [], [], _LOOK_PAUSE_S)
    lines.close()
    return has_ended


def _has_ended(pid: int) -> bool:
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, pid, flags) is not None


class _Lines:
    """Tells the lines of a pipe, at most `_MOST_LINES`.

    Args:
        say: Gets them.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._rest = b""
        self._count = 0

    def read(self, descriptor: int) -> bool:
        """Read what there is, at most a megabyte; return whether the pipe is open."""
        for _ in range(_MOST_PIECES):
            try:
                piece = os.read(descriptor, _PIECE_BYTES)
            except BlockingIOError:
                return True
            if not piece:
                return False
            *lines, rest = (self._rest + piece).split(b"\n")
            for line in lines:
                self._tell(line)
            self._rest = rest[:_LINE_CHARACTERS]
        return True

    def close(self) -> None:
        """Tell an incomplete line, and how many lines were not told."""
        if self._rest:
            self._tell(self._rest)
        if self._count > _MOST_LINES:
            self._say(f"teardown | … and {self._count - _MOST_LINES:,} more lines")

    def _tell(self, line: bytes) -> None:
        self._count += 1
        if self._count <= _MOST_LINES:
            text = line.rstrip(b"\r").decode("utf-8", "backslashreplace")
            self._say(f"teardown | {text[:_LINE_CHARACTERS]}")


def _release(kept: KeptTeardown, environ: Mapping[str, str]) -> None:
    def belongs(key: Key) -> bool:
        return key.worktree_root == kept.root and key.namespace == kept.namespace

    release_blocks(registry_path(environ), belongs, environ)


def _facts(kept: KeptTeardown) -> WorktreeFacts:
    exists, trouble, device = True, "", -1
    try:
        os.lstat(kept.root)
    except OSError as error:
        exists = False
        trouble = "" if error.errno == ENOENT else error.strerror or str(error)
    above = os.path.dirname(kept.root)
    while above:
        try:
            device = os.stat(above).st_dev
            break
        except OSError as error:
            if error.errno != ENOENT or above == "/":
                trouble = trouble or error.strerror or str(error)
                break
            above = os.path.dirname(above)
    return WorktreeFacts(
        exists,
        trouble,
        device,
        kept.device,
        is_linked=bool(kept.git_dir),
        is_listed=bool(kept.git_dir) and os.path.lexists(kept.git_dir),
        is_locked=os.path.lexists(f"{kept.git_dir}/locked"),
        listed_exists=os.path.lexists(_listed_path(kept.git_dir)),
    )


def _listed_path(git_dir: str) -> str:
    """The path of the worktree's `.git` that git lists: gitrepository-layout(5), worktrees."""
    try:
        return read_all(f"{git_dir}/gitdir").decode("utf-8", "surrogateescape").strip() or git_dir
    except OSError:
        # A damaged entry proves nothing.
        return git_dir
