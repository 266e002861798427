"""Which changes of files are a service's business."""

import pytest

from portweave.supervisor.core.watching import concerned, is_litter, pattern

FITS = {
    "a file": ("/code/app.py", "/code/app.py", True),
    "a file beside it": ("/code/app.py", "/code/app.pyi", False),
    "a folder": ("/code/src", "/code/src/a/b.py", True),
    "a folder with a longer name": ("/code/src", "/code/src2/b.py", False),
    "the root": ("/", "/any/thing", True),
    "a star stays in its folder": ("/code/*.py", "/code/a/b.py", False),
    "a star": ("/code/*.py", "/code/b.py", True),
    "two stars, none between": ("/code/**/*.py", "/code/b.py", True),
    "two stars, some between": ("/code/**/*.py", "/code/a/b/c.py", True),
    "two stars, another ending": ("/code/**/*.py", "/code/a/b/c.js", False),
    "two stars at the end": ("/code/**", "/code/a/b", True),
    "a set of characters": ("/code/[ab].py", "/code/b.py", True),
    "a question mark": ("/code/?.py", "/code/ab.py", False),
    "a dot is a dot": ("/code/*.py", "/code/bxpy", False),
}


@pytest.mark.parametrize("name", FITS)
def test_a_pattern_fits_what_a_shell_would_find(name: str) -> None:
    text, path, fits = FITS[name]
    assert pattern(text).fits(path) is fits


@pytest.mark.parametrize(
    ("path", "litter"),
    [
        ("/code/a.py", False),
        ("/code/.git/index.lock", True),
        ("/code/web/node_modules/x/y.js", True),
        ("/code/.a.py.swp", True),
        ("/code/a.py~", True),
        ("/code/4913", True),
        ("/code/__pycache__/a.pyc", True),
        ("/code/.env", False),
    ],
)
def test_what_tools_leave_about_is_no_change(path: str, litter: bool) -> None:
    assert is_litter(path, "/code") is litter


def test_a_folder_that_is_named_itself_is_no_litter() -> None:
    assert not is_litter("/code/node_modules/mine/a.js", "/code/node_modules/mine")


def test_those_are_named_whose_business_it_is() -> None:
    watches = (
        ("web", (pattern("/code/web"),)),
        ("api", (pattern("/code/api"), pattern("/code/shared/*.json"))),
    )
    changed = {"/code/web/a.js", "/code/shared/b.json", "/code/readme"}
    assert concerned(watches, changed) == {
        "web": ["/code/web/a.js"],
        "api": ["/code/shared/b.json"],
    }
