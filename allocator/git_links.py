"""Follow a `.git` file, as gitrepository-layout(5) and git-worktree(1) describe it."""

import os

from portweave import errors
from portweave.allocator.naming import MAIN, is_own_namespace, slug, slug_of
from portweave.system.files import read_all

_LINK = "gitdir: "
# The folder of a linked worktree in a repository, and of a submodule's repository in one.
_WORKTREES = "/worktrees/"
_MODULES = "/modules/"
_BRANCH = "ref: refs/heads/"


def link_target(dot_git: str) -> str | None:
    """The folder that a `.git` file names, absolute; None if it names none.

    Raises:
        OSError: The file cannot be read.
    """
    line = os.fsdecode(read_all(dot_git)).rstrip("\r\n")
    if not line.startswith(_LINK):
        return None
    return os.path.realpath(os.path.join(os.path.dirname(dot_git), line.removeprefix(_LINK)))


def check_link(folder: str) -> None:
    """Check that the nearest `.git` file above a folder leads to a repository.

    Args:
        folder: An absolute path.

    Raises:
        BrokenWorktreeError: It leads nowhere.
    """
    try:
        root = _nearest(os.path.realpath(folder))
        if root is None:
            return
        if not os.path.exists(f"{root}/.git"):
            why = f"it is a link to {os.readlink(f'{root}/.git')}, which does not exist"
            raise errors.BrokenWorktreeError(root, why, "link")
        if not os.path.isfile(f"{root}/.git"):
            return
        target = link_target(f"{root}/.git")
        if target is None:
            raise errors.BrokenWorktreeError(root, "it does not begin with 'gitdir: '")
        if not _is_there(f"{target}/HEAD"):
            raise errors.BrokenWorktreeError(root, *_where(target))
        common_dir = common_dir_of(target)
        if not _is_there(f"{common_dir}/objects"):
            raise errors.BrokenWorktreeError(
                root, f"its repository {common_dir} does not exist", "repair"
            )
    except OSError:
        # A folder that cannot be read tells nothing.
        return


def _nearest(root: str) -> str | None:
    """The nearest parent folder with a `.git`, on this file system; None if there is none."""
    device = os.stat(root).st_dev
    while not os.path.lexists(f"{root.rstrip('/')}/.git"):
        if root == "/":
            return None
        root = os.path.dirname(root)
        if os.stat(root).st_dev != device:
            return None
    return root


def _where(target: str) -> tuple[str, str]:
    """Why a target does not exist, and which kind of hint helps."""
    repository, is_linked, _ = target.rpartition(_WORKTREES)
    if _MODULES in target.removeprefix(repository if is_linked else ""):
        return f"the submodule's repository {target} does not exist", "submodule"
    if not is_linked:
        return f"its repository {target} does not exist", ""
    if not _is_there(f"{repository}/HEAD"):
        return f"its repository {repository} does not exist: it was moved or removed", "repair"
    why = "it was pruned, or another repository lies where its own did"
    return f"the repository {repository} does not know this worktree: {why}", "repair"


def _is_there(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def common_dir_of(git_dir: str) -> str:
    """The repository of a worktree's git folder; they differ for a linked worktree only."""
    try:
        line = os.fsdecode(read_all(f"{git_dir}/commondir")).rstrip("\r\n")
    except FileNotFoundError:
        return git_dir
    return os.path.realpath(os.path.join(git_dir, line))


def branch_of(root: str) -> str | None:
    """The branch that is checked out in a worktree; None for none, or where only git could tell.

    It reads the files of gitrepository-layout(5): a git process for each worktree would be slow.
    """
    try:
        folder = f"{root}/.git"
        if not os.path.isdir(folder):
            folder = link_target(folder) or folder
        line = os.fsdecode(read_all(f"{folder}/HEAD")).rstrip("\r\n")
    except OSError:
        return None
    name = line.removeprefix(_BRANCH)
    return name if name != line else None


def repository_of(root: str, common_dir: str | None) -> str:
    """The absolute path that identifies a project: all its worktrees share it.

    That is the repository. A folder around a bare repository, which is no worktree, has that
    repository. A submodule has the one in the main worktree of the project above.

    Args:
        root: The worktree's root.
        common_dir: The worktree's repository; None outside git.
    """
    if common_dir is not None:
        above, is_linked, rest = common_dir.partition(_WORKTREES)
        _, is_module, module = rest.partition(_MODULES)
        return f"{above}{_MODULES}{module}" if is_linked and is_module else common_dir
    folder = root.rstrip("/")
    for name in (".git", ".bare", f"{os.path.basename(folder)}.git"):
        path = os.path.realpath(f"{folder}/{name}")
        if name == ".git" and os.path.isfile(path):
            try:
                path = link_target(path) or path
            except OSError:
                continue
        if os.path.isfile(f"{path}/HEAD") and os.path.isdir(f"{path}/objects"):
            return path
    return root


def worktree_slug(root: str, common_dir: str | None, namespace: str) -> str:
    """The worktree's part of a URL; empty for the main worktree.

    Args:
        root: The worktree's root, absolute.
        common_dir: The worktree's repository; None outside git.
        namespace: The worktree's namespace.
    """
    if namespace == MAIN:
        return ""
    if not is_own_namespace(namespace, root):
        return slug_of(namespace)
    _, is_linked, rest = (common_dir or "").partition(_WORKTREES)
    worktree, is_module, _ = rest.partition(_MODULES)
    if is_linked and is_module:
        # A submodule in a linked worktree: that worktree is what differs.
        return slug(worktree)
    if _has_own_repository(root):
        return ""
    is_named = slug(os.path.basename(root), default="") != ""
    return slug_of(namespace) if is_named else namespace


def _has_own_repository(root: str) -> bool:
    """Whether a worktree's `.git` leads to a whole repository, as a submodule's does."""
    try:
        git_dir = link_target(f"{root.rstrip('/')}/.git")
    except OSError:
        return False
    return git_dir is not None and common_dir_of(git_dir) == git_dir
