"""Run git commands that only read."""

import subprocess

from portweave.allocator.git_queries import GIT

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping


def git_output(
    folder: str,
    environ: "Mapping[str, str]",
    *words: str,
    text: str = "",
    limit_s: float | None = None,
) -> str | None:
    """The output of a git command that only reads; None if it fails.

    Args:
        folder: Where to run it.
        environ: From `look_environment`.
        words: The command.
        text: Its input.
        limit_s: How long it may take; None for any time.
    """
    try:
        done = subprocess.run(
            [*GIT, "-C", folder, *words],
            env=dict(environ),
            input=text.encode("utf-8", "surrogateescape"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limit_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else None
