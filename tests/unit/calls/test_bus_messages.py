import pytest

from portweave.calls.bus_messages import (
    TIMEOUT_MS,
    Publication,
    RequestHead,
    no_responders,
    read_array,
    read_head,
    read_numbers,
    read_object,
    request_headers,
)
from portweave.errors import MessageTooLarge


def test_the_headers_of_a_request_read_back() -> None:
    trace = f"00-{'1' * 32}-{'2' * 16}-01"
    headers = request_headers("a/b c", "me.7", 1500.9, "@r:p:main/web", trace)
    assert read_head(headers) == RequestHead("a/b%20c", "me", "7", 1500, "@r:p:main/web", trace)
    assert read_head(request_headers("", "", None, "", "")) == RequestHead(timeout_ms=None)


@pytest.mark.parametrize(
    ("headers", "head"),
    [
        (None, RequestHead()),
        ({}, RequestHead()),
        ({"Portweave-Timeout": "soon"}, RequestHead(timeout_ms=TIMEOUT_MS)),
        ({"Portweave-Timeout": "-1"}, RequestHead()),
        ({"Portweave-Timeout": "9" * 40}, RequestHead()),
        ({"Portweave-Timeout": "2.5"}, RequestHead(timeout_ms=2.5)),
        ({"Portweave-Id": "a.b.c"}, RequestHead()),
        ({"Portweave-Id": "a.>"}, RequestHead()),
        ({"Portweave-From": "a\x1b[31m"}, RequestHead()),
        ({"X": "y"}, RequestHead()),
    ],
)
def test_a_header_that_cannot_be_read_counts_as_left_out(
    headers: dict[str, str] | None, head: RequestHead
) -> None:
    assert read_head(headers) == head


def test_a_header_holds_no_end_of_a_line() -> None:
    found = request_headers("a\r\nX: y", "", None, "ü", "")
    assert found["Portweave-Path"] == "a%0D%0AX:%20y"
    assert found["Portweave-From"] == "%C3%BC"


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"[1]", b"[1]"),
        (b'\n [1,\n {"a": 2}]\r\n', b'[1,{"a":2}]'),
        (b'["a\\nb"]', b'["a\\nb"]'),
        (b'[1]\n{"method":"$/cancel"}', None),
        (b'[1],"method":"$/hello"', None),
        (b"{}", None),
        (b"[1", None),
        (b"", None),
        (b'["\xff"]', None),
        (b"[" * 100_000, None),
        (b"[nul]", None),
    ],
)
def test_values_are_one_array_in_one_line(body: bytes, line: bytes | None) -> None:
    assert read_array(body) == line


def test_an_error_is_one_object_in_one_line() -> None:
    assert read_object(b'{"code":\n1}') == b'{"code":1}'
    assert read_object(b"[1]") is None
    assert read_object(b'{"code":1}}') is None


@pytest.mark.parametrize("body", [b"", b"{}", b'["1"]', b"[1.5]", b"[" * 5000])
def test_presence_is_an_array_of_whole_numbers(body: bytes) -> None:
    assert read_numbers(body) is None
    assert read_numbers(b"[1,2]") == [1, 2]


def test_the_server_says_that_there_is_no_responder() -> None:
    assert no_responders({"Status": "503"}, b"")
    assert not no_responders({"Status": "503"}, b"[1]")
    assert not no_responders({"Status": "404"}, b"")
    assert not no_responders(None, b"")


def test_a_message_that_is_too_large_tells_both_figures() -> None:
    message = Publication("s", b"[" + b"1" * 98 + b"]", headers={"A": "b"})
    # "NATS/1.0\r\n" "A: b\r\n" "\r\n" and the body.
    assert message.size == 10 + 6 + 2 + 100
    message.check(118, None)
    with pytest.raises(MessageTooLarge, match="has 100 bytes, the bus takes 99") as caught:
        message.check(117, "users")
    assert caught.value.connection == "users"
