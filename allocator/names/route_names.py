"""Pure. The names of a worktree's routes: `<hostname>[.<label>].<project>.localhost`.

A project's name belongs to the first repository that used it, and a label to the first worktree
that used it, until they have no entry in the registry. So later worktrees never change a URL.
"""

from portweave.allocator.naming import path_digest
from portweave.encoding.host_labels import (
    LONGEST,
    instance_host,
    label,
)
from portweave.encoding.value import value

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_TLD = "localhost"
_FEWEST_DIGITS = 4


@value
class Place:
    """What identifies a worktree on this machine.

    Attributes:
        repository: What the project's worktrees share: the repository; outside git, the root.
        root: The worktree's root.
        namespace: The worktree's namespace.
        slug: The worktree's part of a URL; empty for the main worktree.
    """

    repository: str
    root: str
    namespace: str
    slug: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """The fields that identify it."""
        return self.repository, self.root, self.namespace


@value
class ProjectName:
    """A project's name in URLs, and its repository.

    Attributes:
        repository: The project's repository.
        wanted: The name that the project would have alone.
        name: The name that the project has.
        since: When it got the name, in ISO 8601.
    """

    repository: str
    wanted: str
    name: str
    since: str


@value
class WorktreeLabel:
    """A worktree's label in URLs.

    Attributes:
        identity: The worktree, as `Place.identity`.
        label: The label.
        since: When the worktree got it, in ISO 8601.
    """

    identity: tuple[str, str, str]
    label: str
    since: str


class AssignedNames:
    """All assigned names.

    Attributes:
        projects: The projects' names, the oldest first.
        labels: The worktrees' labels, the oldest first.
    """

    __slots__ = ("labels", "projects")

    def __init__(
        self, projects: "Sequence[ProjectName]" = (), labels: "Sequence[WorktreeLabel]" = ()
    ) -> None:
        self.projects = tuple(projects)
        self.labels = tuple(labels)


@value
class WorktreeNames:
    """The names of one worktree.

    Attributes:
        domain: The end of its routes' names: `fix-login.shop.localhost`.
        assigned: All assigned names, with these.
        is_new: Whether these names are new.
        name: The project's name in the domain.
        holder: The repository that has the name which the project would have alone; None if that
            is this one.
    """

    domain: str
    assigned: AssignedNames
    name: str
    holder: str | None
    is_new: bool


def assign_names(
    assigned: AssignedNames, place: Place, project: str, others: "Sequence[Place]", now: str
) -> WorktreeNames:
    """The names of a worktree: those it has, or new ones.

    Args:
        assigned: The assigned names.
        place: The worktree.
        project: Its project's name, as written.
        others: The worktrees with an entry in the registry, perhaps with this one.
        now: The time, in ISO 8601.
    """
    repositories = {place.repository, *(other.repository for other in others)}
    identities = {place.identity, *(other.identity for other in others)}
    projects = [claim for claim in assigned.projects if claim.repository in repositories]
    labels = [claim for claim in assigned.labels if claim.identity in identities]
    is_new = False
    # None of the project's name may be usable in a URL.
    wanted = label(project) or "project"
    name = next(
        (c.name for c in projects if (c.repository, c.wanted) == (place.repository, wanted)), None
    )
    if name is None:
        name = _free_name(wanted, place.repository, {claim.name for claim in projects})
        projects.append(ProjectName(place.repository, wanted, name, now))
        is_new = True
    domain = f"{name}.{_TLD}"
    if place.slug:
        own = next((c.label for c in labels if c.identity == place.identity), None)
        if own is None:
            own = _free_label(place, others, labels)
            labels.append(WorktreeLabel(place.identity, own, now))
            is_new = True
        domain = f"{own}.{domain}"
    holder = next(
        (c.repository for c in projects if c.name == wanted and c.repository != place.repository),
        None,
    )
    return WorktreeNames(domain, AssignedNames(projects, labels), name, holder, is_new=is_new)


def _free_name(wanted: str, repository: str, taken: "Collection[str]") -> str:
    """The wanted name; if taken, with enough of the repository's digest to be unique."""
    name, digest = wanted, path_digest(repository)
    for digits in range(_FEWEST_DIGITS, len(digest) + 1):
        if name not in taken:
            break
        name = f"{wanted[: LONGEST - 1 - digits]}-{digest[:digits]}"
    return name


def _free_label(place: Place, others: "Sequence[Place]", labels: "Sequence[WorktreeLabel]") -> str:
    slug, whole = label(place.slug), label(place.namespace)
    claimed = {claim.identity for claim in labels}
    taken = {claim.label for claim in labels if claim.identity[0] == place.repository}
    # Worktrees without a label yet will want these.
    taken |= {
        label(other.slug)
        for other in others
        if other.repository == place.repository
        and other.identity != place.identity
        and other.identity not in claimed
    }
    return whole if not slug or slug in taken else slug


def route_name(host: str, number: int, domain_name: str) -> str:
    """The name of an instance's route.

    Args:
        host: The service's hostname, or its name.
        number: The instance's number, from 1.
        domain_name: From `assign_names`.
    """
    return f"{instance_host(host, number)}.{domain_name}"
