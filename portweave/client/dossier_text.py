"""Pure. What `why --last` and `why --run` print of failed runs."""

from portweave.client.verb_queries import shown_line
from portweave.encoding.json_text import is_list, is_object

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMIT_DIGITS = 10
_MOST_FILES = 8


def short_lines(dossier: "Mapping[str, object]", when: str) -> list[str]:
    """A failed run in short: what happened, and the state of the code.

    Args:
        dossier: As `.portweave/runs/` keeps it.
        when: The time of its end, for people.
    """
    cause = dossier.get("cause")
    text = cause.get("text") if is_object(cause) else None
    ended = _ended(dossier)
    lines = [f"{dossier.get('name')} run {dossier.get('run')}, {when}: {text or ended}"]
    if code := _code(dossier):
        lines.append(f"  {code}")
    return lines


def full_lines(dossier: "Mapping[str, object]", when: str) -> list[str]:
    """All that is kept of a failed run.

    Args:
        dossier: As `.portweave/runs/` keeps it.
        when: The time of its end, for people.
    """
    lines = short_lines(dossier, when)
    cause = dossier.get("cause")
    if is_object(cause) and cause.get("hint"):
        lines.append(f"  {cause['hint']}")
    lines.append(f"  {_ended(dossier)}")
    lines.append(f"  command: {dossier.get('command')}, in {dossier.get('workingDir')}")
    keys = dossier.get("environmentKeys")
    if is_list(keys):
        lines.append(f"  variables: {', '.join(map(str, keys))}")
    printed = dossier.get("lastLines")
    if is_list(printed) and printed:
        lines += ["", *(f"{dossier.get('name')} | {shown_line(line)}" for line in printed)]
    return lines


def _ended(dossier: "Mapping[str, object]") -> str:
    code = dossier.get("exitCode")
    return "it was not started" if code is None else f"exited with status {code}"


def _code(dossier: "Mapping[str, object]") -> str:
    """The branch and commit, and the files that were changed since the last good run."""
    parts: list[str] = []
    head, branch = dossier.get("head"), dossier.get("branch")
    if head:
        commit = str(head)[:_COMMIT_DIGITS]
        parts.append(f"on {branch} at {commit}" if branch else f"at {commit}")
    files = dossier.get("changedFiles")
    if is_list(files) and files:
        more = len(files) - _MOST_FILES
        named = ", ".join(map(str, files[:_MOST_FILES])) + (f" and {more} more" if more > 0 else "")
        parts.append(f"changed since the last good run: {named}")
    elif dossier.get("lastGoodAt") is None:
        parts.append("no run was good before")
    return "; ".join(parts)
