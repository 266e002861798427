"""Parse JSON texts: values, places, and errors."""

import pytest

from portweave.errors import DefinitionsInvalidError
from portweave.procfiles.jsonfile import parse
from portweave.procfiles.tree import Number


def test_numbers_keep_their_text() -> None:
    value = parse('{"a": [1.50, -0, 1e999, true, null, "x"]}', "/p/f.json", "f.json").value
    expected = [Number("1.50"), Number("-0"), Number("1e999"), True, None, "x"]
    assert value == {"a": expected}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("\ufeff{}", id="byte order mark"),
        pytest.param("{", id="cut off"),
        pytest.param('{"a" 1}', id="no colon"),
        pytest.param("{'a': 1}", id="single quotes"),
        pytest.param("[1,]", id="comma at the end"),
        pytest.param("[NaN]", id="NaN"),
        pytest.param("[-Infinity]", id="Infinity"),
        pytest.param("01", id="zero in front"),
        pytest.param('"a\nb"', id="raw newline"),
        pytest.param("{} // x", id="comment"),
        pytest.param("{}\x0b", id="another blank"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param('{"a":' * 100_000 + "1" + "}" * 100_000, id="deep and complete"),
        pytest.param("{}\0", id="NUL"),
    ],
)
def test_a_text_that_is_not_json_is_an_error(text: str) -> None:
    with pytest.raises(DefinitionsInvalidError, match=r"^failed to parse JSON at /p/f.json: "):
        parse(text, "/p/f.json", "f.json")


def test_the_error_has_a_place() -> None:
    with pytest.raises(DefinitionsInvalidError, match=r"\(line 2 column 6\)$") as caught:
        parse('{"a": 1,\n "b":: 2}', "/p/f.json", "f.json")
    assert caught.value.hints == ("f.json:2:6",)
    assert (caught.value.facts["line"], caught.value.facts["column"]) == (2, 6)


def test_repeated_keys_are_reported_with_their_places() -> None:
    text = '{"a": {"b": 1,\n "b": 2}, "c": [{"d": 1, "d": {"e": "}{"}}],\n "a": 3}'
    document = parse(text, "/p/f.json", "f.json")
    assert [(keys, origin.line, origin.column) for keys, origin in document.duplicates] == [
        (("a", "b"), 2, 2),
        (("c", 0, "d"), 2, 26),
        (("a",), 3, 2),
    ]


def test_values_have_places() -> None:
    document = parse('{"a": [1,\n  "x\\"y", {"é": {}}],\n "b": "q"}', "/p/f.json", "f.json")
    places = {keys: document.origin(keys) for keys in [("a", 1), ("a", 2, "é"), ("b",), ("b", "c")]}
    assert {keys: (origin.line, origin.column) for keys, origin in places.items()} == {
        ("a", 1): (2, 3),
        ("a", 2, "é"): (2, 12),
        ("b",): (3, 2),
        ("b", "c"): (3, 2),
    }
