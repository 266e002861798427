"""Lines of MCP: what is a message, and what is answered to any other line."""

import pytest

from portweave.mcp.rpc_messages import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    BadMessage,
    LineSplitter,
    Notification,
    Request,
    Response,
    error_line,
    notification_line,
    read_line,
    request_line,
    result_line,
)

CASES: dict[str, tuple[bytes, list[object]]] = {
    "request": (
        b'{"jsonrpc":"2.0","id":1,"method":"ping"}',
        [Request(1, "ping", {})],
    ),
    "request with a text as id": (
        b'{"jsonrpc":"2.0","id":"a","method":"m","params":{"x":1}}',
        [Request("a", "m", {"x": 1})],
    ),
    "notification": (b'{"jsonrpc":"2.0","method":"n"}', [Notification("n", {})]),
    "answer": (b'{"jsonrpc":"2.0","id":1,"result":{}}', [Response(1, {})]),
    "failed answer": (b'{"jsonrpc":"2.0","id":1,"error":{}}', [Response(1, None)]),
    "batch": (
        b'[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":2,"method":"b"}]',
        [Notification("a", {}), Request(2, "b", {})],
    ),
    "nothing": (b"", []),
    "blanks, as of a line end of Windows": (b" \r", []),
}


@pytest.mark.parametrize(("line", "found"), CASES.values(), ids=list(CASES))
def test_a_line_holds_messages(line: bytes, found: list[object]) -> None:
    assert read_line(line) == found


WRONG = {
    "no JSON": (b"{", PARSE_ERROR, None),
    "no UTF-8": (b'"\xff"', PARSE_ERROR, None),
    "too deep": (b"[" * 100_000, PARSE_ERROR, None),
    "not a number of JSON": (b'{"jsonrpc":"2.0","id":NaN,"method":"a"}', PARSE_ERROR, None),
    "a number": (b"7", INVALID_REQUEST, None),
    "empty batch": (b"[]", INVALID_REQUEST, None),
    "other version": (b'{"jsonrpc":"1.0","id":1,"method":"a"}', INVALID_REQUEST, None),
    "no method": (b'{"jsonrpc":"2.0","id":1}', INVALID_REQUEST, 1),
    "null as id": (b'{"jsonrpc":"2.0","id":null,"method":"a"}', INVALID_REQUEST, None),
    "truth as id": (b'{"jsonrpc":"2.0","id":true,"method":"a"}', INVALID_REQUEST, None),
    "fraction as id": (b'{"jsonrpc":"2.0","id":1.5,"method":"a"}', INVALID_REQUEST, None),
    "params by place": (b'{"jsonrpc":"2.0","id":3,"method":"a","params":[1]}', INVALID_PARAMS, 3),
}


@pytest.mark.parametrize(("line", "code", "number"), WRONG.values(), ids=list(WRONG))
def test_any_other_line_is_told(line: bytes, code: int, number: int | None) -> None:
    (found,) = read_line(line)
    assert isinstance(found, BadMessage)
    assert (found.code, found.id) == (code, number)


def test_messages_are_written_as_one_line() -> None:
    assert result_line(1, {"a": "\n"}) == b'{"jsonrpc":"2.0","id":1,"result":{"a":"\\n"}}\n'
    assert error_line("x", -1, "no", {"b": 2}) == (
        b'{"jsonrpc":"2.0","id":"x","error":{"code":-1,"message":"no","data":{"b":2}}}\n'
    )
    assert request_line("r", "m") == b'{"jsonrpc":"2.0","id":"r","method":"m"}\n'
    assert notification_line("n", {}) == b'{"jsonrpc":"2.0","method":"n","params":{}}\n'


def test_an_error_without_an_id_has_no_null() -> None:
    assert b"null" not in error_line(None, PARSE_ERROR, "no JSON")


def test_a_file_name_that_is_not_utf_8_can_be_written() -> None:
    assert b"\\udcff" in result_line(1, {"path": "a\udcff"})


def test_a_line_may_come_in_pieces() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"a") == []
    assert splitter.feed(b"b\nc\n\nd") == [b"ab", b"c", b""]
    assert splitter.feed(b"\n") == [b"d"]


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_a_line_that_is_too_long_is_skipped_and_counted(chunk: int) -> None:
    splitter = LineSplitter(longest_bytes=4)
    data = b"1234\n12345\n" + b"x" * 20 + b"\nok\n"
    found = [
        line
        for start in range(0, len(data), chunk)
        for line in splitter.feed(data[start : start + chunk])
    ]
    assert found == [b"1234", b"ok"]
    assert splitter.skipped == 2
