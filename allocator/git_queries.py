"""Pure. Run git only to read: it must run no program that a repository configures.

A repository's configuration may name programs that git runs by itself: hooks (githooks(5)), a file
system monitor (git-config(1), core.fsmonitor), filters (gitattributes(5)), and transports for
objects that a partial clone lacks (git-clone(1), --filter).
"""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# The question is about a folder, not about the state that a hook or a script has set up.
DROPPED_VARIABLES = frozenset(
    {
        "GIT_CONFIG_GLOBAL",
        "GIT_DIR",
        "GIT_EXEC_PATH",
        "GIT_INDEX_FILE",
        "GIT_PREFIX",
        "GIT_SSH_COMMAND",
        "GIT_WORK_TREE",
    }
)
# The first words of each such command.
GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_LOOKING = {
    # Otherwise git status would refresh the index.
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    # git(1): the allowed transports. None has this name.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
}


def look_environment(environ: "Mapping[str, str]") -> dict[str, str]:
    """The environment for a git that only reads.

    Args:
        environ: The inherited environment.
    """
    kept = {name: text for name, text in environ.items() if name not in DROPPED_VARIABLES}
    return kept | _LOOKING


def without_filters(environ: "Mapping[str, str]", keys: "Iterable[str]") -> dict[str, str]:
    """The environment in which git runs none of some filters.

    Args:
        environ: From `look_environment`.
        keys: Keys of the configuration, such as `filter.lfs.clean`.
    """
    # A filter's name may contain dots, and `=`, at which `git -c` would split it.
    drivers = {key[: key.rindex(".")] for key in keys if key.startswith("filter.")}
    count = environ.get("GIT_CONFIG_COUNT", "")
    number = int(count) if count.isascii() and count.isdigit() else 0
    changed = dict(environ)
    for driver in sorted(drivers):
        for member, value in (("clean", ""), ("process", ""), ("smudge", ""), ("required", "no")):
            changed[f"GIT_CONFIG_KEY_{number}"] = f"{driver}.{member}"
            changed[f"GIT_CONFIG_VALUE_{number}"] = value
            number += 1
    changed["GIT_CONFIG_COUNT"] = str(number)
    return changed
