"""An answer fits into its budget, and says what it lacks."""

import pytest

from portweave.mcp.answer_form import Form, compose, cut, size_of

LINES = [f"line {number}" for number in range(100)]


@pytest.mark.parametrize(("newest", "first", "last"), [(False, 0, 3), (True, 99, 98)])
def test_what_matters_least_is_left_out_and_counted(newest: bool, first: int, last: int) -> None:
    form = Form(700, has_structure=True)
    answer = compose(form, "head", LINES, {"a": 1}, ("lines", LINES), "ask again", newest=newest)
    assert answer.text.startswith("head\n")
    assert f"line {first}" in answer.text
    assert f"line {last}" in answer.text
    assert "lines left out; ask again" in answer.text
    assert str(answer.data["leftOut"]).endswith("of 100 lines; ask again")
    assert size_of(answer.data) + len(answer.text.encode()) <= 700


def test_all_that_fits_is_there() -> None:
    answer = compose(Form(4000, has_structure=True), "h", ["a"], {}, ("lines", ["a"]), "more")
    assert answer.as_result(has_structure=True) == {
        "content": [{"type": "text", "text": "h\na"}],
        "structuredContent": {"lines": ["a"]},
    }
    assert "structuredContent" not in answer.as_result(has_structure=False)


def test_a_text_is_cut_between_characters() -> None:
    assert cut("abc") == "abc"
    assert cut("ä" * 9, 10) == "äää…"
