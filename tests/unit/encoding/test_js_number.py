import pytest

from portweave.encoding.js_number import number_from, number_text


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("7.0", 7), ("1e3", 1000), ("-0.5", -0.5), ("0", 0)]
)
def test_a_whole_number_is_an_int(text: str, number: float) -> None:
    found = number_from(text)
    assert (found, type(found)) == (number, type(number))


# Results of Number.prototype.toString in node.
@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (5, "5"),
        (-1.5, "-1.5"),
        (0.000001, "0.000001"),
        (0.0000001, "1e-7"),
        (1.25e-7, "1.25e-7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (float("nan"), "null"),
        (float("-inf"), "null"),
    ],
)
def test_numbers_are_written_as_javascript_writes_them(number: float, text: str) -> None:
    assert number_text(number) == text
