from hypothesis import given
from hypothesis import strategies as st

from portweave.encoding.cells import cut, width


@given(st.text("ab日é…·⠋", max_size=30), st.integers(0, 40))
def test_a_cut_text_fits_and_is_a_beginning(text: str, columns: int) -> None:
    found = cut(text, columns)
    assert width(found) <= columns
    if width(text) <= columns:
        assert found == text
    else:
        assert text.startswith(found.removesuffix("…")) or not found
