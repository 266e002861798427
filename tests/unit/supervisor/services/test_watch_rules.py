"""Which services restart for a changed file, and which cause their own restarts."""

import pytest

from portweave.supervisor.services.watch_rules import (
    LoopGuard,
    affected,
    is_temporary,
    outside_repositories,
    pattern,
)

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
def test_a_pattern_matches_the_paths_that_a_shell_would_find(name: str) -> None:
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
def test_temporary_files_of_tools_are_no_change(path: str, litter: bool) -> None:
    assert is_temporary(path, "/code") is litter


def test_a_folder_that_is_watched_by_name_is_not_temporary() -> None:
    assert not is_temporary("/code/node_modules/mine/a.js", "/code/node_modules/mine")


def test_changed_paths_are_listed_for_each_affected_service() -> None:
    watches = (
        ("web", (pattern("/code/web"),)),
        ("api", (pattern("/code/api"), pattern("/code/shared/*.json"))),
    )
    changed = {"/code/web/a.js", "/code/shared/b.json", "/code/readme"}
    assert affected(watches, changed) == {
        "web": ["/code/web/a.js"],
        "api": ["/code/shared/b.json"],
    }


# Times and files of restarts; the file of the loop, and the pause before the next restart.
@pytest.mark.parametrize(
    ("restarts", "path", "pause_s"),
    [
        pytest.param([(0, "a")], "", 0, id="the first"),
        pytest.param([(0, "a"), (1, "a"), (2, "a")], "", 0, id="a user that saves often"),
        pytest.param([(n, "a") for n in range(4)], "a", 0, id="a loop"),
        pytest.param(
            [(0, "ab"), (1, "bc"), (2, "b"), (3, "bd")], "b", 0, id="the file of all restarts"
        ),
        pytest.param([(n, "abcd"[n]) for n in range(4)], "", 0, id="a file each"),
        pytest.param([(20 * n, "a") for n in range(9)], "", 0, id="now and then"),
        pytest.param([(n, "a") for n in range(8)], "a", 0.5, id="slowed down"),
        pytest.param([(n, "a") for n in range(10)], "a", 2.0, id="slowed down more"),
        pytest.param([(n, "a") for n in range(60)], "a", 30.0, id="never longer"),
        pytest.param([*((n, "a") for n in range(9)), (9, "b")], "", 0, id="over"),
    ],
)
def test_a_service_that_writes_files_that_it_watches_is_detected(
    restarts: list[tuple[float, str]], path: str, pause_s: float
) -> None:
    guard = LoopGuard()
    for at_s, paths in restarts:
        guard.add_restart(paths, at_s)
    assert (guard.path, guard.pause_s) == (path, pause_s)


def test_paths_in_another_repository_are_left_out() -> None:
    changed = {"/code/a", "/code/inner/b", "/code/inner", "/code/inner2/c"}
    assert outside_repositories(changed, {"/code/inner"}) == {"/code/a", "/code/inner2/c"}
