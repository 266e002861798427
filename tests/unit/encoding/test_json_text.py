"""JSON without the `json` package: the same values, texts and errors."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portweave.encoding.json_text import compact, loads, pretty

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


WRITTEN: dict[str, object] = {
    "null": None,
    "booleans": [True, False],
    "numbers": [0, -1, 2**70, 1.5, -0.0, 1e300, 1e-7, 12345678.9],
    "texts": ["", 'a "quoted" \\ one', "line\nfeed\ttab\x00", "naïve 🚀"],
    "half a pair": ["\ud800", "name \udcff"],
    "empty": [[], {}],
    "nested": {"a": [{"b": [1, [2, []]]}, {}], "c": {"d": {}}},
}


@pytest.mark.parametrize("value", WRITTEN.values(), ids=WRITTEN)
def test_written_values_read_back(value: object) -> None:
    assert json.loads(compact(value)) == value
    assert json.loads(pretty(value)) == value
    # Half a pair is escaped, so that all of it can be written as UTF-8.
    assert compact(value).encode()


def test_values_are_written_as_javascript_writes_them() -> None:
    value: dict[str, object] = {"a": [1, 2.5, "x"], "b": [], "c": {}, "d": [{"e": None}]}
    assert compact(value) == '{"a":[1,2.5,"x"],"b":[],"c":{},"d":[{"e":null}]}'
    assert pretty(value) == json.dumps(value, indent=2)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_whatever_is_written_reads_back(value: object) -> None:
    assert json.loads(compact(value)) == value
    assert json.loads(pretty(value)) == value
