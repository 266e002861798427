"""Pure. The names of a worktree's routes: `<hostname>[.<label>].<project>.localhost`.

A name belongs to the repository that had it first, and a label to the worktree that had it first,
until the registry has no entry of theirs. So nothing that comes later changes a URL.
"""

from portweave.allocator.naming import path_digest
from portweave.encoding.host_labels import (
    LONGEST,
    instance_host,
    label,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_TLD = "localhost"
_FEWEST_DIGITS = 4


class Place:
    """A worktree among all of the machine.

    Attributes:
        repository: What all worktrees of a project share: the repository, or outside git the root.
        root: The worktree's.
        namespace: The worktree's.
        slug: What tells it from the project's others; empty for the main one.
    """

    __slots__ = ("namespace", "repository", "root", "slug")

    def __init__(self, repository: str, root: str, namespace: str, slug: str = "") -> None:
        self.repository = repository
        self.root = root
        self.namespace = namespace
        self.slug = slug

    @property
    def identity(self) -> tuple[str, str, str]:
        """What tells it from all others."""
        return self.repository, self.root, self.namespace


class ProjectClaim:
    """A project's name in URLs, and whose it is.

    Attributes:
        repository: The project's.
        wanted: The name that it would have alone.
        name: The name that it has.
        since: Since when, ISO 8601.
    """

    __slots__ = ("name", "repository", "since", "wanted")

    def __init__(self, repository: str, wanted: str, name: str, since: str) -> None:
        self.repository = repository
        self.wanted = wanted
        self.name = name
        self.since = since


class LabelClaim:
    """A worktree's label in URLs.

    Attributes:
        identity: Of its place.
        label: Its label.
        since: Since when, ISO 8601.
    """

    __slots__ = ("identity", "label", "since")

    def __init__(self, identity: tuple[str, str, str], label: str, since: str) -> None:
        self.identity = identity
        self.label = label
        self.since = since


class Claims:
    """All names that are given out.

    Attributes:
        projects: Of projects, the oldest first.
        labels: Of worktrees, the oldest first.
    """

    __slots__ = ("labels", "projects")

    def __init__(
        self, projects: "Sequence[ProjectClaim]" = (), labels: "Sequence[LabelClaim]" = ()
    ) -> None:
        self.projects = tuple(projects)
        self.labels = tuple(labels)


class WorktreeNames:
    """The names of one worktree.

    Attributes:
        domain: What the names of its routes end in: `fix-login.shop.localhost`.
        claims: All names that are given out by now.
        is_new: Whether these are others than before.
        name: The project's name in it.
        holder: The repository that has the name which the project would have alone; None for its
            own.
    """

    __slots__ = ("claims", "domain", "holder", "is_new", "name")

    def __init__(
        self, domain: str, claims: Claims, name: str, holder: str | None, *, is_new: bool
    ) -> None:
        self.domain = domain
        self.claims = claims
        self.name = name
        self.holder = holder
        self.is_new = is_new


def settle(
    claims: Claims, place: Place, project: str, others: "Sequence[Place]", now: str
) -> WorktreeNames:
    """Give a worktree its names, or those that it has.

    Args:
        claims: The names that are given out.
        place: The worktree.
        project: Its project's name, as written.
        others: The worktrees that have an entry in the registry; this one may be among them.
        now: ISO 8601.
    """
    repositories = {place.repository, *(other.repository for other in others)}
    identities = {place.identity, *(other.identity for other in others)}
    projects = [claim for claim in claims.projects if claim.repository in repositories]
    labels = [claim for claim in claims.labels if claim.identity in identities]
    is_new = False
    # A name of which nothing can stand in a URL.
    wanted = label(project) or "project"
    name = next(
        (c.name for c in projects if (c.repository, c.wanted) == (place.repository, wanted)), None
    )
    if name is None:
        name = _free_name(wanted, place.repository, {claim.name for claim in projects})
        projects.append(ProjectClaim(place.repository, wanted, name, now))
        is_new = True
    domain = f"{name}.{_TLD}"
    if place.slug:
        own = next((c.label for c in labels if c.identity == place.identity), None)
        if own is None:
            own = _free_label(place, others, labels)
            labels.append(LabelClaim(place.identity, own, now))
            is_new = True
        domain = f"{own}.{domain}"
    holder = next(
        (c.repository for c in projects if c.name == wanted and c.repository != place.repository),
        None,
    )
    return WorktreeNames(domain, Claims(projects, labels), name, holder, is_new=is_new)


def _free_name(wanted: str, repository: str, taken: "Collection[str]") -> str:
    """The wanted name, else it with as much of the repository's digest as tells it apart."""
    name, digest = wanted, path_digest(repository)
    for digits in range(_FEWEST_DIGITS, len(digest) + 1):
        if name not in taken:
            break
        name = f"{wanted[: LONGEST - 1 - digits]}-{digest[:digits]}"
    return name


def _free_label(place: Place, others: "Sequence[Place]", labels: "Sequence[LabelClaim]") -> str:
    slug, whole = label(place.slug), label(place.namespace)
    claimed = {claim.identity for claim in labels}
    taken = {claim.label for claim in labels if claim.identity[0] == place.repository}
    # Those that were never asked for their names would have these.
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
        host: The service's hostname, or its own name.
        number: Which of its instances, from 1.
        domain_name: From `settle`.
    """
    return f"{instance_host(host, number)}.{domain_name}"
