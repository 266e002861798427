import pytest

from portweave.supervisor.proxy.http.pages.nearest_names import nearest, project_of

HOSTS = [
    "web.shop.localhost",
    "api.shop.localhost",
    "web.fix-login.shop.localhost",
    "web.blog.localhost",
    "shop.localhost",
]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("wbe.shop.localhost", ["web.shop.localhost"]),
        ("apu.shop.localhost", ["api.shop.localhost"]),
        ("web.fix-logon.shop.localhost", ["web.fix-login.shop.localhost"]),
        # The project's name is mistyped.
        ("web.shp.localhost", ["web.shop.localhost"]),
        ("shpo.localhost", ["shop.localhost"]),
        ("payments.shop.localhost", []),
        ("x.localhost", []),
        ("localhost", []),
    ],
)
def test_the_nearest_names_come_first(name: str, found: list[str]) -> None:
    assert nearest(name, HOSTS) == found


def test_names_of_the_same_project_come_before_nearer_ones_of_others() -> None:
    hosts = ["frontend.blog.localhost", "frontend-2.shop.localhost"]
    assert nearest("frontend.shop.localhost", hosts)[0] == "frontend-2.shop.localhost"


def test_at_most_three_names_are_near() -> None:
    assert len(nearest("web.a.localhost", [f"web{n}.a.localhost" for n in range(9)])) == 3


@pytest.mark.parametrize(
    ("name", "project"),
    [
        ("web.shop.localhost", "shop"),
        ("web.fix.shop.localhost", "shop"),
        ("shop.localhost", "shop"),
        ("localhost", ""),
    ],
)
def test_the_project_is_the_last_label_but_one(name: str, project: str) -> None:
    assert project_of(name) == project
