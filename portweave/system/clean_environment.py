"""The environment of the programs that portweave starts."""

import os

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

# Variables from one portweave to its programs. A nested portweave does not pass them on.
MARKS = (
    "PORTWEAVE_INSTANCE",
    "PORTWEAVE_INVOCATION",
    "PORTWEAVE_NAME",
    "PORTWEAVE_NAMESPACE",
    "PORTWEAVE_SERVICE",
    "PORTWEAVE_SOCKET",
    "PORTWEAVE_TOKEN",
    "PORTWEAVE_URL",
    "PORTWEAVE_WORKTREE",
)


def undo_coercion(env: dict[str, str]) -> None:
    """Restore the inherited locale: by PEP 538, the interpreter sets LC_CTYPE for itself."""
    if env.get("LC_ALL") or env.get("LC_CTYPE") not in {"C.UTF-8", "C.utf8", "UTF-8"}:
        return
    from portweave.system.processes import (
        HAS_PROC,
        variable_of,
    )

    if not HAS_PROC:
        if env.get("LANG", "C") in {"", "C", "POSIX"}:
            del env["LC_CTYPE"]
        return
    # /proc shows the environment from before the interpreter's change.
    inherited = variable_of(os.getpid(), "LC_CTYPE")
    if inherited:
        env["LC_CTYPE"] = inherited
    else:
        del env["LC_CTYPE"]


# What a login sets: environ(7). `LC_` begins the names of the locale's parts.
_LOGIN = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")


def login_environment(environ: "Mapping[str, str]") -> dict[str, str]:
    """The variables that a command gets which must see nothing else of the caller's."""
    return {
        name: text
        for name, text in environ.items()
        if name in _LOGIN or name.startswith(("LC_", "XDG_"))
    }


def inherited_environment(environ: "Mapping[str, str]") -> dict[str, str]:
    """What a service inherits: all but the variables of portweave and of its interpreter."""
    env = {name: value for name, value in environ.items() if name not in MARKS}
    # Each service has its own.
    env.pop("PORT", None)
    env.pop("HOST", None)
    undo_coercion(env)
    return env
