"""Whatever a client sends, each request gets one answer, and each line is a message."""

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from portweave.errors import UsageError
from portweave.mcp.protocol_machine import MODERN, OLDER, Call, Cancel, Machine, Offer, Read, Send
from portweave.mcp.rpc_messages import LineSplitter, read_line
from portweave.mcp.tool_arguments import Arguments, read
from portweave.mcp.tool_table import tools

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
IDS = st.integers(-2, 2) | st.sampled_from(["a", "b", "roots-1"])
META: dict[str, object] = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "progressToken": "t",
}
METAS: list[dict[str, object]] = [META, {}, {"progressToken": 1}]
ROOTS: dict[str, object] = {"roots": META}
METHODS = st.sampled_from(
    [
        "initialize", "ping", "server/discover", "tools/list", "tools/call", "resources/list",
        "resources/read", "notifications/initialized", "notifications/cancelled", "x",
    ]
)  # fmt: skip
PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "_meta": st.sampled_from(METAS) | VALUES,
        "name": st.sampled_from(["logs", "rm"]) | VALUES,
        "arguments": VALUES,
        "uri": st.just("portweave://logs") | VALUES,
        "requestId": IDS | VALUES,
        "protocolVersion": st.sampled_from(OLDER) | VALUES,
        "capabilities": st.just(ROOTS) | VALUES,
    },
)
MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0")},
    optional={"id": IDS | VALUES, "method": METHODS, "params": PARAMS | VALUES, "result": VALUES},
)
STEPS = st.lists(MESSAGES | VALUES | st.sampled_from(["finish", "progress", "fail"]), max_size=20)


@given(STEPS)
def test_a_client_never_breaks_the_server(steps: list[Any]) -> None:
    machine = Machine(Offer("1", "", [{"name": "logs"}]))
    at_work: dict[Any, Any] = {}
    owed: list[Any] = []
    answered: list[Any] = []

    def do(actions: Any) -> None:
        for action in actions:
            match action:
                case Send(line):
                    assert line.count(b"\n") == 1
                    message = json.loads(line)
                    if "method" not in message and "id" in message:
                        answered.append(message["id"])
                case Call(number) | Read(number):
                    assert number not in at_work
                    at_work[number] = action
                case Cancel(number):
                    del at_work[number]
                    owed.remove(number)
                case _:
                    raise AssertionError(action)

    def finish(number: Any) -> None:
        if isinstance(at_work.pop(number), Call):
            do(machine.finish_call(number, {"content": []}))
        else:
            do(machine.finish_read(number, "", "text/plain"))

    for step in steps:
        if step in ("finish", "progress", "fail"):
            for number in list(at_work)[:1]:
                if step == "finish":
                    finish(number)
                elif step == "progress":
                    do(machine.progress(number, "news"))
                else:
                    del at_work[number]
                    do(machine.fail(number, -32603, "no"))
            continue
        for message in read_line(json.dumps(step).encode()):
            number = getattr(message, "id", None)
            is_owed = number is not None and type(message).__name__ in ("Request", "BadMessage")
            if is_owed and number not in at_work:
                owed.append(number)
            do(machine.take(message))
    for number in list(at_work):
        finish(number)
    assert sorted(map(repr, answered)) == sorted(map(repr, owed))


@given(st.lists(st.binary(max_size=12)), st.integers(1, 8))
def test_bytes_of_any_kind_are_read(parts: list[bytes], longest: int) -> None:
    whole, pieces = LineSplitter(longest), LineSplitter(longest)
    data = b"".join(parts)
    found = whole.feed(data)
    assert [line for part in parts for line in pieces.feed(part)] == found
    assert pieces.skipped == whole.skipped
    assert all(len(line) <= longest for line in found)
    for line in found:
        read_line(line)


SCHEMAS: list[Any] = [tool["inputSchema"] for tool in tools(with_exec=True)]
NAMES = st.sampled_from(
    ["worktree", "services", "timeout", "tokens", "cursor", "grep", "action", "all", "command"]
)


@given(st.sampled_from(SCHEMAS), st.dictionaries(NAMES | st.text(max_size=3), VALUES, max_size=4))
def test_arguments_are_read_or_told(schema: Any, given_: dict[str, Any]) -> None:
    with contextlib.suppress(UsageError):
        found = read(given_, schema)
        assert isinstance(found, Arguments)
        assert 800 <= found.budget_bytes <= 100_000
        assert 0 < found.timeout_s <= 3600
