import pytest

from portweave.encoding import jsonrpc
from portweave.errors import ClusterError, NotSerializable, PeerDied, RemoteError, RouteNotFound

TEXT = b'{"id":1}\n\n{"id":2}\r\n{"id":3'


@pytest.mark.parametrize("size", [1, 2, 7, len(TEXT)])
def test_bytes_in_any_pieces_are_the_same_lines(size: int) -> None:
    reader = jsonrpc.LineReader(100)
    lines = [line for at in range(0, len(TEXT), size) for line in reader.feed(TEXT[at : at + size])]
    assert lines == [b'{"id":1}', b"", b'{"id":2}\r']
    assert reader.feed(b"}\n") == [b'{"id":3}']


@pytest.mark.parametrize("data", [b"12345678901", b"12345678901\nx\n", b"ok\n12345678901\n"])
def test_a_line_beyond_the_limit_is_the_end(data: bytes) -> None:
    reader = jsonrpc.LineReader(10)
    assert reader.feed(data) == ([b"ok"] if data.startswith(b"ok") else [])
    assert reader.overflowed
    assert reader.feed(b"x\n") == []


def test_a_line_of_the_limit_is_read() -> None:
    reader = jsonrpc.LineReader(10)
    assert reader.feed(b"12345") == []
    assert reader.feed(b"67890\n") == [b"1234567890"]
    assert not reader.overflowed


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", jsonrpc.PARSE_ERROR),
        (b"x", jsonrpc.PARSE_ERROR),
        (b'{"id":1}{', jsonrpc.PARSE_ERROR),
        (b'{"params":["\xff"]}', jsonrpc.PARSE_ERROR),
        (b'{"params":[NaN]}', jsonrpc.PARSE_ERROR),
        (b'{"params":' + b"[" * 100_000, jsonrpc.PARSE_ERROR),
        (b"[]", jsonrpc.INVALID_REQUEST),
        (b"7", jsonrpc.INVALID_REQUEST),
        (b'{"id":1.5}', jsonrpc.INVALID_REQUEST),
        (b'{"method":7}', jsonrpc.INVALID_REQUEST),
        (b'{"id":[]}', jsonrpc.INVALID_REQUEST),
        (b'{"meta":7}', jsonrpc.INVALID_REQUEST),
        (b'{"meta":{"timeout_ms":"soon"}}', jsonrpc.INVALID_REQUEST),
    ],
)
def test_an_invalid_message_is_refused(line: bytes, code: int) -> None:
    with pytest.raises(jsonrpc.BadLineError) as caught:
        jsonrpc.decode(line)
    assert caught.value.code == code


def test_values_are_passed_on_unread() -> None:
    message = jsonrpc.decode(b'{"id":"a","method":"x","params":[ 1.0,{"b":2}], "more": 1}')
    assert not isinstance(message.params, jsonrpc.UnsetType)
    line = jsonrpc.raw_request(7, b'"x"', message.params, b"")
    assert line == b'{"jsonrpc":"2.0","id":7,"method":"x","params":[ 1.0,{"b":2}]}\n'


@pytest.mark.parametrize("item", [object(), {1, 2}.__iter__(), "\ud800"])
def test_a_value_that_json_cannot_hold_is_an_error(item: object) -> None:
    with pytest.raises(NotSerializable) as caught:
        jsonrpc.array([item])
    assert caught.value.code == "PW1210"


def test_an_unreadable_value_is_an_error() -> None:
    with pytest.raises(NotSerializable):
        jsonrpc.values(b"[1e999]")


def test_errors_keep_their_class() -> None:
    sent = PeerDied("gone", connection="users", fields={"a": 1})
    line = jsonrpc.decode(jsonrpc.failure(b"1", sent))
    assert not isinstance(line.error, jsonrpc.UnsetType)
    error = jsonrpc.decode_error(line.error, "asked")
    assert (type(error), error.connection, error.fields, error.status) == (
        PeerDied, "users", {"a": 1}, 503,
    )  # fmt: skip


def test_a_handlers_exception_never_becomes_a_class_of_portweave() -> None:
    error = jsonrpc.decode_error(
        b'{"code":-32000,"message":"boom","data":{"type":"ValueError","status":422,'
        b'"fields":{"x":1},"traceback":"Traceback"}}',
        "api",
    )
    assert isinstance(error, RemoteError)
    assert (error.type, error.status, error.fields, error.traceback, error.connection) == (
        "ValueError", 422, {"x": 1}, "Traceback", "api",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b'{"code":-32601,"message":"no"}', RouteNotFound),
        (b'{"code":-32600,"message":"no"}', RemoteError),
        (b'{"code":"x"}', ClusterError),
        (b'{"code":1,"data":{"type":"RemoteError","status":9}}', RemoteError),
    ],
)
def test_errors_of_other_programs_are_understood(raw: bytes, kind: type[ClusterError]) -> None:
    error = jsonrpc.decode_error(raw)
    assert type(error) is kind
    assert 400 <= error.status <= 599
