"""Keep the hook `teardown` of a worktree outside of it, at each `up`."""

import os
from collections.abc import Mapping

from portweave.errors import WorktreeFilesError
from portweave.planning.allocation import AllocatedProject
from portweave.planning.environment_layers import Environments, merged
from portweave.planning.hook_plans import TEARDOWN, input_files
from portweave.procfiles.model import Hook, Service
from portweave.supervisor.registry.kept_teardown import (
    KeptTeardown,
    forget_kept,
    kept_folder,
    new_files,
    write_kept,
)
from portweave.system.files import read_all
from portweave.system.tree_copy import copy_file

MOST_BYTES = 10 * 1024 * 1024
# What the hook gets: variables of the stack, and those that it names. Others may be secret.
_KEPT_LAYERS = ("default", "computed", "environment", "forced")


def keep_teardown(allocated: AllocatedProject, environ: Mapping[str, str]) -> None:
    """Keep the `teardown` of a worktree, or forget it if the definitions have none.

    Args:
        allocated: The worktree with its ports.
        environ: The inherited variables.

    Raises:
        WorktreeFilesError: It cannot be kept: a file is missing, or there are too many bytes.
    """
    project = allocated.project
    root = project.worktree.root
    folder = kept_folder(environ, root, allocated.entry.namespace)
    hook = next((one for one in project.definitions.hooks if one.name == TEARDOWN), None)
    try:
        if hook is None:
            forget_kept(folder)
            return
        files = new_files(folder)
        _copy(hook, root, f"{folder}/{files}")
        write_kept(
            KeptTeardown(
                folder,
                project.name,
                allocated.entry.namespace,
                root,
                project.worktree.git_common_dir or "",
                _git_dir(root),
                os.stat(os.path.dirname(root) or "/").st_dev,
                hook.commands,
                _environment(hook, allocated, environ),
                hook.timeout_s,
                files,
            )
        )
    except OSError as error:
        raise WorktreeFilesError(
            str(error.filename or folder), f"teardown: {error.strerror or error}"
        ) from error


def _copy(hook: Hook, root: str, folder: str) -> None:
    paths = input_files(hook.files, root)
    size = sum(os.lstat(os.path.join(root, path)).st_size for path in paths)
    if size > MOST_BYTES:
        raise WorktreeFilesError(
            ", ".join(hook.files),
            f"the files of teardown have {size:,} bytes",
            hint=f"keep at most {MOST_BYTES:,} bytes: name fewer files in hooks.teardown.files",
        )
    for path in paths:
        copy_file(root, folder, path)


def _git_dir(root: str) -> str:
    """Where git keeps what it knows of a linked worktree (gitrepository-layout(5)); else empty."""
    try:
        text = read_all(f"{root}/.git").decode("utf-8", "surrogateescape")
    except OSError:
        return ""
    kind, _, path = text.strip().partition(": ")
    return os.path.normpath(os.path.join(root, path)) if kind == "gitdir" else ""


def _environment(
    hook: Hook, allocated: AllocatedProject, environ: Mapping[str, str]
) -> dict[str, str]:
    job = Service(
        hook.name,
        hook.origin,
        command=hook.commands,
        working_dir=hook.working_dir,
        environment=hook.environment,
        oneshot=True,
    )
    layers = Environments(allocated, environ).layers(job, 1, None)
    names = {name for layer in layers if layer.source in _KEPT_LAYERS for name in layer.values}
    values = merged(layers)
    return {name: values[name] for name in sorted(names)}
