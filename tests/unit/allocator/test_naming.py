import pytest

from portweave.allocator.naming import (
    chosen_namespace,
    full_name,
    instance_name,
    namespace_of,
    offset_from,
    project_name,
    slug,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Feature/Login", "feature-login", id="folds case and joins words"),
        pytest.param("--a__b..c--", "a-b-c", id="runs are one dash and the ends are bare"),
        pytest.param("", "main", id="nothing is main"),
        pytest.param("日本", "main", id="no ASCII is main"),
        pytest.param("İx", "i-x", id="lower case as Unicode has it"),
        pytest.param("x" * 50, "x" * 40, id="cut at 40"),
        pytest.param("x" * 39 + "-yy", "x" * 39 + "-", id="cut after the dashes have gone"),
        pytest.param("a\x1cb", "a-b", id="a separator of Python's own is no blank"),
    ],
)
def test_slug(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_the_main_worktree_is_main() -> None:
    assert namespace_of("/code/shop", "/code/shop") == "main"


def test_a_linked_worktree_is_named_by_its_folder_and_its_path() -> None:
    # printf /code/shop-Login | sha1sum
    assert namespace_of("/code/shop-Login", "/code/shop") == "shop-login-fb277e61"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"PORTWEAVE_NAMESPACE": " \t"}, None, id="blank"),
        pytest.param({"PORTWEAVE_NAMESPACE": "Big One"}, "big-one", id="chosen"),
        pytest.param(
            {"PORTWEAVE_NAMESPACE": "x", "PORTWEAVE_WORKTREE": "/other"}, None, id="injected"
        ),
        pytest.param(
            {"PORTWEAVE_NAMESPACE": "y" * 40 + "-12345678", "PORTWEAVE_WORKTREE": "/here"},
            "y" * 40 + "-12345678",
            id="injected for this worktree: not cut again",
        ),
    ],
)
def test_chosen_namespace(environ: dict[str, str], expected: str | None) -> None:
    assert chosen_namespace(environ, "/here") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        (" \n", None),
        ("0", 0),
        (" 12 ", 12),
        ("007", 7),
        ("9007199254740991", 2**53 - 1),
    ],
)
def test_offset(text: str, expected: int | None) -> None:
    assert offset_from(text) == expected


@pytest.mark.parametrize("text", ["-1", "1.5", "1e3", "0x10", "٣", "1 2", "+1"])
def test_an_invalid_offset_is_refused_as_written(text: str) -> None:
    with pytest.raises(ValueError, match="non-negative integer") as caught:
        offset_from(f" {text}")
    assert f'(got " {text}")' in str(caught.value)


@pytest.mark.parametrize("text", ["9007199254740992", "9" * 5000])
def test_an_offset_beyond_all_ports_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"within Number\.MAX_SAFE_INTEGER"):
        offset_from(text)


def test_names_of_instances() -> None:
    assert [instance_name("web", number) for number in (1, 2, 10)] == ["web", "web.2", "web.10"]
    assert full_name("web.2", "main") == "web.2-main"


@pytest.mark.parametrize(
    ("main_root", "expected"),
    [
        ("/code/shop", "shop"),
        ("/srv/shop.git", "shop"),
        ("/code/shop/.bare", "shop"),
        ("/super/.git/modules/sub", "sub"),
        ("/", "project"),
        ("/.bare", "project"),
    ],
)
def test_project_name(main_root: str, expected: str) -> None:
    assert project_name(main_root) == expected
