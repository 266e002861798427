import pytest

from portweave.supervisor.logs.cursor import (
    pack,
    unpack,
)


@pytest.mark.parametrize("places", [{}, {"web": (1, 0)}, {"web.2": (3, 120), "my-api_x": (10, 7)}])
def test_a_cursor_comes_back_as_it_was(places: dict[str, tuple[int, int]]) -> None:
    text = pack(places)
    assert unpack(text) == places
    assert not set(text) & set(" '\"$&|;<>*?()[]{}\\\n!#~")


@pytest.mark.parametrize("text", ["", "web", "web:1", "web:1:x", ":1:2", "web:1:2:3", "web:-1:2"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no place in a log"):
        unpack(text)
