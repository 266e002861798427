"""The names of a worktree's routes: `<hostname>[.<label>].<project>.localhost`."""

from portweave.allocator.naming import MAIN, path_digest
from portweave.labels import instance_host, label

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable

_TLD = "localhost"
_HEX = frozenset("0123456789abcdef")
_HASH_DIGITS = 8
_TELLING_DIGITS = 4


class Place:
    """A worktree among all of the machine.

    Attributes:
        project: The project's name.
        repository: What all worktrees of a project share: the repository, or outside git the root.
        namespace: The worktree's.
    """

    __slots__ = ("namespace", "project", "repository")

    def __init__(self, project: str, repository: str, namespace: str) -> None:
        self.project = project
        self.repository = repository
        self.namespace = namespace


def slug_of(namespace: str) -> str:
    """A namespace without the hash at its end, where it has one."""
    slug, _, digits = namespace.rpartition("-")
    is_hash = len(digits) == _HASH_DIGITS and _HEX.issuperset(digits)
    return slug if slug and is_hash else namespace


def domain(place: Place, others: "Iterable[Place]") -> str:
    """What the names of a worktree's routes end in: `fix-login.shop.localhost`.

    Args:
        place: The worktree.
        others: The machine's other worktrees; this one among them does no harm.
    """
    others = list(others)
    # A name of which nothing can stand in a URL.
    project = label(place.project) or "project"
    if any(
        other.repository != place.repository and (label(other.project) or "project") == project
        for other in others
    ):
        project = f"{project[:58]}-{path_digest(place.repository)[:_TELLING_DIGITS]}"
    if place.namespace == MAIN:
        return f"{project}.{_TLD}"
    slug = label(slug_of(place.namespace))
    is_taken = any(
        other.repository == place.repository
        and other.namespace not in (place.namespace, MAIN)
        and label(slug_of(other.namespace)) == slug
        for other in others
    )
    worktree = label(place.namespace) if is_taken or not slug else slug
    return f"{worktree}.{project}.{_TLD}"


def route_name(host: str, number: int, domain_name: str) -> str:
    """The name of an instance's route.

    Args:
        host: The service's hostname, or its own name.
        number: Which of its instances, from 1.
        domain_name: From `domain`.
    """
    return f"{instance_host(host, number)}.{domain_name}"
