"""Names of routes: `<hostname>[.<label>].<project>.localhost`."""

import pytest

from portweave.allocator.routenames import Place, domain, route_name, slug_of

SHOP = "/code/shop/.git"
MAIN = Place("shop", SHOP, "main")
FIX = Place("shop", SHOP, "fix-login-1a2b3c4d")


@pytest.mark.parametrize(
    ("place", "others", "name"),
    [
        (MAIN, [], "shop.localhost"),
        (MAIN, [MAIN, FIX], "shop.localhost"),
        (FIX, [MAIN, FIX], "fix-login.shop.localhost"),
        (Place("My_Shop", SHOP, "main"), [], "my-shop.localhost"),
        (Place("ä", SHOP, "main"), [], "project.localhost"),
        # Another worktree of the project with this slug.
        (
            FIX,
            [MAIN, Place("shop", SHOP, "fix-login-00000000")],
            "fix-login-1a2b3c4d.shop.localhost",
        ),
        (
            FIX,
            [Place("shop", "/other/.git", "fix-login-00000000")],
            "fix-login.shop-a55f.localhost",
        ),
        # A namespace that somebody chose.
        (Place("shop", SHOP, "demo"), [MAIN], "demo.shop.localhost"),
        # Another repository with this name.
        (MAIN, [Place("Shop", "/other/shop/.git", "main")], "shop-a55f.localhost"),
    ],
)
def test_a_worktree_has_a_domain(place: Place, others: list[Place], name: str) -> None:
    assert domain(place, others) == name


def test_two_projects_of_one_name_have_two_domains() -> None:
    other = Place("shop", "/other/shop/.git", "main")
    assert domain(MAIN, [other]) != domain(other, [MAIN])


def test_a_long_name_keeps_its_telling_end() -> None:
    place, other = Place("x" * 80, SHOP, "main"), Place("x" * 80, "/o", "main")
    name = domain(place, [other])
    assert name == f"{'x' * 58}-a55f.localhost"


def test_the_slug_is_what_stands_before_the_hash() -> None:
    assert slug_of("fix-login-1a2b3c4d") == "fix-login"
    assert slug_of("fix-login") == "fix-login"
    assert slug_of("deadbeef") == "deadbeef"


def test_an_instance_has_a_name() -> None:
    assert route_name("My_Api", 1, "shop.localhost") == "my-api.shop.localhost"
    assert route_name("web", 2, "shop.localhost") == "web-2.shop.localhost"
