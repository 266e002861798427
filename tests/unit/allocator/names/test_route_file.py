"""The text of the routes file, and the numbers in it."""

import pytest

from portweave.allocator.names.route_file import (
    NotRoutesError,
    RouteInfo,
    RouteMapping,
    routes_from,
    salvage,
    text_of,
)
from portweave.encoding.js_number import (
    number_from,
    number_text,
)


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("3000.0", "3000"),
        ("1e3", "1000"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0.1", "0.1"),
        ("-12.50", "-12.5"),
        ("1e21", "1e+21"),
        ("123456789012345678901", "123456789012345680000"),
        ("1e20", "100000000000000000000"),
        ("1e-6", "0.000001"),
        ("1.5e-7", "1.5e-7"),
        ("12e-10", "1.2e-9"),
        ("1e999", "null"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
    ],
)
def test_numbers_are_spelt_as_javascript_does(text: str, spelt: str) -> None:
    assert number_text(number_from(text)) == spelt


def test_the_file_is_written_as_portless_does() -> None:
    routes = [RouteMapping("a.localhost", 3000, 0), RouteMapping("é\x7f\ud800", 1, 2, {"x": [1]})]
    assert text_of(routes).decode() == (
        '[\n  {\n    "hostname": "a.localhost",\n    "port": 3000,\n    "pid": 0\n  },\n'
        '  {\n    "hostname": "é\x7f\\ud800",\n    "port": 1,\n    "pid": 2,\n'
        '    "x": [\n      1\n    ]\n  }\n]'
    )
    assert text_of([]) == b"[]"


def test_invalid_entries_are_left_out() -> None:
    text = """[{"hostname": "a", "port": "1", "pid": 0}, {"hostname": "b", "port": true, "pid": 0},
               {"hostname": 1, "port": 1, "pid": 0}, {"port": 1, "pid": 0}, null, [], 7,
               {"hostname": "", "port": -1, "pid": 70000.0}]"""
    assert routes_from(text.encode()) == [RouteMapping("", -1, 70000)]


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    data = b'[{"hostname": "a\xff", "port": 1, "pid": 0}]'
    assert routes_from(data) == [RouteMapping("a\ufffd", 1, 0)]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "invalid JSON"),
        (b"[", "invalid JSON"),
        (b"\xef\xbb\xbf[]", "invalid JSON"),
        (b"[NaN]", "invalid JSON"),
        (b"{}", "expected array"),
        (b"3", "expected array"),
    ],
)
def test_a_file_that_is_not_an_array_is_refused(data: bytes, what: str) -> None:
    with pytest.raises(NotRoutesError) as caught:
        routes_from(data)
    assert caught.value.what == what


def test_complete_entries_of_an_incomplete_file_are_found() -> None:
    routes = [RouteMapping("a", 1, 0), RouteMapping("b", 2, 0)]
    data = text_of(routes)
    assert salvage(data[:-10]) == routes[:1]
    assert salvage(data[10:]) == routes[1:]
    assert salvage(data) == routes
    assert salvage(b"{{}") == []


def test_routes_are_values() -> None:
    assert RouteMapping("a", 1, 2) == RouteMapping("a", 1, 2)
    assert hash(RouteMapping("a", 1, 2)) == hash(RouteMapping("a", 1, 3))
    assert RouteMapping("a", 1, 2) != RouteMapping("a", 1, 2, {"x": 1})
    assert RouteInfo("a", 1) != RouteMapping("a", 1, 2)
    assert repr(RouteInfo("a", 1)) == "RouteInfo(hostname='a', port=1)"
