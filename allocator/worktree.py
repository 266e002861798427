"""Which worktree is this?

What git would answer is read from its files, as gitrepository-layout(5) and git-worktree(1) say:
starting git costs as much as all the rest. Where the files leave a doubt (another owner, unusual
configuration, variables of git's) git is asked after all.
"""

import os

from portweave.allocator.git_links import (
    check_link,
    common_dir_of,
    link_target,
)
from portweave.allocator.git_queries import (
    DROPPED_VARIABLES,
    GIT,
    look_environment,
)
from portweave.allocator.naming import chosen_namespace, namespace_of
from portweave.allocator.ports.model import Key

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

# Variables that may change where git finds a repository, by their beginnings; and some that begin
# so and do not.
_TELLING_VARIABLES = (
    "GIT_CEILING_",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DISCOVERY_",
    "GIT_IMPLICIT_",
    "GIT_OBJECT_",
    "GIT_TEST_",
)
_HARMLESS_VARIABLES = frozenset({"GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM"})
_HEX = frozenset("0123456789abcdef")


class Worktree:
    """One checkout of a project.

    Attributes:
        root: Absolute.
        git_common_dir: The repository, absolute; None outside git.
        main_root: The root of the project's main worktree, or the repository itself where it has
            none.
        namespace: What tells it from the project's other worktrees.
        registered: What the registry knows it by where its stack has run since before its folder
            was moved to `root`; else None.
    """

    __slots__ = ("git_common_dir", "main_root", "namespace", "registered", "root")

    def __init__(
        self,
        root: str,
        git_common_dir: str | None,
        main_root: str,
        namespace: str,
        registered: Key | None = None,
    ) -> None:
        self.root = root
        self.git_common_dir = git_common_dir
        self.main_root = main_root
        self.namespace = namespace
        self.registered = registered

    @property
    def key(self) -> Key:
        """What the registry knows it by; records of stacks too, by its root and namespace."""
        return self.registered or Key(self.git_common_dir, self.namespace, self.root)


class _UnsureError(Exception):
    """The files do not say for certain what git would."""


def locate(folder: str, environ: "Mapping[str, str]") -> Worktree:
    """Find the worktree that a folder lies in.

    Args:
        folder: Absolute.
        environ: `PORTWEAVE_NAMESPACE` in it is obeyed, and what it says to git.

    Returns:
        The worktree; outside git (also: without git, in a bare repository, in a `.git` folder)
        the folder itself, as the only worktree of its project.

    Raises:
        BrokenWorktreeError: It lies in a worktree whose `.git` leads nowhere.
    """
    try:
        found = _read(folder, environ)
    except (_UnsureError, OSError, ValueError):
        found = _ask(folder, environ)
    if found is None:
        check_link(folder)
        return outside_git(folder, environ)
    root, common_dir = found
    main_root = common_dir.removesuffix("/.git") or "/"
    namespace = chosen_namespace(environ, root) or namespace_of(root, main_root)
    return Worktree(root, common_dir, main_root, namespace)


def outside_git(root: str, environ: "Mapping[str, str]") -> Worktree:
    """The worktree at `root`, which is no git worktree."""
    return Worktree(root, None, root, chosen_namespace(environ, root) or namespace_of(root, root))


def own_namespace(root: str) -> str:
    """The namespace that a worktree has by itself, as far as a look at its root tells."""
    dot_git = f"{root.rstrip('/')}/.git"
    # A linked worktree, a submodule, or one whose repository lies elsewhere.
    is_linked = os.path.isfile(dot_git) or os.path.islink(dot_git)
    return namespace_of(root, "" if is_linked else root)


def worktree_dir(root: str, namespace: str) -> str:
    """Where what is kept of a worktree's stack lies in it; not made by this.

    A namespace that the user has chosen has a folder of its own: several stacks of one worktree,
    each with a namespace, do not write into the same files.
    """
    folder = f"{root.rstrip('/')}/.portweave"
    return folder if namespace == own_namespace(root) else f"{folder}/namespaces/{namespace}"


def _read(folder: str, environ: "Mapping[str, str]") -> tuple[str, str] | None:
    """The worktree's root and its repository; None outside git."""
    for name in environ:
        if name.startswith(_TELLING_VARIABLES) and not (
            name in DROPPED_VARIABLES or name in _HARMLESS_VARIABLES
        ):
            raise _UnsureError(name)
    # Physical, as git's answers are.
    root = os.path.realpath(folder)
    device = os.stat(root).st_dev
    while True:
        dot_git = f"{root.rstrip('/')}/.git"
        if os.path.exists(dot_git):
            break
        # A repository without a worktree, or the inside of one.
        if os.path.exists(f"{root}/HEAD") and os.path.isdir(f"{root}/objects"):
            raise _UnsureError(root)
        if root == "/":
            return None
        root = os.path.dirname(root)
        # git does not look beyond a mount point.
        if os.stat(root).st_dev != device:
            return None
    if not _has_git(environ):
        return None
    user_id = os.geteuid()
    if user_id == 0 and "SUDO_UID" in environ:
        raise _UnsureError("SUDO_UID")
    is_folder = os.path.isdir(dot_git)
    git_dir = os.path.realpath(dot_git) if is_folder else _linked_dir(dot_git)
    # safe.directory of git-config(1) allows what belongs to others.
    if any(os.stat(path).st_uid != user_id for path in (root, dot_git, git_dir)):
        raise _UnsureError("owner")
    common_dir = common_dir_of(git_dir)
    _check_repository(root, git_dir, common_dir)
    return root, common_dir


def _has_git(environ: "Mapping[str, str]") -> bool:
    """Whether there is a git to ask: without it, nobody else takes this for a worktree."""
    return any(
        os.access(f"{folder}/git", os.X_OK)
        for folder in environ.get("PATH", os.defpath).split(os.pathsep)
    )


def _linked_dir(dot_git: str) -> str:
    """What a `.git` file names."""
    target = link_target(dot_git)
    if target is None:
        raise _UnsureError(dot_git)
    return target


def _line(path: str) -> str:
    # Not by open(): its text layer costs more than the reading.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        data = os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)
    if len(data) == 1 << 16:
        raise _UnsureError(path)
    return os.fsdecode(data).rstrip("\r\n")


def _check_repository(root: str, git_dir: str, common_dir: str) -> None:
    """Raise `_UnsureError` unless git is certain to take this for a repository with a worktree."""
    head = _line(f"{git_dir}/HEAD")
    if not head.startswith("ref: refs/") and not (len(head) == 40 and _HEX.issuperset(head)):
        raise _UnsureError(head)
    if not (os.path.isdir(f"{common_dir}/objects") and os.path.isdir(f"{common_dir}/refs")):
        raise _UnsureError(common_dir)
    section = ""
    for raw in _line(f"{common_dir}/config").split("\n"):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            section = line[1:-1].lower()
            if line[-1] != "]" or section.startswith("extensions"):
                raise _UnsureError(line)
            continue
        name, _, value = line.partition("=")
        if line.endswith("\\") or not name.strip().replace("-", "").isalnum():
            raise _UnsureError(line)
        if section != "core":
            continue
        _check_core(name.strip().lower(), value.strip(), root, git_dir, common_dir)


def _check_core(name: str, value: str, root: str, git_dir: str, common_dir: str) -> None:
    if name == "repositoryformatversion" and value not in {"0", "1"}:
        raise _UnsureError(name)
    # These two say nothing about a linked worktree.
    if git_dir != common_dir:
        return
    if name == "bare" and value.lower() != "false":
        raise _UnsureError(name)
    # A submodule's repository names its worktree.
    if name == "worktree" and os.path.realpath(os.path.join(git_dir, value)) != root:
        raise _UnsureError(name)


def _ask(folder: str, environ: "Mapping[str, str]") -> tuple[str, str] | None:
    """What git says: the worktree's root and its repository; None where it knows of none."""
    words = ("rev-parse", "--show-toplevel", "--path-format=absolute", "--git-common-dir")
    reader, writer = os.pipe()
    try:
        pid = os.posix_spawnp(
            "git",
            [*GIT, "-C", folder, *words],
            look_environment(environ),
            file_actions=(
                (os.POSIX_SPAWN_DUP2, writer, 1),
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ),
        )
    except OSError:
        os.close(reader)
        return None
    finally:
        os.close(writer)
    with open(reader, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(pid, 0)
    lines = os.fsdecode(answer).removesuffix("\n").split("\n")
    if status != 0 or len(lines) != 2 or not all(lines):
        return None
    return lines[0], lines[1]
