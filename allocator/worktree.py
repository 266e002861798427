"""Find the worktree that a folder belongs to.

git's answer is read from its files, as gitrepository-layout(5) and git-worktree(1) describe them:
starting git costs as much as all the rest. git itself is run only if the files leave a doubt:
another owner, unusual configuration, or git's variables in the environment.
"""

import os

from portweave.allocator.naming import chosen_namespace, namespace_of
from portweave.allocator.ports.model import Key
from portweave.encoding.value import value

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

# Beginnings of variables that may change where git finds a repository, and some variables that
# begin so and do not.
_TELLING_VARIABLES = (
    "GIT_CEILING_",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DISCOVERY_",
    "GIT_IMPLICIT_",
    "GIT_OBJECT_",
    "GIT_TEST_",
)
_HARMLESS_VARIABLES = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM")
_HEX = frozenset("0123456789abcdef")


@value
class Worktree:
    """One checkout of a project.

    Attributes:
        root: An absolute path.
        git_common_dir: The repository, absolute; None outside git.
        main_root: The root of the project's main worktree; the repository itself if there is none.
        namespace: The name that differs from the project's other worktrees.
        registered: Its key in the registry, if the folder was moved to `root` while its stack runs;
            otherwise None.
        project: The project's name in that stack; empty otherwise.
    """

    root: str
    git_common_dir: str | None
    main_root: str
    namespace: str
    registered: Key | None = None
    project: str = ""

    @property
    def key(self) -> Key:
        """Its key in the registry. Root and namespace also identify the records of stacks."""
        return self.registered or Key(self.git_common_dir, self.namespace, self.root)


class _UnsureError(Exception):
    """The files do not say for certain what git would."""


def locate(folder: str, environ: "Mapping[str, str]") -> Worktree:
    """Find the worktree that a folder lies in.

    Args:
        folder: An absolute path.
        environ: `PORTWEAVE_NAMESPACE` and git's variables in it count.

    Returns:
        The worktree. Outside git, without git, in a bare repository and in a `.git` folder, it is
        the folder itself, as the only worktree of its project.

    Raises:
        BrokenWorktreeError: The worktree's `.git` leads nowhere.
    """
    try:
        found = _read(folder, environ)
    except (_UnsureError, OSError, ValueError):
        found = _ask(folder, environ)
    if found is None:
        from portweave.allocator.git_links import check_link

        check_link(folder)
        return outside_git(folder, environ)
    root, common_dir = found
    main_root = common_dir.removesuffix("/.git") or "/"
    namespace = chosen_namespace(environ, root) or namespace_of(root, main_root)
    return Worktree(root, common_dir, main_root, namespace)


def outside_git(root: str, environ: "Mapping[str, str]") -> Worktree:
    """The worktree at `root`, a folder outside git."""
    return Worktree(root, None, root, chosen_namespace(environ, root) or namespace_of(root, root))


def own_namespace(root: str) -> str:
    """The namespace of a worktree without a choice, as far as its root alone tells."""
    dot_git = f"{root.rstrip('/')}/.git"
    # A linked worktree, a submodule, or a worktree whose repository lies elsewhere.
    is_linked = os.path.isfile(dot_git) or os.path.islink(dot_git)
    return namespace_of(root, "" if is_linked else root)


def worktree_dir(root: str, namespace: str) -> str:
    """The folder inside a worktree for the files of its stack. It need not exist.

    A namespace that the user has chosen gets a folder of its own. So the stacks of several
    namespaces do not write the same files.
    """
    folder = f"{root.rstrip('/')}/.portweave"
    return folder if namespace == own_namespace(root) else f"{folder}/namespaces/{namespace}"


def logs_dir(root: str, namespace: str) -> str:
    """Return the folder for the logs of a worktree's stack. This function does not make it."""
    return f"{worktree_dir(root, namespace)}/logs"


def _read(folder: str, environ: "Mapping[str, str]") -> tuple[str, str] | None:
    """The worktree's root and its repository; None outside git."""
    for name in environ:
        if name.startswith(_TELLING_VARIABLES) and name not in _HARMLESS_VARIABLES:
            raise _UnsureError(name)
    # Resolved, like the answers of git.
    root = os.path.realpath(folder)
    device = os.stat(root).st_dev
    while True:
        dot_git = f"{root.rstrip('/')}/.git"
        if os.path.exists(dot_git):
            break
        # A repository without a worktree, or a folder inside one.
        if os.path.exists(f"{root}/HEAD") and os.path.isdir(f"{root}/objects"):
            raise _UnsureError(root)
        if root == "/":
            return None
        root = os.path.dirname(root)
        # git does not search beyond a mount point.
        if os.stat(root).st_dev != device:
            return None
    if not _has_git(environ):
        return None
    user_id = os.geteuid()
    if user_id == 0 and "SUDO_UID" in environ:
        raise _UnsureError("SUDO_UID")
    is_folder = os.path.isdir(dot_git)
    git_dir = os.path.realpath(dot_git) if is_folder else _linked_dir(dot_git)
    # safe.directory of git-config(1) may allow other owners.
    if any(os.stat(path).st_uid != user_id for path in (root, dot_git, git_dir)):
        raise _UnsureError("owner")
    common_dir = git_dir
    # The main worktree of most repositories has none, and needs no import.
    if os.path.exists(f"{git_dir}/commondir"):
        from portweave.allocator.git_links import common_dir_of

        common_dir = common_dir_of(git_dir)
    _check_repository(root, git_dir, common_dir)
    return root, common_dir


def _has_git(environ: "Mapping[str, str]") -> bool:
    """Whether git can be run. Without git, no program takes this for a worktree."""
    return any(
        os.access(f"{folder}/git", os.X_OK)
        for folder in environ.get("PATH", os.defpath).split(os.pathsep)
    )


def _linked_dir(dot_git: str) -> str:
    """The folder that a `.git` file names."""
    from portweave.allocator.git_links import link_target

    target = link_target(dot_git)
    if target is None:
        raise _UnsureError(dot_git)
    return target


def _line(path: str) -> str:
    # Not by open(): its text layer costs more than reading.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        data = os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)
    if len(data) == 1 << 16:
        raise _UnsureError(path)
    return os.fsdecode(data).rstrip("\r\n")


def _check_repository(root: str, git_dir: str, common_dir: str) -> None:
    """Raise `_UnsureError` unless git surely takes this for a repository with a worktree."""
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
    # For a linked worktree, these two say nothing.
    if git_dir != common_dir:
        return
    if name == "bare" and value.lower() != "false":
        raise _UnsureError(name)
    # A submodule's repository names its worktree.
    if name == "worktree" and os.path.realpath(os.path.join(git_dir, value)) != root:
        raise _UnsureError(name)


def _ask(folder: str, environ: "Mapping[str, str]") -> tuple[str, str] | None:
    """Git's answer: the worktree's root and its repository; None if there is none."""
    # Imported here, as it is seldom needed.
    from portweave.allocator.git_queries import GIT, look_environment

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
