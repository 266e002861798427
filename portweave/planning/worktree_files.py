"""Bring files that git does not carry into a new worktree: copies and links of another one's.

Only what git ignores is brought: a file that matches `.worktreeinclude` or `worktree.copy`, and
that git ignores and does not track. It happens once in each worktree, before the first start.
"""

import errno
import json
import os
import subprocess
from collections.abc import Sequence
from hashlib import sha256
from shutil import rmtree

from portweave import errors
from portweave.allocator.git_output import git_output
from portweave.allocator.git_queries import GIT, look_environment
from portweave.allocator.naming import namespace_of
from portweave.allocator.ports.assign import entry_of
from portweave.allocator.ports.model import Key
from portweave.allocator.ports.registry import load
from portweave.encoding.json_text import is_object
from portweave.encoding.value import value
from portweave.planning.env_pins import Unpinned, without_pins
from portweave.planning.project import Project
from portweave.procfiles.model import WorktreeFiles
from portweave.system.files import make_own_folder, read_all, replace
from portweave.system.tree_copy import copy_file, link_path

INCLUDE = ".worktreeinclude"
_RECORD = "files.json"
# Below `.portweave`, which git ignores: an untracked file would stop `git worktree remove`.
_STAGING = "incoming"
_LOCK_S = 600.0
_MOST_NAMED = 5


@value
class Brought:
    """What was brought into a worktree.

    Attributes:
        source: The root of the worktree that it comes from; empty if nothing was to be brought.
        copied: Files, relative to the root.
        linked: Links, relative to the root.
        remarks: What the user should know, one line each.
    """

    source: str = ""
    copied: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """What to tell the user, one line each."""
        told: list[str] = []
        for verb, paths in (("copied", self.copied), ("linked", self.linked)):
            if paths:
                more = len(paths) - _MOST_NAMED
                names = ", ".join(paths[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
                told.append(f"{verb} from {self.source}: {names}")
        return [*told, *self.remarks]


def bring_files(project: Project, *, again: bool = False) -> Brought:
    """Bring what a project wants into its worktree, unless that has been done.

    Args:
        project: The project of the worktree.
        again: Whether to look again although it has been done.

    Raises:
        WorktreeFilesError: A file cannot be copied or linked.
    """
    worktree = project.worktree
    if worktree.git_common_dir is None:
        return Brought()
    wanted = project.definitions.worktree or WorktreeFiles()
    source = _source(project, wanted)
    if source is None:
        if not (wanted.copy or wanted.link):
            return Brought()
        return Brought(remarks=("no worktree to copy files from: worktree.from names one",))
    if os.path.realpath(source) == os.path.realpath(worktree.root):
        return Brought()
    include = os.path.join(source, INCLUDE)
    if not (wanted.copy or wanted.link or os.path.isfile(include)):
        return Brought()
    stamp = _stamp(source, wanted, include)
    if not again and _recorded(worktree.root) == stamp:
        return Brought()
    from filelock import FileLock, Timeout

    path = f"{worktree.root}/.portweave/files.lock"
    try:
        make_own_folder(os.path.dirname(path))
        with FileLock(path, timeout=_LOCK_S, mode=0o600):
            if not again and _recorded(worktree.root) == stamp:
                return Brought()
            staging = f"{worktree.root}/.portweave/{_STAGING}"
            # A command that was killed may have left incomplete files.
            rmtree(staging, ignore_errors=True)
            make_own_folder(staging)
            try:
                brought = _Carrier(project, source, wanted, include).bring(staging)
            finally:
                rmtree(staging, ignore_errors=True)
            replace(f"{worktree.root}/.portweave/{_RECORD}", json.dumps({"stamp": stamp}).encode())
            return brought
    except Timeout:
        raise errors.WorktreeFilesError(path, "another portweave holds this lock") from None
    except OSError as error:
        named = str(error.filename or path)
        raise errors.WorktreeFilesError(named, error.strerror or str(error)) from error


class _Carrier:
    """Brings files from one worktree to another.

    Args:
        project: The project of the worktree that gets them.
        source: The root of the other worktree.
        wanted: What to bring.
        include: A file of patterns, which need not exist.
    """

    def __init__(self, project: Project, source: str, wanted: WorktreeFiles, include: str) -> None:
        self._project = project
        self._source = source
        self._root = project.worktree.root
        self._wanted = wanted
        self._include = include
        self._environ = look_environment(project.environ)
        self._remarks: list[str] = []

    def bring(self, staging: str) -> Brought:
        """Copy and link, and tell what was done.

        Args:
            staging: A folder for files until they are complete.
        """
        copied = [path for path in self._files() if self._copies(path, staging)]
        linked = [path for path in self._wanted.link if self._links(path)]
        return Brought(self._source, tuple(copied), tuple(linked), tuple(self._remarks))

    def _files(self) -> list[str]:
        """The files to copy: they match, and git ignores and does not track them."""
        patterns = [f"--exclude={pattern}" for pattern in self._wanted.copy]
        if os.path.isfile(self._include):
            patterns.append(f"--exclude-from={self._include}")
        if not patterns:
            return []
        found = self._git("ls-files", "-z", "--others", "--ignored", *patterns)
        # A folder that is a repository or a worktree of its own is listed as `name/`.
        matching = [path for path in found.split("\0") if path and not path.endswith("/")]
        ignored = self._git("check-ignore", "-z", "--stdin", text="\0".join(matching))
        inside = os.path.relpath(self._root, self._source)
        # What is linked is not copied too: the copy would stand in the place of the link.
        linked = [f"{os.path.normpath(path)}/" for path in self._wanted.link]
        others = (f"{inside}/", ".portweave/", *linked)
        return sorted(
            path for path in ignored.split("\0") if path and not f"{path}/".startswith(others)
        )

    def _copies(self, path: str, staging: str) -> bool:
        is_env = os.path.basename(path).startswith(".env")
        try:
            if not is_env:
                return copy_file(self._source, self._root, path, staging=staging)
            unpinned: list[Unpinned] = []

            def change(data: bytes) -> bytes:
                text = data.decode("utf-8", "surrogateescape")
                unpinned.append(without_pins(text, self._ports()))
                return unpinned[0].text.encode("utf-8", "surrogateescape")

            is_copied = copy_file(self._source, self._root, path, change, staging)
        except OSError as error:
            if error.errno == errno.ELOOP:
                self._remarks.append(f"{path} was not copied: {error.strerror}")
                return False
            raise errors.WorktreeFilesError(path, error.strerror or str(error)) from error
        if is_copied:
            self._tell(path, unpinned[0])
        return is_copied

    def _tell(self, path: str, unpinned: Unpinned) -> None:
        if unpinned.removed:
            names = ", ".join(unpinned.removed)
            self._remarks.append(f"{path}: left out {names}, ports of {self._source}")
        for name in unpinned.mentions:
            self._remarks.append(f"{path}: {name} contains a port of {self._source}")

    def _ports(self) -> frozenset[int]:
        """The ports of the worktree that files come from."""
        common_dir = self._project.worktree.git_common_dir
        namespace = namespace_of(self._source, self._project.worktree.main_root)
        entry = entry_of(load(self._project.registry), Key(common_dir, namespace, self._source))
        return frozenset() if entry is None else frozenset(entry.ports.values())

    def _links(self, path: str) -> bool:
        there = os.path.join(self._source, path)
        if not os.path.lexists(there):
            self._remarks.append(f"{path} was not linked: {self._source} has none")
            return False
        root = os.path.realpath(self._source)
        if not f"{os.path.realpath(there)}/".startswith(f"{root}/"):
            raise errors.WorktreeFilesError(path, f"it leads out of {self._source}")
        try:
            if not link_path(self._source, self._root, path):
                if os.path.realpath(os.path.join(self._root, path)) != os.path.realpath(there):
                    self._remarks.append(f"{path} was not linked: this worktree has its own")
                return False
        except OSError as error:
            raise errors.WorktreeFilesError(path, error.strerror or str(error)) from error
        if self._is_ignored(path):
            return True
        # git would show it as untracked, and `git worktree remove` would refuse.
        os.unlink(os.path.join(self._root, path))
        raise errors.WorktreeFilesError(
            path,
            "git would show the link as untracked",
            hint=f"add the line /{path} to .gitignore: a pattern that ends with / matches no link",
        )

    def _is_ignored(self, path: str) -> bool:
        argv = [*GIT, "-C", self._root, "check-ignore", "-q", "--", path]
        return subprocess.run(argv, env=self._environ, check=False).returncode == 0

    def _git(self, *words: str, text: str = "") -> str:
        return git_output(self._source, self._environ, *words, text=text) or ""


def _source(project: Project, wanted: WorktreeFiles) -> str | None:
    """The root of the worktree to take files from; None if there is none."""
    if wanted.source is not None:
        if not os.path.isdir(wanted.source):
            raise errors.WorktreeFilesError(wanted.source, "worktree.from names no folder")
        return wanted.source
    main_root = project.worktree.main_root
    if os.path.lexists(f"{main_root}/.git"):
        return main_root
    environ = look_environment(project.environ)
    common_dir = project.worktree.git_common_dir or main_root
    branch = git_output(common_dir, environ, "symbolic-ref", "refs/remotes/origin/HEAD") or ""
    branch = branch.strip().removeprefix("refs/remotes/origin/")
    if not branch:
        branch = (git_output(common_dir, environ, "symbolic-ref", "HEAD") or "").strip()
    branch = branch.removeprefix("refs/heads/")
    listed = git_output(common_dir, environ, "worktree", "list", "--porcelain", "-z") or ""
    return _root_of_branch(listed.split("\0\0"), branch)


def _root_of_branch(blocks: Sequence[str], branch: str) -> str | None:
    """The worktree with a branch, from the output of `git worktree list --porcelain -z`."""
    for block in blocks:
        fields: dict[str, str] = {}
        for line in block.split("\0"):
            name, _, text = line.partition(" ")
            fields[name] = text
        root = fields.get("worktree", "")
        if fields.get("branch") == f"refs/heads/{branch}" and os.path.isdir(root):
            return root
    return None


def _stamp(source: str, wanted: WorktreeFiles, include: str) -> str:
    """Identify what is to be brought, and from where."""
    try:
        patterns = read_all(include)
    except OSError:
        patterns = b""
    parts = [source, *wanted.copy, "", *wanted.link]
    return sha256(json.dumps(parts).encode() + patterns).hexdigest()


def _recorded(root: str) -> str:
    try:
        data: object = json.loads(read_all(f"{root}/.portweave/{_RECORD}"))
    except (OSError, ValueError):
        return ""
    return str(data.get("stamp")) if is_object(data) else ""
