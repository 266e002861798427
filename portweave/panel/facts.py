"""What git, the disk and GitHub say of worktrees; asked for seldom, and a few at a time.

Each of these can take long in a large worktree, so each question has a deadline, answers are kept
for a minute, and who asks meanwhile waits for the same answer.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence

import anyio

from portweave.allocator.jsontext import is_object
from portweave.allocator.worktree import DROPPED_VARIABLES
from portweave.panel.npmshape import Facts

KEPT_S = 60.0
_GIT_S = 10.0
_DISK_S = 30.0
_GITHUB_S = 15.0
_AT_ONCE = 4
_MOST_KEPT = 1000


class FactFinder:
    """Finds facts, and keeps them for a while.

    Args:
        environ: Of the commands that are asked.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {
            **{name: text for name, text in environ.items() if name not in DROPPED_VARIABLES},
            # Looking is to write nothing: git status would refresh the index.
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }
        self._limit = anyio.CapacityLimiter(_AT_ONCE)
        self._kept: dict[str, tuple[float, Facts]] = {}
        self._locks: dict[str, anyio.Lock] = {}
        self._has_github: bool | None = None
        self._github_lock = anyio.Lock()

    async def has_github(self) -> bool:
        """Whether GitHub can be asked about pull requests: `gh` is there, and logged in."""
        async with self._github_lock:
            if self._has_github is None:
                found = shutil.which("gh", path=self._environ.get("PATH"))
                answer = (
                    await self._run(["gh", "auth", "status"], "/", _GITHUB_S) if found else None
                )
                self._has_github = answer is not None
        return self._has_github

    async def of(self, root: str, git_common_dir: str | None, *, again: bool = False) -> Facts:
        """What is known of a worktree.

        Args:
            root: The worktree's.
            git_common_dir: Its repository; None outside git.
            again: Whether what is kept does not count.
        """
        lock = self._locks.setdefault(root, anyio.Lock())
        asked_s = time.monotonic()
        async with lock:
            at_s, facts = self._kept.get(root, (-KEPT_S, Facts()))
            # What somebody else has found since we began to wait is new enough in any case.
            if at_s < asked_s and (again or asked_s - at_s > KEPT_S):
                async with self._limit:
                    facts = await self._find(root, git_common_dir)
                self._kept.pop(root, None)
                self._kept[root] = (time.monotonic(), facts)
                while len(self._kept) > _MOST_KEPT:
                    oldest = next(iter(self._kept))
                    del self._kept[oldest]
                    self._locks.pop(oldest, None)
        return facts

    async def _find(self, root: str, git_common_dir: str | None) -> Facts:
        is_main = git_common_dir is not None and f"{root.rstrip('/')}/.git" == git_common_dir
        if not await anyio.to_thread.run_sync(os.path.isdir, root):
            return Facts(is_main=is_main)
        branch, clean = await self._git(root) if git_common_dir is not None else (None, None)
        # POSIX, du: -k counts in units of 1024 bytes.
        disk = await self._run(["du", "-sk", root], "/", _DISK_S)
        kilobytes = (disk or "").partition("\t")[0]
        request = None
        if git_common_dir is not None and await self.has_github():
            request = _pull_request(
                await self._run(["gh", "pr", "view", "--json", "state,number,url"], root, _GITHUB_S)
            )
        return Facts(
            branch=branch,
            clean=clean,
            size_bytes=int(kilobytes) * 1024 if kilobytes.isdigit() else None,
            pull_request=request,
            is_main=is_main,
        )

    async def _git(self, root: str) -> tuple[str | None, bool | None]:
        """The branch, and whether nothing is changed: git-status(1), porcelain format version 2."""
        # What a repository sets up for git to run is not run just because somebody looks.
        words = ["git", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch"]
        answer = await self._run(words, root, _GIT_S)
        if answer is None:
            return None, None
        branch: str | None = None
        clean = True
        for line in answer.splitlines():
            if line.startswith("# branch.head "):
                branch = line.removeprefix("# branch.head ")
            elif line and not line.startswith("#"):
                clean = False
        return None if branch == "(detached)" else branch, clean

    async def _run(self, words: Sequence[str], folder: str, patience_s: float) -> str | None:
        """What a command prints; None where it fails or takes too long."""
        try:
            with anyio.fail_after(patience_s):
                done = await anyio.run_process(
                    words,
                    cwd=folder,
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    check=False,
                    stderr=subprocess.DEVNULL,
                )
        except (OSError, TimeoutError):
            return None
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _pull_request(answer: str | None) -> dict[str, object] | None:
    try:
        found: object = json.loads(answer or "null")
    except ValueError:
        return None
    if not is_object(found):
        return None
    state = str(found.get("state", "")).lower()
    if state not in ("open", "closed", "merged"):
        return None
    return {"number": found.get("number"), "state": state, "url": found.get("url")}
