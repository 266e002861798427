"""Report where a command searched; `--verbose` adds this to an error."""

import os

from portweave.allocator.ports.registry import registry_path
from portweave.errors import PortweaveError
from portweave.planning.allocation_text import whereabouts
from portweave.planning.project import as_running, find_worktree, working_dir
from portweave.procfiles.load import definition_file

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

    from portweave.arguments.args import Args


def lines_of(args: "Args", environ: "Mapping[str, str]") -> list[str]:
    """Return lines with the definition file, the registry and the worktree's key.

    Args:
        args: The command line.
        environ: The inherited variables.

    Returns:
        The lines; none without a working directory or a home directory.
    """
    config = args.text("config")
    try:
        cwd = working_dir()
        worktree = as_running(find_worktree(cwd, config, environ), environ)
        registry = registry_path(environ)
    except PortweaveError:
        return []
    if args.text("count") is not None:
        file = "<anonymous-mode>"
    elif config is not None:
        file = os.path.normpath(os.path.join(cwd, config))
    else:
        top = worktree.root if worktree.git_common_dir is not None else None
        file = definition_file(cwd, top) or "none"
    return whereabouts(file, registry, worktree.key)
