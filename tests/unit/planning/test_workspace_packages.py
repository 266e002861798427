import pytest

from portweave.planning.workspace_packages import Package, around, selected

WEB = Package("@shop/web", "/code/apps/web", needs=frozenset({"@shop/ui"}))
API = Package("api", "/code/apps/api")
UI = Package("@shop/ui", "/code/packages/ui")
ALL = (WEB, API, UI)


@pytest.mark.parametrize(
    ("selectors", "packages"),
    [
        (["@shop/web"], [WEB]),
        (["web"], [WEB]),
        (["@shop/*"], [WEB, UI]),
        (["./apps/*"], [WEB, API]),
        (["./apps"], [WEB, API]),
        (["web..."], [WEB, UI]),
        (["...ui"], [WEB, UI]),
        (["api", "ui"], [API, UI]),
        (["nothing"], []),
    ],
)
def test_filters_select_packages(selectors: list[str], packages: list[Package]) -> None:
    assert selected(ALL, selectors, "/code") == packages


def test_a_folder_belongs_to_its_package_and_the_root_to_all() -> None:
    assert around(ALL, "/code/apps/web/src") == [WEB]
    assert around(ALL, "/code") == list(ALL)
