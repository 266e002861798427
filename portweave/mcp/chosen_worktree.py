"""Choose the folder that a call is about."""

import os

from portweave.errors import UsageError

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PROJECT_DIR = "CLAUDE_PROJECT_DIR"


def choose_folder(
    given: str, option: str | None, environ: "Mapping[str, str]", roots: "Sequence[str]"
) -> str:
    """Return the folder of a call: an absolute path without links.

    That is the argument of the call, else the option `--worktree`, else `CLAUDE_PROJECT_DIR`, else
    the only folder that the client has opened, else the working directory.

    Args:
        given: The argument `worktree`; empty for none.
        option: The value of `--worktree`; None for none.
        environ: The variables of the server.
        roots: URIs of folders that the client has opened.

    Raises:
        UsageError: The folder does not exist.
    """
    project = environ.get(_PROJECT_DIR, "")
    root = path_of(roots[0]) if len(roots) == 1 else ""
    named = given or option or ""
    for folder in (named, project, root):
        path = os.path.realpath(os.path.expanduser(folder))
        if folder and (os.path.isdir(path) or folder == named):
            break
    else:
        path = os.path.realpath(".")
    if not os.path.isdir(path):
        raise UsageError(
            f"there is no folder {path}", hint="worktree takes the absolute path of a folder"
        )
    return path


def path_of(uri: str) -> str:
    """Return the path of a file URI (RFC 8089) on this machine; empty for any other."""
    scheme, colon, rest = uri.partition("://")
    if not colon or scheme.lower() != "file":
        return ""
    host, slash, path = rest.partition("/")
    if host not in ("", "localhost") or not slash:
        return ""
    from urllib.parse import unquote

    return unquote(f"/{path}", errors="surrogateescape")
