"""Ask git, and GitHub by `gh`, whether the branch of a worktree was merged."""

import os
import subprocess
from collections.abc import Mapping

from portweave.allocator.git_output import git_output
from portweave.allocator.git_queries import look_environment, without_filters
from portweave.allocator.git_status import read_branch, read_status
from portweave.encoding.json_text import is_list, is_object, loads
from portweave.maintenance.prune_rules import MergeFacts, has_own_commit
from portweave.system.files import read_all

_GIT_S = 10.0
_GITHUB_S = 10.0
_FILTER_KEYS = ("config", "-z", "--name-only", "--get-regexp", r"^filter\.")
# In a submodule git starts another git, which runs what that repository's configuration names.
_STATUS = ("status", "--porcelain=v2", "-z", "--branch", "--ignore-submodules=dirty")
_REMOTE = "refs/remotes/origin/"
_LOCAL = "refs/heads/"


def merge_facts(root: str, common_dir: str, environ: Mapping[str, str]) -> MergeFacts:
    """Find out whether the branch of a worktree was merged. It runs nothing of the repository.

    Args:
        root: The worktree's root, which exists.
        common_dir: Its repository.
        environ: The variables of the user.
    """
    looking = look_environment(environ)
    keys = git_output(root, looking, *_FILTER_KEYS, limit_s=_GIT_S) or ""
    # git-config(1): without such keys the command fails.
    clean_git = without_filters(looking, keys.split("\0"))
    text = git_output(root, clean_git, *_STATUS, limit_s=_GIT_S)
    if text is None:
        return MergeFacts(None)
    status, branch = read_status(text), read_branch(text)
    default = default_branch(common_dir, looking)
    if status.branch is None or not default or status.branch == default or not branch.tip:
        return MergeFacts(status.branch, default)
    has_own = has_own_commit(_reflog(common_dir, status.branch))
    is_contained = has_own and any(
        git_output(
            root, looking, "merge-base", "--is-ancestor", branch.tip, f"{place}{default}",
            limit_s=_GIT_S,
        )
        is not None
        for place in (_LOCAL, _REMOTE)
    )  # fmt: skip
    # What only a filter could compare counts as changed.
    is_clean = status.clean and not status.changed
    request = 0
    if has_own and not is_contained and is_clean and not branch.ahead:
        request = _merged_request(root, status.branch, branch.tip, looking)
    return MergeFacts(
        status.branch, default, has_own, is_clean, branch.ahead, is_contained, request
    )


def default_branch(common_dir: str, looking: Mapping[str, str]) -> str:
    """The default branch: the remote's, else `main` or `master`; empty if there is none.

    Args:
        common_dir: The repository.
        looking: From `look_environment`.
    """
    text = git_output(common_dir, looking, "symbolic-ref", f"{_REMOTE}HEAD", limit_s=_GIT_S)
    if text is not None and text.startswith(_REMOTE):
        return text.strip().removeprefix(_REMOTE)
    for name in ("main", "master"):
        words = ("rev-parse", "--verify", "--quiet", f"{_LOCAL}{name}")
        if git_output(common_dir, looking, *words, limit_s=_GIT_S) is not None:
            return name
    return ""


def _reflog(common_dir: str, branch: str) -> str:
    """The reflog of a branch; empty if there is none. git itself might run a signature check."""
    try:
        return read_all(f"{common_dir}/logs/{_LOCAL}{branch}").decode("utf-8", "replace")
    except OSError:
        return ""


def _merged_request(root: str, branch: str, tip: str, looking: Mapping[str, str]) -> int:
    """The number of the merged pull request with exactly this head; 0 for none, or without `gh`."""
    environ = {**looking, "GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1"}
    words = ["gh", "pr", "list", "--state", "merged", "--head", branch, "--limit", "20"]
    try:
        done = subprocess.run(
            [*words, "--json", "number,headRefOid"],
            cwd=root,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_GITHUB_S,
            check=False,
        )
        found = loads(done.stdout.decode("utf-8", "replace") or "[]")
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0
    for one in found if is_list(found) else ():
        if is_object(one) and one.get("headRefOid") == tip and isinstance(one.get("number"), int):
            return int(str(one["number"]))
    return 0


def is_locked(root: str, common_dir: str | None) -> bool:
    """Whether git has a worktree locked: git-worktree(1), `lock`. Its folder need not exist."""
    folder = f"{common_dir}/worktrees"
    try:
        names = os.listdir(folder) if common_dir else []
    except OSError:
        return False
    for name in names:
        try:
            # gitrepository-layout(5): the path of the worktree's `.git`.
            place = os.fsdecode(read_all(f"{folder}/{name}/gitdir")).rstrip("\r\n")
        except OSError:
            continue
        if os.path.dirname(place) == root:
            return os.path.exists(f"{folder}/{name}/locked")
    return False
