"""Pure. The dossier of a failed run: what `why --last` and `why --run` show of it."""

from collections.abc import Iterable, Mapping, Sequence

from portweave.encoding.json_text import compact
from portweave.encoding.value import field, value

# Of each instance; and the size of each.
KEPT = 20
MOST_BYTES = 64 << 10
_MOST_FILES = 200
_SUFFIX = ".json"


@value
class CodeState:
    """The state of the worktree's code.

    Attributes:
        head: The commit that is checked out; empty where that is not known.
        branch: The branch; empty for none.
        changed: Files that were changed since the last good run, the newest first.
    """

    head: str = ""
    branch: str = ""
    changed: tuple[str, ...] = ()


@value
class FailedRun:
    """A run that has failed.

    Attributes:
        name: The instance.
        ended_ns: When, in nanoseconds since the epoch.
        facts: `at`, `exitCode`, `reason` and `cause`, as JSON has them.
        lines: Its last lines, without secrets.
        command: What it ran, without secrets.
        working_dir: Where.
        environment_keys: The names of its variables.
        last_good_at: When a run was last good, as RFC 3339; None for never.
    """

    name: str
    ended_ns: int
    facts: Mapping[str, object] = field(default_factory=dict[str, object])
    lines: tuple[str, ...] = ()
    command: str = ""
    working_dir: str = ""
    environment_keys: tuple[str, ...] = ()
    last_good_at: str | None = None


def as_bytes(run: FailedRun, number: int, code: CodeState) -> bytes:
    """The dossier of a run as JSON, of 64 KiB at most: the oldest lines are left out first.

    Args:
        run: The run.
        number: Its number in the instance's log.
        code: The state of the code.
    """
    lines: Sequence[str] = run.lines
    files = code.changed[:_MOST_FILES]
    while True:
        fields: dict[str, object] = {
            "name": run.name,
            "run": number,
            **run.facts,
            "command": run.command,
            "workingDir": run.working_dir,
            "environmentKeys": sorted(run.environment_keys),
            "head": code.head or None,
            "branch": code.branch or None,
            "lastGoodAt": run.last_good_at,
            "changedFiles": list(files),
            "lastLines": list(lines),
        }
        data = compact(fields).encode("utf-8", "replace")
        if len(data) <= MOST_BYTES:
            return data
        if lines:
            lines = lines[(len(lines) + 1) // 2 :]
        elif files:
            files = files[: len(files) // 2]
        else:
            # Only names of variables can be so many.
            return compact({"name": run.name, "run": number, "at": run.facts.get("at")}).encode()


def file_name(number: int) -> str:
    """The name of the file of a run."""
    return f"{number}{_SUFFIX}"


def run_numbers(names: Iterable[str]) -> list[int]:
    """The numbers of runs with a dossier, ascending, from the names of files."""
    stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
    return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdigit())


def superfluous(names: Iterable[str]) -> list[str]:
    """The files that go when another dossier is written: all but the newest nineteen."""
    return [file_name(number) for number in run_numbers(names)[: 1 - KEPT]]
