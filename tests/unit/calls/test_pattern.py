import re
from collections.abc import Iterable

import pytest

from portweave.calls.pattern import Key, Pattern

Params = dict[Key, str]


@pytest.mark.parametrize(
    ("pattern", "path", "rest", "params"),
    [
        # A route matches its path and all paths below it.
        ("cb", "cb", "", {}),
        ("cb", "cb/", "/", {}),
        ("cb", "cb/x/y", "/x/y", {}),
        ("cb", "cbx", None, {}),
        ("cb", "cb.json", None, {}),
        ("cb", "c", None, {}),
        ("", "a/b", "a/b", {}),
        ("/", "", "", {}),
        # A slash at either end never matters.
        ("/lead", "lead/x", "/x", {}),
        ("trail/", "trail", "", {}),
        # Parameters.
        (":n", "a", "", {"n": "a"}),
        (":n", "a/b", "/b", {"n": "a"}),
        (":n", "", None, {}),
        ("x/:n?", "x", "", {}),
        ("x/:n?", "x/a/b", "/b", {"n": "a"}),
        ("x/:n?", "xa", None, {}),
        ("x/:n+", "x", None, {}),
        ("x/:n+", "x/a/b", "", {"n": "a/b"}),
        ("x/:n*", "x", "", {}),
        ("x/:n*", "x/a/b", "", {"n": "a/b"}),
        (":n?/x", "x", "", {}),
        (":n?/x", "a/x", "", {"n": "a"}),
        ("u/:n(\\d+)", "u/12/e", "/e", {"n": "12"}),
        ("u/:n(\\d+)", "u/1a", None, {}),
        ("x/:n(a(b|c)+)", "x/abcb", "", {"n": "abcb"}),
        ("f/:name.:ext", "f/a.b.txt", "", {"name": "a", "ext": "b.txt"}),
        ("f/:name.:ext", "f/a", None, {}),
        # Any text, and one of several.
        ("f/*", "f/a/b", "", {0: "a/b"}),
        ("f/*", "f", None, {}),
        ("*", "a/b", "", {0: "a/b"}),
        ("a*z", "abcz/x", "/x", {0: "bc"}),
        ("(a|b)/c", "b/c/d", "/d", {0: "b"}),
        ("(a|b)/c", "c/c", None, {}),
        ("(a)?/x", "x", "", {}),
        ("(a|b)/:n/*", "a/1/z", "", {0: "a", "n": "1", 1: "z"}),
        # The last of two equal names wins.
        (":a/:a", "1/2", "", {"a": "2"}),
        # Values are decoded, and an encoded slash does not split a part.
        (":n", "a%2Fb", "", {"n": "a/b"}),
        ("café/:n", "café/x", "", {"n": "x"}),
        ("100%", "100%25/x", "/x", {}),
        # A backslash removes the meaning of a character; a question mark is text.
        ("a\\:b", "a:b", "", {}),
        ("a?b", "a?b", "", {}),
        ("a.b", "axb", None, {}),
        # Several, and expressions of re.
        (["a", "b/:n"], "b/1", "", {"n": "1"}),
        (re.compile(r"a(\d)(?P<n>b)?"), "a1b/c", "/c", {0: "1", "n": "b"}),
        (re.compile(r"a(\d)(?P<n>b)?"), "a1", "", {0: "1"}),
        (re.compile(r"a(\d)"), "a1c", None, {}),
    ],
)
def test_a_pattern_matches_paths_and_finds_parameters(
    pattern: str | re.Pattern[str] | Iterable[str], path: str, rest: str | None, params: Params
) -> None:
    found = Pattern(pattern).match(path)
    assert (None if found is None else path[found.end :]) == rest
    assert found is None or found.params == params


@pytest.mark.parametrize(
    ("pattern", "path", "takes"),
    [
        ("cb", "cb", True),
        ("cb", "cb/", True),
        ("cb", "cb/x", False),
        (":n", "a", True),
        (":n", "a/b", False),
        ("", "", True),
        ("", "a", False),
        (re.compile("a.c"), "abc", True),
        (re.compile("a.c"), "abc/d", False),
    ],
)
def test_an_exact_pattern_matches_nothing_below(
    pattern: str | re.Pattern[str], path: str, takes: bool
) -> None:
    assert (Pattern(pattern, exact=True).match(path) is not None) == takes


def test_case_is_as_the_option_says() -> None:
    assert Pattern("A/b").match("a/b") is None
    assert Pattern("A/b", case_sensitive=False).match("a/B") is not None


@pytest.mark.parametrize("pattern", ["(a", "a)", ":n(", ":n([)"])
def test_an_invalid_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Pattern(pattern)
