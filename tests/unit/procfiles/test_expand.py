"""Expand templates."""

import pytest

from portweave.errors import PlaceholderError
from portweave.procfiles.expand import Values, expand, placeholders

VALUES = Values(
    {"api": 30001, "namespace": 1, "a$b": 2},
    namespace="main",
    git_common_dir=None,
    worktree_root="/code/shop",
)


@pytest.mark.parametrize(
    ("template", "npm", "ours"),
    [
        ("plain", "plain", "plain"),
        ("http://localhost:${api}/x", "http://localhost:30001/x", "http://localhost:30001/x"),
        ("${api}${api}", "3000130001", "3000130001"),
        ("${namespace}", "main", "main"),
        ("${pw:namespace}|${pw:gitCommonDir}|", "main||", "main||"),
        ("${pw:worktreeRoot}", "/code/shop", "/code/shop"),
        ("${a$b}", "2", "2"),
        ("$$", "$$", "$"),
        ("$$$$", "$$$$", "$$"),
        ("$${api}", "$30001", "${api}"),
        ("$$${api}", "$$30001", "$30001"),
        ("$a $", "$a $", "$a $"),
        ("${api", "${api", "${api"),
        ("a}$", "a}$", "a}$"),
    ],
)
def test_templates_are_expanded(template: str, npm: str, ours: str) -> None:
    assert expand(template, VALUES, escapes=False) == npm
    assert expand(template, VALUES, escapes=True) == ours


def test_empty_braces_are_text_without_escapes_and_an_error_with_them() -> None:
    assert expand("${}", VALUES, escapes=False) == "${}"
    with pytest.raises(PlaceholderError):
        expand("${}", VALUES, escapes=True)


@pytest.mark.parametrize("name", ["web", "pw:nothing", "${a", " api", "HOME"])
def test_an_unknown_placeholder_is_an_error_with_its_name(name: str) -> None:
    with pytest.raises(PlaceholderError) as caught:
        expand("x${" + name + "}y", VALUES, escapes=True)
    assert (caught.value.code, caught.value.name) == ("PW0501", name)


def test_placeholders_are_in_text_order_with_repeats() -> None:
    assert placeholders("${b}$${c}${a}${b}", escapes=True) == ["b", "a", "b"]
    assert placeholders("${b}$${c}${${a}}", escapes=False) == ["b", "c", "${a"]
