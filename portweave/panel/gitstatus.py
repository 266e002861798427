"""Pure. Parse the state of a worktree from git: git-status(1), git-check-attr(1)."""

from portweave.encoding.value import value

# How many fields stand before the path of an entry, by the entry's kind.
_FIELDS = {"1": 8, "2": 9, "u": 10}
# Of these values of an attribute no driver comes.
_NO_DRIVER = ("unspecified", "unset", "set", "")


@value
class Status:
    """The state of a worktree.

    Attributes:
        branch: What is checked out; None where that is no branch.
        clean: Whether nothing differs but for the content of `changed`.
        changed: Paths of which nothing but the content in the worktree differs.
    """

    branch: str | None
    clean: bool
    changed: tuple[str, ...]


def read_status(text: str) -> Status:
    """Read the output of `git status --porcelain=v2 -z --branch`."""
    branch: str | None = None
    clean = True
    changed: list[str] = []
    records = iter(text.split("\0"))
    for record in records:
        kind = record[:1]
        if record.startswith("# branch.head "):
            branch = record.removeprefix("# branch.head ")
        if kind in ("", "#"):
            continue
        if kind == "2":
            # The path that it had before is a record of its own.
            next(records, "")
        fields = record.split(" ", _FIELDS.get(kind, 1))
        if kind == "1" and fields[1] == ".M":
            changed.append(fields[-1])
        else:
            clean = False
    return Status(None if branch == "(detached)" else branch, clean, tuple(changed))


def filtered(text: str) -> set[str]:
    """The paths that have a filter, from the output of `git check-attr -z filter`."""
    fields = text.split("\0")
    return {
        path
        for path, driver in zip(fields[::3], fields[2::3], strict=False)
        if driver not in _NO_DRIVER
    }
