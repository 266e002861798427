"""Laws of the routes file."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from portweave.allocator.names.hostnames import parse_hostname
from portweave.allocator.names.route_file import (
    NotRoutesError,
    RouteMapping,
    routes_from,
    salvage,
    text_of,
)
from portweave.encoding.js_number import (
    number_from,
    number_text,
)
from portweave.errors import HostnameError

NUMBERS = st.integers(-(2**40), 2**40)
ROUTES = st.lists(st.builds(RouteMapping, st.text(), NUMBERS, NUMBERS), max_size=5)


@given(ROUTES)
def test_what_is_written_reads_back(routes: list[RouteMapping]) -> None:
    assert routes_from(text_of(routes)) == routes


@given(ROUTES, st.data())
def test_complete_entries_survive_every_truncation(
    routes: list[RouteMapping], data: st.DataObject
) -> None:
    text = text_of(routes)
    cut = data.draw(st.integers(0, len(text)))
    # A brace in a name may hide its entry.
    if not any("{" in route.hostname or "}" in route.hostname for route in routes):
        found = salvage(text[:cut])
        assert found == routes[: len(found)]
        assert len(salvage(text)) == len(routes)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_content_breaks_the_reader(data: bytes) -> None:
    salvage(data)
    with contextlib.suppress(NotRoutesError):
        routes_from(data)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back(number: float) -> None:
    assert float(number_from(number_text(number))) == number


@given(st.text())
def test_a_completed_name_does_not_change_again(text: str) -> None:
    with contextlib.suppress(HostnameError):
        name = parse_hostname(text)
        assert parse_hostname(name) == name
        assert name.isascii()
