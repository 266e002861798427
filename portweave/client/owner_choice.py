"""Pure. Which of the processes around a command owns the stack that it starts.

That is the nearest one that does more than run the command: no shell, no wrapper such as `env` or
`npx`, and not just begun.
"""

from collections.abc import Iterable

from portweave.encoding.value import value

# A younger process was started for this command, and ends with it.
LEAST_AGE_S = 2.0
_SHELLS = (
    "ash bash busybox csh dash elvish fish ksh ksh93 mksh nu osh pwsh rbash sh tcsh xonsh yash zsh"
)
# They run one command, and end with it.
_WRAPPERS = (
    "bunx corepack doas env gmake gtimeout make nice nohup npm npx pnpm pnpx setsid stdbuf sudo"
    " time timeout uv uvx xargs yarn"
)
_PASSED_OVER = frozenset(("", *_SHELLS.split(), *_WRAPPERS.split()))
_INTERPRETERS = frozenset(("bun", "deno", "node", "nodejs", "perl", "ruby"))


@value
class Ancestor:
    """A process around a command.

    Attributes:
        pid: Its pid.
        words: Its command line; empty if unknown.
        age_s: How long it has run, in seconds.
        is_own: Whether a stack of this user may belong to it.
    """

    pid: int
    words: tuple[str, ...]
    age_s: float
    is_own: bool = True


def nearest_owner(
    ancestors: Iterable[Ancestor], least_age_s: float = LEAST_AGE_S
) -> Ancestor | None:
    """The nearest ancestor that can own a stack; None if there is none.

    Args:
        ancestors: The parent of the command, its parent, and so on.
        least_age_s: The least age of an owner, in seconds.
    """
    return next(
        (
            one
            for one in ancestors
            if one.pid > 1
            and one.is_own
            and one.age_s >= least_age_s
            and program_name(one.words) not in _PASSED_OVER
        ),
        None,
    )


def program_name(words: tuple[str, ...]) -> str:
    """The name of the program that a command line runs, such as `claude`; empty if unknown.

    Of an interpreter it is the name of its script. Programs of npm set the first word to a title
    such as `npm exec vite`.
    """
    if not words:
        return ""
    name = _base(words[0])
    is_python = name.rstrip("0123456789.") in ("python", "pypy")
    if is_python or name in _INTERPRETERS:
        rest = words[1:]
        if is_python and rest[:1] == ("-m",) and len(rest) > 1:
            return rest[1]
        script = next((word for word in rest if not word.startswith("-")), "")
        return _base(script) or name
    return name


def _base(word: str) -> str:
    """The name of a program, without folders, a title's further words, and a login shell's dash."""
    first = word.split(" ", 1)[0]
    name = (word if "/" in first else first).rpartition("/")[2].lstrip("-")
    for ending in (".js", ".mjs", ".cjs", ".py", "-cli"):
        name = name.removesuffix(ending)
    return name
