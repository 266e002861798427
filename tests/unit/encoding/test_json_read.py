"""JSON without the `json` package: the same values, and the same errors."""

import json

import pytest

from portweave.encoding.json_read import loads

VALUES = """
{"a": [1, -2.5, 1e3, "x\\u00e9\\n", true, false, null, {}, []]}
 1 \n"\\ud800"
1e999
{"a": 1, "a": 2}
[[[[]]]]
\t{}\r
""".strip("\n").split("\n")
REFUSED = [
    *("", " ", "{", "[1,]", "{'a': 1}", "NaN", "[-Infinity]", "01", '"a\nb"', "1 2", "\ufeff1"),
    *("\x0b1", "1\xa0", "9" * 5000, "[" * 100000, '{"a":' * 100000, "{} //", "nul"),
]


@pytest.mark.parametrize("text", VALUES)
def test_values_are_those_of_the_package(text: str) -> None:
    assert loads(text) == json.loads(text)


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:12]))
def test_invalid_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(text)


def test_hooks_see_pairs_and_texts() -> None:
    found = loads('{"a": 1.50, "a": {"b": 2}}', pairs_hook=tuple, number_hook=str)
    assert found == (("a", "1.50"), ("a", (("b", "2"),)))


def test_a_place_comes_with_the_error() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        loads('{"a": 1,\n oops}')
    assert (caught.value.lineno, caught.value.colno) == (2, 2)
