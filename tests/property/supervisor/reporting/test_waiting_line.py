from hypothesis import given
from hypothesis import strategies as st

from portweave.encoding.cells import width
from portweave.encoding.marks import ASCII, UNICODE
from portweave.encoding.text_style import plain
from portweave.supervisor.reporting.waiting_line import (
    Waited,
    Waiting,
    as_json,
    from_json,
    live_line,
)

TEXT = st.text("abc日é ·", max_size=30)
NAMES = st.lists(st.sampled_from(["db", "web", "migrate"]), max_size=3).map(tuple)
WAITS = st.builds(
    Waiting,
    st.sampled_from(["waiting", "stopping"]),
    st.lists(st.builds(Waited, TEXT, TEXT, NAMES, TEXT), max_size=8).map(tuple),
    st.integers(0, 100),
)


@given(WAITS, st.integers(0, 10_000), st.integers(0, 150), st.sampled_from([ASCII, UNICODE]), TEXT)
def test_the_line_is_never_wider_than_the_terminal(
    waiting: Waiting, elapsed_s: int, columns: int, marks: object, note: str
) -> None:
    assert isinstance(marks, type(ASCII))
    found = plain(live_line(waiting, elapsed_s, 3, columns, marks=marks, note=note))
    assert width(found) <= max(0, columns - 4)


@given(WAITS)
def test_a_client_reads_what_the_supervisor_writes(waiting: Waiting) -> None:
    assert from_json(as_json(waiting)) == waiting
