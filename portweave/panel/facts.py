"""What git, the disk and GitHub say of worktrees; asked for seldom, and a few at a time.

Each of these can take long in a large worktree, so each question has a deadline, answers are kept
for a while, and who asks meanwhile waits for the same answer. GitHub may be far away: a page is
told the rest before, and after an answer that did not come it is left alone for some time.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import anyio

from portweave.allocator.git_queries import (
    GIT,
    look_environment,
    without_filters,
)
from portweave.panel.gitstatus import filtered, read_status
from portweave.panel.npmshape import Facts
from portweave.panel.requests import FIELDS, PullRequest, read_request

KEPT_S = 60.0
_GIT_S = 10.0
_DISK_S = 30.0
_GITHUB_S = 15.0
# How long GitHub is left alone that cannot be asked, or was too slow.
_GITHUB_RESTS_S = 600.0
_AT_ONCE = 4
_MOST_KEPT = 1000
_FILTER_KEYS = ("config", "-z", "--name-only", "--get-regexp", r"^filter\.")
_FILTER_OF = ("check-attr", "-z", "--stdin", "filter")
# In a submodule git would start another git, which runs what that repository says.
_STATUS = ("status", "--porcelain=v2", "-z", "--branch", "--ignore-submodules=dirty")

Found = TypeVar("Found")


class _Answers(Generic[Found]):
    """Answers about worktrees that are kept for a while; one is found by one question at a time."""

    def __init__(self) -> None:
        self._limit = anyio.CapacityLimiter(_AT_ONCE)
        self._kept: dict[str, tuple[float, Found]] = {}
        self._locks: dict[str, anyio.Lock] = {}

    def newest(self, root: str) -> Found | None:
        """What is kept and new enough; None for nothing."""
        kept = self._kept.get(root)
        return kept[1] if kept is not None and _is_new(kept[0]) else None

    def forget(self, root: str) -> None:
        """Have the next question find it anew."""
        self._kept.pop(root, None)

    async def get(self, root: str, find: Callable[[], Awaitable[Found]], *, again: bool) -> Found:
        """What is kept, or else found; `again`: whether what is kept does not count."""
        lock = self._locks.setdefault(root, anyio.Lock())
        asked_s = time.monotonic()
        async with lock:
            kept = self._kept.get(root)
            # What somebody else has found since we began to wait is new enough in any case.
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
    """Finds facts, and keeps them for a while.

    Args:
        environ: Of the commands that are asked.
        github_s: How long GitHub may take for an answer.
    """

    def __init__(self, environ: Mapping[str, str], *, github_s: float = _GITHUB_S) -> None:
        self._environ = {
            **look_environment(environ),
            # Nobody is there whom gh could ask, or tell of a newer version of itself.
            "GH_PROMPT_DISABLED": "1",
            "GH_NO_UPDATE_NOTIFIER": "1",
            "LC_ALL": "C",
        }
        self._files = _Answers[Facts]()
        self._requests = _Answers[tuple[PullRequest | None]]()
        self._github_s = github_s
        self._has_github = False
        self._rests_until_s = 0.0
        self._github_lock = anyio.Lock()

    async def has_github(self) -> bool:
        """Whether GitHub can be asked about pull requests: `gh` is there, and logged in."""
        async with self._github_lock:
            if not self._has_github and not self._rests:
                answer = None
                if shutil.which("gh", path=self._environ.get("PATH")) is not None:
                    answer = await self._run(["gh", "auth", "status"], "/", self._github_s)
                self._has_github = answer is not None
                self._rests_until_s = time.monotonic() + _GITHUB_RESTS_S
        return self._has_github

    @property
    def _rests(self) -> bool:
        """Whether GitHub could not be asked, and is not to be for now."""
        return not self._has_github and time.monotonic() < self._rests_until_s

    async def of(
        self, root: str, git_common_dir: str | None, *, again: bool = False, whole: bool = True
    ) -> Facts:
        """What is known of a worktree.

        Args:
            root: The worktree's.
            git_common_dir: Its repository; None outside git.
            again: Whether what is kept does not count.
            whole: Whether GitHub's answer is waited for; else the one that is kept is given.
        """
        facts = await self._files.get(root, lambda: self._find(root, git_common_dir), again=again)
        if git_common_dir is None:
            return facts
        if again:
            # Somebody may have logged in.
            self._rests_until_s = 0.0
        if whole:
            answer = await self._requests.get(root, lambda: self._ask_github(root), again=again)
            return replace(facts, pull_request=answer[0])
        if again:
            self._requests.forget(root)
        kept = self._requests.newest(root)
        # Until it has answered nobody knows whether there is a request.
        is_whole = kept is not None or self._rests
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
            answer = await self._ran(words, root, self._github_s)
        except TimeoutError:
            # Else each of many worktrees would wait for it as long.
            self._has_github = False
            self._rests_until_s = time.monotonic() + _GITHUB_RESTS_S
            return (None,)
        except OSError:
            return (None,)
        return (read_request(answer),)

    async def _git(self, root: str) -> tuple[str | None, bool | None]:
        """The branch, and whether nothing is changed: git-status(1), porcelain format version 2."""
        keys = await self._run([*GIT, *_FILTER_KEYS], root, _GIT_S)
        # git-config(1): without such keys it fails.
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
            # Whether they differ their filter alone could tell, and it is not run.
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
        """What a command prints; None where it fails or takes too long."""
        try:
            return await self._ran(words, folder, patience_s, environ, read)
        except (OSError, TimeoutError):
            return None

    async def _ran(
        self,
        words: Sequence[str],
        folder: str,
        patience_s: float,
        environ: Mapping[str, str] | None = None,
        read: bytes | None = None,
    ) -> str | None:
        """What a command prints; None where it fails.

        Args:
            words: The command.
            folder: Where it runs.
            patience_s: How long it may take.
            environ: Its environment; None for the usual one.
            read: What it reads; None for nothing.

        Raises:
            OSError: It cannot be started.
            TimeoutError: It takes too long.
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
