"""What the export writes as YAML reads back."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from portweave.exports.yaml_text import MERGE, as_yaml

TEXTS = st.one_of(
    st.text(max_size=20),
    st.text("abc:#- '\"\\{}[]&*!|>%@`,?0123456789.~=<\n\t\u0085\u2028\ufeff\U0001f600", max_size=8),
    st.sampled_from(["no", "Yes", "null", "~", "0x1", "1e3", "1:30", "<<", "=", "-", "2026-01-01"]),
)
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4))
def test_every_value_reads_back(value: dict[str, object]) -> None:
    assert yaml.safe_load(as_yaml([value])) == value


@given(st.lists(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3), max_size=3))
def test_documents_read_back(values: list[dict[str, object]]) -> None:
    assert list(yaml.safe_load_all(as_yaml(values, "---\n"))) == values


@given(st.dictionaries(TEXTS.filter(lambda text: text != MERGE), TEXTS, min_size=1, max_size=4))
def test_a_shared_value_is_written_once(shared: dict[str, object]) -> None:
    document = {"x": shared, "a": {MERGE: shared, "own": "1"}, "b": {MERGE: shared}}
    text = as_yaml([document], shared=shared)
    found = yaml.safe_load(text)
    assert found["b"] == shared
    assert found["a"] == {**shared, "own": "1"}
    assert text.count("&variables") == 1


@pytest.mark.parametrize("text", ["exec python3 api.py", "postgres:17.5", "http://api:30001/v1"])
def test_plain_texts_stay_plain(text: str) -> None:
    assert as_yaml([{"a": text}]) == f"a: {text}\n"
