"""Pure. Parse the status of a worktree: git-status(1), git-check-attr(1)."""

from portweave.encoding.value import value

# The number of fields before the path of an entry, by the entry's kind.
_FIELDS = {"1": 8, "2": 9, "u": 10}
# No filter driver belongs to these values of the attribute.
_NO_DRIVER = ("unspecified", "unset", "set", "")


@value
class Status:
    """The status of a worktree.

    Attributes:
        branch: The branch that is checked out; None for a detached HEAD.
        clean: Whether nothing differs, apart from the content of `changed`.
        changed: Paths that differ only by their content in the worktree.
    """

    branch: str | None
    clean: bool
    changed: tuple[str, ...]


def read_status(text: str) -> Status:
    """Parse the output of `git status --porcelain=v2 -z --branch`."""
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
            # The former path of a renamed file is a record of its own.
            next(records, "")
        fields = record.split(" ", _FIELDS.get(kind, 1))
        if kind == "1" and fields[1] == ".M":
            changed.append(fields[-1])
        else:
            clean = False
    return Status(None if branch == "(detached)" else branch, clean, tuple(changed))


def filtered(text: str) -> set[str]:
    """Return the paths with a filter, from the output of `git check-attr -z filter`."""
    fields = text.split("\0")
    return {
        path
        for path, driver in zip(fields[::3], fields[2::3], strict=False)
        if driver not in _NO_DRIVER
    }


@value
class BranchState:
    """The commit that is checked out, and what is not pushed yet.

    Attributes:
        tip: The commit; empty before the first one.
        ahead: How many commits the branch of the remote lacks; 0 without such a branch.
    """

    tip: str
    ahead: int


def read_branch(text: str) -> BranchState:
    """Parse the same output for the branch: git-status(1), branch headers."""
    tip, ahead = "", 0
    for record in text.split("\0"):
        if record.startswith("# branch.oid ") and not record.endswith("(initial)"):
            tip = record.removeprefix("# branch.oid ")
        if record.startswith("# branch.ab +"):
            number = record.removeprefix("# branch.ab +").partition(" ")[0]
            ahead = int(number) if number.isdecimal() else 0
    return BranchState(tip, ahead)
