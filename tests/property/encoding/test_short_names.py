from hypothesis import given
from hypothesis import strategies as st

from portweave.encoding.short_names import NAME_COLUMNS, short_names

# Few characters, so that many names have the same ends.
NAMES = st.lists(st.text("ab…1", min_size=1, max_size=40), unique=True, max_size=30)


@given(NAMES)
def test_distinct_names_stay_distinct_and_fit(names: list[str]) -> None:
    found = short_names(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)
    for name, shown in found.items():
        assert len(shown) <= NAME_COLUMNS
        assert shown == name or len(name) > NAME_COLUMNS
