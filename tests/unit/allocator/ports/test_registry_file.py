import json
from typing import Any

import pytest

from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.allocator.ports.registry_file import (
    entries_from,
    is_time,
    text_of,
)

GOOD: dict[str, Any] = {
    "key": {"gitCommonDir": "/r/.git", "namespace": "main", "worktreeRoot": "/r"},
    "lastUsedAt": "2026-01-31T12:34:56.789Z",
    "namespace": "main",
    "ports": {"api": 30000, "web": 30001},
}


def changed(path: str, value: object) -> dict[str, Any]:
    item: dict[str, Any] = json.loads(json.dumps(GOOD))
    *outer, last = path.split(".")
    holder = item
    for name in outer:
        holder = holder[name]
    if value is KeyError:
        del holder[last]
    else:
        holder[last] = value
    return item


def test_a_registry_is_written_as_npm_portweave_writes_it() -> None:
    entries = [
        Entry(Key(None, "main", "/b"), "2026-01-31T12:34:56.789Z", "main", {}),
        Entry(
            Key("/r/.git", "x-1", "/a"),
            "2026-01-31T12:34:56.789Z",
            "x-1",
            {"web": 30001, "api": 30000},
        ),
    ]
    assert text_of(entries) == (
        '{\n  "entries": [\n    {\n      "key": {\n'
        '        "gitCommonDir": "/r/.git",\n'
        '        "namespace": "x-1",\n'
        '        "worktreeRoot": "/a"\n      },\n'
        '      "lastUsedAt": "2026-01-31T12:34:56.789Z",\n'
        '      "namespace": "x-1",\n'
        '      "ports": {\n        "api": 30000,\n        "web": 30001\n      }\n    },\n'
        '    {\n      "key": {\n'
        '        "gitCommonDir": null,\n'
        '        "namespace": "main",\n'
        '        "worktreeRoot": "/b"\n      },\n'
        '      "lastUsedAt": "2026-01-31T12:34:56.789Z",\n'
        '      "namespace": "main",\n'
        '      "ports": {}\n    }\n  ],\n  "version": 1\n}\n'
    )
    assert text_of([]) == '{\n  "entries": [],\n  "version": 1\n}\n'


def test_texts_are_sorted_by_utf_16_code_units_and_escaped_as_javascript_does() -> None:
    roots = ["/\uffff", "/\U0001f600", "/é", "/\udc80", '/"\\\n\x7f\u2028']
    written = text_of([Entry(Key(None, "main", root), "t", "main", {}) for root in roots])
    lines = [line.strip() for line in written.split("\n") if "worktreeRoot" in line]
    assert lines == [
        '"worktreeRoot": "/\\"\\\\\\n\x7f\u2028"',
        '"worktreeRoot": "/é"',
        '"worktreeRoot": "/\U0001f600"',
        '"worktreeRoot": "/\\udc80"',
        '"worktreeRoot": "/\uffff"',
    ]


def test_entries_are_read_in_the_order_of_the_file_and_unknown_fields_are_dropped() -> None:
    second = changed("key.worktreeRoot", "/a") | {"more": 1}
    entries = entries_from({"version": 1.0, "entries": [GOOD, second], "more": []})
    assert [entry.key.worktree_root for entry in entries] == ["/r", "/a"]
    assert entries[0].ports == {"api": 30000, "web": 30001}


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("key.gitCommonDir", KeyError, "key.gitCommonDir must be a text or null"),
        ("key.gitCommonDir", 1, "key.gitCommonDir must be a text or null"),
        ("key.namespace", None, "key.namespace must be a text"),
        ("lastUsedAt", 1, "lastUsedAt must be a text"),
        ("lastUsedAt", "soon", "lastUsedAt must be a time"),
        ("namespace", KeyError, "namespace must be a text"),
        ("ports", [1], "ports must be an object"),
        ("ports.web", 1.5, "ports.web must be an integer"),
        ("ports.web", True, "ports.web must be an integer"),
        ("ports.web", "1", "ports.web must be an integer"),
        ("ports.web", float("inf"), "ports.web must be an integer"),
        ("ports.web", None, "ports.web must be an integer"),
    ],
)
def test_a_bad_entry_is_named(path: str, value: object, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^entry 2 \(of /r\): ") as caught:
        entries_from({"version": 1, "entries": [GOOD, changed(path, value)]})
    assert reason in str(caught.value)


def test_an_entry_without_a_worktree_is_named_by_its_number() -> None:
    with pytest.raises(ValueError, match=r"^entry 1: key must be an object$"):
        entries_from({"version": 1, "entries": [changed("key", 1)]})


def test_a_whole_float_is_an_integer() -> None:
    (entry,) = entries_from({"version": 1, "entries": [changed("ports.web", 4.0)]})
    assert entry.ports["web"] == 4
    assert isinstance(entry.ports["web"], int)


@pytest.mark.parametrize(
    "value",
    [
        [],
        "x",
        None,
        {},
        {"version": 1},
        {"version": 2, "entries": []},
        {"version": True, "entries": []},
        {"version": 1, "entries": {}},
        {"version": 1, "entries": [1]},
    ],
)
def test_an_invalid_registry_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        entries_from(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T12:34:56.789Z", True),
        ("2026-01-31", True),
        ("2026-01-31T12:34:56+02:00", True),
        ("Sat, 31 Jan 2026 12:34:56 GMT", True),
        ("2026-13-31T12:34:56.789Z", False),
        ("2026-01-31T12:34:61.789Z", False),
        ("", False),
        ("yesterday", False),
    ],
)
def test_is_time(text: str, expected: bool) -> None:
    assert is_time(text) is expected
