"""Pure. When it is proven that nothing of a service is left.

The theory: a subreaper (prctl(2), PR_SET_CHILD_SUBREAPER) gets each process of a service that loses
its parent as a child of its own, in the same step in which the parent ends. So a process that is
left is a child of ours, or descends from one. A list of our children is complete, for none leaves
it before we reap it. A child of the service that has ended when it is looked at may have gone on in
another one, so a look that has met one proves nothing. Nor does a look where a child belongs to no
service that is known, unless that very child was met at the look before: then none was handed to us
between them.

Where the kernel does not list our children, a process may fork and end between the listing of all
processes and the reading: then two looks in a row have to find nothing.
"""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Collection


class Look:
    """What one look has found.

    Attributes:
        present: Whether processes of the service are alive.
        passed: Whether a child had ended that was one of its processes, or a look was cut short.
        unknown: Pid and start time of children that belong to no known service, ended ones too.
        complete: Whether our children were listed; else all processes were looked through.
    """

    __slots__ = ("complete", "passed", "present", "unknown")

    def __init__(
        self,
        *,
        present: bool,
        passed: bool = False,
        unknown: "Collection[tuple[int, float]]" = (),
        complete: bool = True,
    ) -> None:
        self.present = present
        self.passed = passed
        self.unknown = frozenset(unknown)
        self.complete = complete


def is_gone(before: Look | None, now: Look) -> bool:
    """Whether nothing is left, after a look and the one before it (None for none)."""
    if now.present or now.passed:
        return False
    if now.complete and not now.unknown:
        return True
    if before is None or before.present or before.passed:
        return False
    return now.unknown <= before.unknown
