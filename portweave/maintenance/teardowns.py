"""Run the kept hook `teardown` of worktrees that were removed while their stack did not run."""

import os
import signal
import subprocess
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

_LAST_LINE_BYTES = 300


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
    """Run a kept `teardown` in a session of its own.

    Args:
        kept: The hook.
        environ: The variables of the user; the hook gets those of a login.
        say: Gets its output, one line each.

    Returns:
        Why it failed; empty if it succeeded.
    """
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
        output, _ = process.communicate(timeout=kept.timeout_s)
    except subprocess.TimeoutExpired:
        _kill(process)
        return f"not finished after {kept.timeout_s:g} s"
    except BaseException:
        _kill(process)
        raise
    for line in output.decode("utf-8", "backslashreplace").splitlines():
        say(f"teardown | {line[:_LAST_LINE_BYTES]}")
    return f"exited with status {process.returncode}" if process.returncode else ""


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


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
