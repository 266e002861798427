"""Values as JSON texts, read again by the standard library."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portweave.encoding.json_write import (
    compact,
    pretty,
)

VALUES: dict[str, object] = {
    "null": None,
    "booleans": [True, False],
    "numbers": [0, -1, 2**70, 1.5, -0.0, 1e300, 1e-7, 12345678.9],
    "texts": ["", 'a "quoted" \\ one', "line\nfeed\ttab\x00", "naïve 🚀"],
    "half a pair": ["\ud800", "name \udcff"],
    "empty": [[], {}],
    "nested": {"a": [{"b": [1, [2, []]]}, {}], "c": {"d": {}}},
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
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
