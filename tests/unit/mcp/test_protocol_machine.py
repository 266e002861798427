"""The rules of MCP: what each message of a client leads to."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from portweave.mcp.protocol_machine import (
    MODERN,
    MOST_CALLS,
    OLDER,
    Call,
    Cancel,
    Era,
    Machine,
    Offer,
    Read,
    Send,
)
from portweave.mcp.rpc_messages import BadMessage, Notification, Request, Response

if TYPE_CHECKING:
    from portweave.mcp.protocol_machine import Action

META: dict[str, object] = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
TOOLS = [{"name": "ensure"}, {"name": "logs"}]


def machine() -> Machine:
    return Machine(Offer("1.2", "call ensure first", TOOLS, [{"uri": "portweave://logs"}]))


def older(version: str = OLDER[0], **abilities: object) -> Machine:
    """A machine whose client has sent `initialize`."""
    made = machine()
    made.take(
        Request(0, "initialize", {"protocolVersion": version, "capabilities": abilities or {}})
    )
    return made


def sent(actions: "list[Action]") -> dict[str, Any]:
    """The only message that actions send."""
    (action,) = actions
    assert isinstance(action, Send)
    assert action.line.endswith(b"\n")
    found: dict[str, Any] = json.loads(action.line)
    return found


@pytest.mark.parametrize(
    ("asked", "given"), [*((v, v) for v in OLDER), ("2030-01-01", OLDER[0]), (MODERN, OLDER[0])]
)
def test_initialize_agrees_on_a_version(asked: str, given: str) -> None:
    params: dict[str, object] = {"protocolVersion": asked, "capabilities": {}}
    result = sent(machine().take(Request(0, "initialize", params)))["result"]
    assert result["protocolVersion"] == given
    assert result["serverInfo"] == {"name": "portweave", "version": "1.2"}
    assert result["instructions"] == "call ensure first"
    assert set(result["capabilities"]) == {"tools", "resources"}
    assert "resultType" not in result


def test_a_modern_client_discovers_the_server() -> None:
    answer = sent(machine().take(Request("d", "server/discover", {"_meta": META})))
    result = answer["result"]
    assert answer["id"] == "d"
    assert result["supportedVersions"] == [MODERN, *OLDER]
    assert result["resultType"] == "complete"
    assert result["cacheScope"] == "private"
    assert result["ttlMs"] > 0
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "portweave"


def test_a_version_that_is_unknown_is_refused_with_those_that_are_known() -> None:
    meta: dict[str, object] = {**META, "io.modelcontextprotocol/protocolVersion": "1900-01-01"}
    error = sent(machine().take(Request(1, "tools/list", {"_meta": meta})))["error"]
    assert error["code"] == -32022
    assert error["data"] == {"supported": [MODERN, *OLDER], "requested": "1900-01-01"}


REFUSED = {
    "modern without capabilities": (
        machine(),
        Request(1, "tools/list", {"_meta": {"io.modelcontextprotocol/protocolVersion": MODERN}}),
        -32602,
    ),
    "before initialize": (machine(), Request(1, "tools/list", {}), -32602),
    "discover of an older client": (older(), Request(1, "server/discover", {}), -32601),
    "ping of a modern client": (machine(), Request(1, "ping", {"_meta": META}), -32601),
    "unknown method": (older(), Request(1, "prompts/list", {}), -32601),
    "unknown tool": (older(), Request(1, "tools/call", {"name": "rm"}), -32602),
    "tool without a name": (older(), Request(1, "tools/call", {}), -32602),
    "arguments by place": (
        older(),
        Request(1, "tools/call", {"name": "logs", "arguments": [1]}),
        -32602,
    ),
    "resource without a URI": (older(), Request(1, "resources/read", {}), -32602),
    "initialize without a version": (machine(), Request(1, "initialize", {}), -32602),
    "no message": (machine(), BadMessage(-32700, "no JSON", 1), -32700),
}


@pytest.mark.parametrize(("made", "message", "code"), REFUSED.values(), ids=list(REFUSED))
def test_other_requests_are_refused(made: Machine, message: Any, code: int) -> None:
    answer = sent(made.take(message))
    assert (answer["id"], answer["error"]["code"]) == (1, code)
    assert answer["error"]["message"]


@pytest.mark.parametrize(
    ("method", "member"),
    [
        ("tools/list", "tools"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
    ],
)
def test_lists_are_answered_in_both_eras(method: str, member: str) -> None:
    now = sent(machine().take(Request(1, method, {"_meta": META})))["result"]
    then = sent(older().take(Request(1, method, {})))["result"]
    assert now[member] == then[member]
    assert set(then) == {member}
    assert now["resultType"] == "complete"


def test_an_older_client_may_ping() -> None:
    assert sent(older().take(Request(5, "ping", {}))) == {"jsonrpc": "2.0", "id": 5, "result": {}}


def test_a_tool_is_called_and_its_result_answered_once() -> None:
    made = older()
    call = {"name": "logs", "arguments": {"grep": "x"}}
    assert made.take(Request(1, "tools/call", call)) == [
        Call(1, "logs", {"grep": "x"}, Era(OLDER[0], is_modern=False))
    ]
    assert sent(made.finish_call(1, {"content": []})) == {
        "jsonrpc": "2.0", "id": 1, "result": {"content": []},
    }  # fmt: skip
    assert made.finish_call(1, {"content": []}) == []


def test_a_client_that_knows_no_structure_gets_none() -> None:
    made = older("2025-03-26")
    made.take(Request(1, "tools/call", {"name": "logs"}))
    result = sent(made.finish_call(1, {"content": [], "structuredContent": {}}))["result"]
    assert result == {"content": []}


def test_an_id_at_work_is_not_taken_twice() -> None:
    made = older()
    made.take(Request(1, "tools/call", {"name": "logs"}))
    answer = sent(made.take(Request(1, "tools/call", {"name": "logs"})))
    assert answer["error"]["code"] == -32600
    assert "id" not in answer  # the first request still gets its answer


def test_a_cancelled_call_is_not_answered() -> None:
    made = older()
    made.take(Request("a", "tools/call", {"name": "logs", "_meta": {"progressToken": 1}}))
    cancel = Notification("notifications/cancelled", {"requestId": "a"})
    assert made.take(cancel) == [Cancel("a")]
    assert made.progress("a", "still") == []
    assert made.finish_call("a", {}) == []
    assert made.fail("a", -1, "no") == []
    assert made.take(cancel) == []


def test_progress_is_told_only_to_clients_that_ask() -> None:
    made = older()
    made.take(Request(1, "tools/call", {"name": "logs"}))
    assert made.progress(1, "half") == []
    made.take(Request(2, "tools/call", {"name": "logs", "_meta": {"progressToken": "t"}}))
    told = [sent(made.progress(2, text))["params"] for text in ("half", "all")]
    assert told == [
        {"progressToken": "t", "progress": 1, "message": "half"},
        {"progressToken": "t", "progress": 2, "message": "all"},
    ]


def test_progress_has_no_text_for_the_oldest_clients() -> None:
    made = older("2024-11-05")
    made.take(Request(1, "tools/call", {"name": "logs", "_meta": {"progressToken": 7}}))
    assert sent(made.progress(1, "half"))["params"] == {"progressToken": 7, "progress": 1}


def test_a_missing_resource_has_the_code_of_its_era() -> None:
    for made, meta, code in ((older(), {}, -32002), (machine(), {"_meta": META}, -32602)):
        request = Request(1, "resources/read", {"uri": "portweave://x", **meta})
        assert made.take(request) == [Read(1, "portweave://x")]
        assert sent(made.finish_read(1, None, ""))["error"]["code"] == code


def test_a_resource_is_answered_with_its_uri_and_not_kept() -> None:
    made = machine()
    made.take(Request(1, "resources/read", {"uri": "portweave://logs", "_meta": META}))
    result = sent(made.finish_read(1, "text", "text/plain"))["result"]
    assert result["contents"] == [
        {"uri": "portweave://logs", "mimeType": "text/plain", "text": "text"}
    ]
    assert result["ttlMs"] == 0


def test_an_older_client_is_asked_for_its_roots() -> None:
    made = older(roots={})
    ask = sent(made.take(Notification("notifications/initialized", {})))
    assert ask["method"] == "roots/list"
    assert made.take(Response(ask["id"], {"roots": [{"uri": "file:///code/a"}]})) == []
    assert made.roots == ("file:///code/a",)
    again = sent(made.take(Notification("notifications/roots/list_changed", {})))
    made.take(Response(ask["id"], {"roots": []}))  # an answer to the first question, too late
    assert made.roots == ("file:///code/a",)
    made.take(Response(again["id"], {"roots": [{"uri": "file:///b"}, {"no": 1}, 3]}))
    assert made.roots == ("file:///b",)


def test_a_client_without_roots_is_not_asked() -> None:
    assert older().take(Notification("notifications/initialized", {})) == []


def test_both_kinds_of_clients_are_served_at_once() -> None:
    made = older("2024-11-05")
    modern = sent(made.take(Request(1, "tools/list", {"_meta": META})))["result"]
    assert modern["resultType"] == "complete"
    assert "resultType" not in sent(made.take(Request(2, "tools/list", {})))["result"]


def test_a_client_that_calls_without_end_is_refused() -> None:
    made = older()
    for number in range(MOST_CALLS):
        made.take(Request(number, "tools/call", {"name": "logs"}))
    assert sent(made.take(Request("more", "tools/call", {"name": "logs"})))["error"]
    made.finish_call(0, {})
    assert isinstance(made.take(Request("more", "tools/call", {"name": "logs"}))[0], Call)
