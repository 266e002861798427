"""Names of routes: `<hostname>[.<label>].<project>.localhost`."""

import json
from pathlib import Path

import pytest

from portweave.allocator.names.route_names import (
    AssignedNames,
    Place,
    assign_names,
    route_name,
)
from portweave.allocator.names_file import (
    NamesFile,
    names_from,
    read_names,
    text_of,
)

SHOP, OTHER = "/code/shop/.git", "/other/shop/.git"
MAIN = Place(SHOP, "/code/shop", "main")
FIX = Place(SHOP, "/code/fix-login", "fix-login-1a2b3c4d", "fix-login")
FIX_TOO = Place(SHOP, "/x/fix-login", "fix-login-00000000", "fix-login")
NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def settled(
    *places: Place, project: str = "shop", assigned: AssignedNames | None = None
) -> tuple[list[str], AssignedNames]:
    """The domains of places that come one after the other, and all names after that."""
    assigned = assigned or AssignedNames()
    domains: list[str] = []
    for index, place in enumerate(places):
        found = assign_names(assigned, place, project, places[: index + 1], NOW)
        domains.append(found.domain)
        assigned = found.assigned
    return domains, assigned


@pytest.mark.parametrize(
    ("places", "project", "names"),
    [
        ([MAIN], "shop", ["shop.localhost"]),
        ([MAIN, FIX], "shop", ["shop.localhost", "fix-login.shop.localhost"]),
        ([MAIN], "My_Shop", ["my-shop.localhost"]),
        ([MAIN], "\u00e4", ["project.localhost"]),
        # Another worktree of the project has this slug.
        (
            [FIX, FIX_TOO],
            "shop",
            ["fix-login.shop.localhost", "fix-login-00000000.shop.localhost"],
        ),
        # Another repository has this name.
        (
            [Place(OTHER, "/other/shop", "main"), FIX],
            "Shop",
            ["shop.localhost", "fix-login.shop-a55f.localhost"],
        ),
        # A folder name without a letter that can stand in a URL.
        (
            [Place(SHOP, "/code/\u529f\u80fd", "main-0a1b2c3d", "main-0a1b2c3d")],
            "shop",
            ["main-0a1b2c3d.shop.localhost"],
        ),
        # A long name keeps its end, which differs.
        (
            [Place(OTHER, "/o", "main"), MAIN],
            "x" * 80,
            [f"{'x' * 63}.localhost", f"{'x' * 58}-a55f.localhost"],
        ),
    ],
)
def test_worktrees_have_domains(places: list[Place], project: str, names: list[str]) -> None:
    assert settled(*places, project=project)[0] == names


def test_the_first_owner_keeps_a_name_and_the_later_one_keeps_its_other_name() -> None:
    places = [MAIN, FIX, Place(OTHER, "/other/shop", "main"), FIX_TOO]
    domains, assigned = settled(*places)
    for place, domain in zip(places, domains, strict=True):
        again = assign_names(assigned, place, "shop", places, LATER)
        assert (again.domain, again.is_new) == (domain, False)
    second = assign_names(assigned, places[2], "shop", places, LATER)
    assert (second.holder, second.name) == (SHOP, domains[2].removesuffix(".localhost"))
    assert assign_names(assigned, MAIN, "shop", places, LATER).holder is None


def test_a_name_is_free_when_the_registry_has_nothing_of_its_owner() -> None:
    other = Place(OTHER, "/other/shop", "main")
    domains, assigned = settled(MAIN, other)
    third = Place("/third/.git", "/third", "main")
    # One worktree of the owner is enough to keep it.
    assert assign_names(assigned, third, "shop", [FIX, other, third], LATER).holder == SHOP
    found = assign_names(assigned, third, "shop", [other, third], LATER)
    assert found.domain == "shop.localhost"
    # The second keeps its name, although the first one's is free now.
    assert assign_names(found.assigned, other, "shop", [other, third], LATER).domain == domains[1]


def test_a_taken_suffix_is_not_assigned_again() -> None:
    assigned = settled(MAIN)[1]
    other = Place(OTHER, "/other/shop", "main")
    places = [MAIN, Place("/t", "/t", "main"), other]

    def name(assigned: AssignedNames) -> str:
        return assign_names(assigned, other, "shop", places, NOW).name

    plain = name(assigned)
    taken = assign_names(assigned, places[1], plain, places, NOW)
    assert name(taken.assigned) not in (plain, "shop")


def test_the_label_of_an_older_worktree_without_names_stays_free() -> None:
    found = assign_names(AssignedNames(), FIX_TOO, "shop", [FIX, FIX_TOO], NOW)
    assert found.domain == "fix-login-00000000.shop.localhost"
    assert assign_names(found.assigned, FIX, "shop", [FIX, FIX_TOO], NOW).domain.startswith(
        "fix-login."
    )


def test_the_names_are_kept_in_a_file(tmp_path: Path) -> None:
    folder = f"{tmp_path}/state"
    assigned = settled(MAIN, FIX)[1]
    with NamesFile(folder) as book:
        assert text_of(book.read()) == text_of(AssignedNames())
        book.write(assigned)
    assert text_of(read_names(folder)) == text_of(assigned)
    with open(f"{folder}/names.json", "w") as file:
        file.write("{")
    assert text_of(read_names(folder)) == text_of(AssignedNames())
    with NamesFile(folder) as book:
        assert text_of(book.read()) == text_of(AssignedNames())
    with open(f"{folder}/names.json.damaged") as file:
        assert file.read() == "{"


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"projects": [], "worktrees": [{}]}',
        '{"projects": [{"name": 1}], "worktrees": []}',
    ],
)
def test_an_invalid_file_of_names_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|not an object"):
        names_from(json.loads(text))


def test_an_instance_has_a_name() -> None:
    assert route_name("My_Api", 1, "shop.localhost") == "my-api.shop.localhost"
    assert route_name("web", 2, "shop.localhost") == "web-2.shop.localhost"
