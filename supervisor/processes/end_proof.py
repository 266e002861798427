"""Pure. The proof that no process of a service is left.

portweave is a subreaper (prctl(2), PR_SET_CHILD_SUBREAPER). When the parent of a service's process
ends, the kernel makes that process a child of portweave, in one step. So each process that is left
is a child of portweave, or descends from one. A list of the children is complete: a child stays on
it until portweave reaps it.

A child that had ended at a look may have forked another process before. So a look that meets such a
child proves nothing. A look that meets a child of no known service proves nothing either, unless
the look before met the same child: then the kernel handed over no child between the two.

Where the kernel does not list children, a process may fork and end between the listing of all
processes and the reading. There two looks in a row have to find nothing.
"""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Collection


class Look:
    """The result of one look at the processes of a service.

    Attributes:
        present: Whether processes of the service are alive.
        passed: Whether it met an ended process of the service, or could not be finished.
        unknown: Pid and start time of children of no known service, ended ones included.
        complete: Whether it listed portweave's children, instead of all processes.
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
    """Whether nothing is left, by a look and the look before it (None if it was the first)."""
    if now.present or now.passed:
        return False
    if now.complete and not now.unknown:
        return True
    if before is None or before.present or before.passed:
        return False
    return now.unknown <= before.unknown
