"""Facts about worktrees from git, the disk and GitHub, with a cache.

Each question can take long in a large worktree, so it has a deadline and its answer is cached.
Callers that ask meanwhile wait for the same answer. GitHub may be slow: pages get the other facts
first. After a failed request portweave does not ask GitHub again for some time.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

import anyio

from portweave.allocator.git_queries import (
    GIT,
    look_environment,
    without_filters,
)
from portweave.allocator.git_status import filtered, read_status
from portweave.encoding.value import replace
from portweave.panel.npm_snapshot import Facts
from portweave.panel.pull_requests import FIELDS, PullRequest, read_request

KEPT_S = 60.0
_GIT_S = 10.0
_DISK_S = 30.0
_GITHUB_S = 15.0
# How long portweave does not ask GitHub after a failed or slow request.
_GITHUB_PAUSE_S = 600.0
_MOST_CONCURRENT = 4
_MOST_KEPT = 1000
_FILTER_KEYS = ("config", "-z", "--name-only", "--get-regexp", r"^filter\.")
_FILTER_OF = ("check-attr", "-z", "--stdin", "filter")
# In a submodule git starts another git, which runs what that repository's configuration names.
_STATUS = ("status", "--porcelain=v2", "-z", "--branch", "--ignore-submodules=dirty")

Found = TypeVar("Found")


class _Answers(Generic[Found]):
    """A cache with one entry per worktree; one lookup per worktree runs at a time."""

    def __init__(self) -> None:
        self._limit = anyio.CapacityLimiter(_MOST_CONCURRENT)
        self._kept: dict[str, tuple[float, Found]] = {}
        self._locks: dict[str, anyio.Lock] = {}

    def newest(self, root: str) -> Found | None:
        """Return the cached answer while it is fresh, or else None."""
        kept = self._kept.get(root)
        return kept[1] if kept is not None and _is_new(kept[0]) else None

    def forget(self, root: str) -> None:
        """Drop the cached answer."""
        self._kept.pop(root, None)

    async def get(self, root: str, find: Callable[[], Awaitable[Found]], *, again: bool) -> Found:
        """Return the cached answer, or find it.

        Args:
            root: The worktree's root.
            find: Finds the answer.
            again: Whether to ignore an answer that was found before this call.
        """
        lock = self._locks.setdefault(root, anyio.Lock())
        asked_s = time.monotonic()
        async with lock:
            kept = self._kept.get(root)
            # An answer that was found while this task waited for the lock is always fresh enough.
            if kept is not None and not (kept[0] < asked_s and (again or not _is_new(kept[0]))):
                return kept[1]
            async with self._limit:
                found = await find()
            self._kept.pop(root, None)
            self._kept[root] = (time.monotonic(), found)
            while len(self._kept) > _MOST_KEPT:
                oldest = next(iter(self._kept))
                del self._kept[oldest]
                self._locks.pop(oldest, None)
        return found


class FactFinder:
    """Find facts about worktrees, and cache them.

    Args:
        environ: Variables of the commands that portweave runs.
        github_s: Deadline for an answer from GitHub, in seconds.
    """

    def __init__(self, environ: Mapping[str, str], *, github_s: float = _GITHUB_S) -> None:
        self._environ = {
            **look_environment(environ),
            # gh must neither prompt nor announce a newer version of itself.
            "GH_PROMPT_DISABLED": "1",
            "GH_NO_UPDATE_NOTIFIER": "1",
            "LC_ALL": "C",
        }
        self._files = _Answers[Facts]()
        self._requests = _Answers[tuple[PullRequest | None]]()
        self._github_s = github_s
        self._has_github = False
        self._github_paused_until_s = 0.0
        self._github_lock = anyio.Lock()

    async def has_github(self) -> bool:
        """Whether portweave can ask GitHub: `gh` is installed and logged in."""
        async with self._github_lock:
            if not self._has_github and not self._github_is_paused:
                answer = None
                if shutil.which("gh", path=self._environ.get("PATH")) is not None:
                    answer = await self._run(["gh", "auth", "status"], "/", self._github_s)
                self._has_github = answer is not None
                self._github_paused_until_s = time.monotonic() + _GITHUB_PAUSE_S
        return self._has_github

    @property
    def _github_is_paused(self) -> bool:
        """Whether a request to GitHub failed recently, so that portweave does not ask again yet."""
        return not self._has_github and time.monotonic() < self._github_paused_until_s

    async def of(
        self, root: str, git_common_dir: str | None, *, again: bool = False, whole: bool = True
    ) -> Facts:
        """Return the facts about a worktree.

        Args:
            root: The worktree's root.
            git_common_dir: Its repository; None outside git.
            again: Whether to ignore cached answers.
            whole: Whether to wait for GitHub; otherwise the cached answer is used.
        """
        facts = await self._files.get(root, lambda: self._find(root, git_common_dir), again=again)
        if git_common_dir is None:
            return facts
        if again:
            # The user may have logged in since.
            self._github_paused_until_s = 0.0
        if whole:
            answer = await self._requests.get(root, lambda: self._ask_github(root), again=again)
            return replace(facts, pull_request=answer[0])
        if again:
            self._requests.forget(root)
        kept = self._requests.newest(root)
        # Without an answer it is unknown whether a pull request exists.
        is_whole = kept is not None or self._github_is_paused
        return replace(facts, pull_request=None if kept is None else kept[0], is_whole=is_whole)

    async def _find(self, root: str, git_common_dir: str | None) -> Facts:
        is_main = git_common_dir is not None and f"{root.rstrip('/')}/.git" == git_common_dir
        if not await anyio.to_thread.run_sync(os.path.isdir, root):
            return Facts(is_main=is_main)
        branch, clean = await self._git(root) if git_common_dir is not None else (None, None)
        # POSIX, du: -k counts in units of 1024 bytes.
        disk = await self._run(["du", "-sk", root], "/", _DISK_S)
        kilobytes = (disk or "").partition("\t")[0]
        return Facts(
            branch=branch,
            clean=clean,
            size_bytes=int(kilobytes) * 1024 if kilobytes.isdigit() else None,
            is_main=is_main,
        )

    async def _ask_github(self, root: str) -> tuple[PullRequest | None]:
        if not await self.has_github():
            return (None,)
        words = ["gh", "pr", "view", "--json", ",".join(FIELDS)]
        try:
            answer = await self._output_of(words, root, self._github_s)
        except TimeoutError:
            # Otherwise each of many worktrees would wait as long.
            self._has_github = False
            self._github_paused_until_s = time.monotonic() + _GITHUB_PAUSE_S
            return (None,)
        except OSError:
            return (None,)
        return (read_request(answer),)

    async def _git(self, root: str) -> tuple[str | None, bool | None]:
        """Return the branch, and whether the worktree is clean (git-status(1), version 2)."""
        keys = await self._run([*GIT, *_FILTER_KEYS], root, _GIT_S)
        # git-config(1): without such keys the command fails.
        environ = without_filters(self._environ, (keys or "").split("\0"))
        answer = await self._run([*GIT, *_STATUS], root, _GIT_S, environ)
        if answer is None:
            return None, None
        status = read_status(answer)
        changed = set(status.changed)
        if keys and changed:
            paths = "\0".join(status.changed).encode()
            attributes = await self._run([*GIT, *_FILTER_OF], root, _GIT_S, environ, paths)
            if attributes is None:
                return status.branch, None
            # Only their filter could tell whether these files differ, and portweave does not run
            # it.
            changed -= filtered(attributes)
        return status.branch, status.clean and not changed

    async def _run(
        self,
        words: Sequence[str],
        folder: str,
        patience_s: float,
        environ: Mapping[str, str] | None = None,
        read: bytes | None = None,
    ) -> str | None:
        """Run a command and return its output; None where it fails or exceeds its deadline.

        Args:
            words: The command.
            folder: Its working directory.
            patience_s: Its deadline in seconds.
            environ: Its environment; None for the default.
            read: Its standard input; None for none.
        """
        try:
            return await self._output_of(words, folder, patience_s, environ, read)
        except (OSError, TimeoutError):
            return None

    async def _output_of(
        self,
        words: Sequence[str],
        folder: str,
        patience_s: float,
        environ: Mapping[str, str] | None = None,
        read: bytes | None = None,
    ) -> str | None:
        """Run a command and return its output; None where its exit status is not 0.

        Args:
            words: The command.
            folder: Its working directory.
            patience_s: Its deadline in seconds.
            environ: Its environment; None for the default.
            read: Its standard input; None for none.

        Raises:
            OSError: The command cannot be started.
            TimeoutError: It exceeded its deadline.
        """
        with anyio.fail_after(patience_s):
            done = await anyio.run_process(
                words,
                cwd=folder,
                env=self._environ if environ is None else environ,
                input=read or b"",
                check=False,
                stderr=subprocess.DEVNULL,
            )
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _is_new(at_s: float) -> bool:
    return time.monotonic() - at_s <= KEPT_S
