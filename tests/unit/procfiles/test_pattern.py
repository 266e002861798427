import pytest

from portweave.procfiles.pattern import why_not


@pytest.mark.parametrize("text", ["ready", "a|b", r"listening on \d+", ""])
def test_a_valid_pattern_has_no_error(text: str) -> None:
    assert why_not(text) == ""


@pytest.mark.parametrize("text", ["(", "[a", "*", "a{99999999999}"])
def test_an_invalid_pattern_has_an_explanation(text: str) -> None:
    assert why_not(text)
