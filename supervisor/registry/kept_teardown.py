"""The hook `teardown` of each worktree, kept outside of it: it runs when the worktree is gone.

`$XDG_STATE_HOME/portweave/worktrees/<key>/teardown.json` has the commands and their variables, and
`files-<n>` beside it has copies of the files that they need. The key is that of the stack. Each
`up` renews them: new files are complete before `teardown.json` names them.
"""

import json
import os
import time
from collections.abc import Mapping
from shutil import rmtree

from portweave.allocator.state_folder import stack_key, state_dir
from portweave.encoding.json_text import is_list, is_object
from portweave.encoding.value import value
from portweave.system.files import make_folders, read_all, replace

# After so many failures, only the user runs it.
MOST_ATTEMPTS = 3
_NAME = "teardown.json"
_FAILURES = "failures.json"
_FILES = "files-"


@value
class KeptTeardown:
    """The kept `teardown` of one worktree.

    Attributes:
        folder: Where it is kept.
        project: The project's name.
        namespace: The worktree's namespace.
        root: The worktree's root.
        git_common_dir: The repository; empty outside git.
        git_dir: Where git keeps what it knows of a linked worktree; empty for all others.
        device: The device of the folder above the root.
        commands: Texts for `/bin/sh -c`, in their order.
        environment: The variables that the hook gets beside the usual ones of a login.
        timeout_s: How long all commands may take together.
        files: The name of the folder of its files, within `folder`.
    """

    folder: str
    project: str
    namespace: str
    root: str
    git_common_dir: str
    git_dir: str
    device: int
    commands: tuple[str, ...]
    environment: Mapping[str, str]
    timeout_s: float
    files: str = ""

    @property
    def working_dir(self) -> str:
        """The folder in which the commands run."""
        return f"{self.folder}/{self.files}"


@value
class Failures:
    """How often a kept `teardown` has failed.

    Attributes:
        count: How often.
        reason: Why it failed last; empty if it has not.
    """

    count: int = 0
    reason: str = ""

    @property
    def times(self) -> str:
        """How often, in words."""
        return "once" if self.count == 1 else f"{self.count} times"


def kept_folder(environ: Mapping[str, str], root: str, namespace: str) -> str:
    """The folder in which the `teardown` of a worktree is kept."""
    return f"{state_dir(environ)}/worktrees/{stack_key(root, namespace)}"


def new_files(folder: str) -> str:
    """Make an empty folder for the files of a `teardown`; return its name.

    Raises:
        OSError: It cannot be made.
    """
    name = f"{_FILES}{time.time_ns()}"
    make_folders(folder)
    os.mkdir(f"{folder}/{name}", 0o700)
    return name


def write_kept(kept: KeptTeardown) -> None:
    """Keep a `teardown` in place of an earlier one of the worktree. Its failures are forgotten.

    Raises:
        OSError: It cannot be written. Then the earlier one stays.
    """
    data = {
        "schemaVersion": 1,
        "project": kept.project,
        "namespace": kept.namespace,
        "worktreeRoot": kept.root,
        "gitCommonDir": kept.git_common_dir,
        "gitDir": kept.git_dir,
        "device": kept.device,
        "commands": list(kept.commands),
        "environment": dict(kept.environment),
        "timeoutS": kept.timeout_s,
        "files": kept.files,
    }
    text = json.dumps(data, ensure_ascii=False, indent=2).encode("utf-8", "surrogateescape")
    replace(f"{kept.folder}/{_NAME}", text)
    for name in os.listdir(kept.folder):
        if (name.startswith(_FILES) and name != kept.files) or name == _FAILURES:
            _remove(f"{kept.folder}/{name}")


def read_kept(folder: str) -> KeptTeardown | None:
    """Read a kept `teardown`; None if there is none, or it is damaged."""
    try:
        data: object = json.loads(read_all(f"{folder}/{_NAME}").decode("utf-8", "surrogateescape"))
    except (OSError, ValueError):
        return None
    if not is_object(data):
        return None
    commands, environment = data.get("commands"), data.get("environment")
    device, timeout_s = data.get("device"), data.get("timeoutS")
    if not (is_list(commands) and is_object(environment)):
        return None
    if not (isinstance(device, int) and isinstance(timeout_s, (int, float))):
        return None
    files = str(data.get("files", ""))
    if "/" in files or not files.startswith(_FILES):
        return None
    return KeptTeardown(
        folder,
        str(data.get("project", "")),
        str(data.get("namespace", "")),
        str(data.get("worktreeRoot", "")),
        str(data.get("gitCommonDir", "")),
        str(data.get("gitDir", "")),
        device,
        tuple(map(str, commands)),
        {name: str(text) for name, text in environment.items()},
        float(timeout_s),
        files,
    )


def all_kept(environ: Mapping[str, str]) -> list[KeptTeardown]:
    """Read all kept teardowns of this user."""
    found = [read_kept(folder) for folder in _folders(environ)]
    return [kept for kept in found if kept is not None]


def damaged_kept(environ: Mapping[str, str]) -> list[str]:
    """The folders whose kept `teardown` cannot be read."""
    return [
        folder
        for folder in _folders(environ)
        if os.path.lexists(f"{folder}/{_NAME}")
        and read_kept(folder) is None
        # It may just have been removed.
        and os.path.lexists(f"{folder}/{_NAME}")
    ]


def _folders(environ: Mapping[str, str]) -> list[str]:
    folder = f"{state_dir(environ)}/worktrees"
    try:
        return [f"{folder}/{name}" for name in sorted(os.listdir(folder))]
    except OSError:
        return []


def forget_kept(folder: str) -> None:
    """Remove a kept `teardown`, because it has run or the definitions have none any more."""
    _remove(folder)


def read_failures(folder: str) -> Failures:
    """How often a kept `teardown` has failed."""
    try:
        data: object = json.loads(read_all(f"{folder}/{_FAILURES}"))
    except (OSError, ValueError):
        return Failures()
    count = data.get("count") if is_object(data) else None
    if not is_object(data) or not isinstance(count, int):
        return Failures()
    return Failures(count, str(data.get("reason", "")))


def note_failure(folder: str, reason: str) -> None:
    """Note that a kept `teardown` has failed once more.

    Raises:
        OSError: It cannot be written.
    """
    data = {"count": read_failures(folder).count + 1, "reason": reason}
    replace(f"{folder}/{_FAILURES}", json.dumps(data).encode())


def _remove(path: str) -> None:
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            rmtree(path)
        else:
            os.unlink(path)
    except FileNotFoundError:
        return
