"""Changes of single members of JSON texts: all the rest stays as it is."""

import pytest

from portweave.agents.json_members import (
    NotJsonError,
    add_item,
    drop_item,
    drop_member,
    get,
    parse,
    set_member,
)

PATH = ("servers", "portweave")
SET = {
    "no text": ("", '{\n  "servers": {\n    "portweave": 1\n  }\n}\n'),
    "empty object": ("{}", '{\n  "servers": {\n    "portweave": 1\n  }\n}'),
    "other member": (
        '{\n  "a": 1\n}\n',
        '{\n  "a": 1,\n  "servers": {\n    "portweave": 1\n  }\n}\n',
    ),
    "on one line": ('{"a": 1}', '{"a": 1, "servers": {"portweave": 1}}'),
    "beside another": (
        '{\n\t"servers": {\n\t\t"x": {} // mine\n\t}\n}',
        '{\n\t"servers": {\n\t\t"x": {},\n\t\t"portweave": 1 // mine\n\t}\n}',
    ),
    "comma at the end": (
        '{"servers": {\n    "x": [1, 2,],\n  },\n}',
        '{"servers": {\n    "x": [1, 2,],\n    "portweave": 1,\n  },\n}',
    ),
    "replaced": ('{"servers": {"portweave": {"old": [1]}}}', '{"servers": {"portweave": 1}}'),
    "comments": (
        '// top\n{ /* a */ "servers": /* b */ {} }\n',
        '// top\n{ /* a */ "servers": /* b */ {\n  "portweave": 1\n} }\n',
    ),
    "comment in a string": (
        '{"a": "// no", "servers": {}}',
        '{"a": "// no", "servers": {\n  "portweave": 1\n}}',
    ),
}


@pytest.mark.parametrize(("before", "after"), SET.values(), ids=list(SET))
def test_a_member_is_set(before: str, after: str) -> None:
    assert set_member(before, PATH, 1) == after
    found = get(parse(after), PATH)
    assert found is not None
    assert found.data == 1


def test_a_list_of_words_stands_on_one_line_at_the_indentation_of_the_file() -> None:
    text = set_member('{\n\t"a": {}\n}\n', ("a", "b"), {"args": ["x", "y"], "n": [1, 2]})
    assert '\t\t\t"args": ["x", "y"],\n' in text
    assert parse(text).data == {"a": {"b": {"args": ["x", "y"], "n": [1, 2]}}}


DROPPED = {
    "alone": ('{\n  "servers": {\n    "portweave": 1\n  }\n}\n', "{}\n"),
    "last": ('{"servers": {"x": 2, "portweave": 1}}', '{"servers": {"x": 2}}'),
    "last with a comma": ('{"servers": {"x": 2, "portweave": 1,}}', '{"servers": {"x": 2,}}'),
    "first": ('{"servers": {"portweave": 1, "x": 2}}', '{"servers": {"x": 2}}'),
    "with others outside": ('{"a": 1, "servers": {"portweave": 1}, "b": 2}', '{"a": 1, "b": 2}'),
    "not there": ('{"servers": {"x": 1}}', '{"servers": {"x": 1}}'),
}


@pytest.mark.parametrize(("before", "after"), DROPPED.values(), ids=list(DROPPED))
def test_a_member_is_dropped_with_what_it_leaves_empty(before: str, after: str) -> None:
    assert drop_member(before, PATH) == after


def test_items_of_arrays_come_and_go() -> None:
    text = add_item("", ("hooks", "Start"), "ours")
    assert parse(text).data == {"hooks": {"Start": ["ours"]}}
    text = add_item('{"hooks": {"Start": ["a"]}}', ("hooks", "Start"), {"b": 1})
    assert text == '{"hooks": {"Start": ["a", {"b": 1}]}}'
    assert drop_item(text, ("hooks", "Start"), {"b": 1}) == '{"hooks": {"Start": ["a"]}}'
    assert drop_item('{"x": 1, "s": ["a"]}', ("s",), "a") == '{"x": 1}'
    assert drop_item(text, ("hooks", "Start"), "c") == text


@pytest.mark.parametrize(
    "text",
    ["{", "[1", '{"a" 1}', '{"a": }', '{"a": 1 "b": 2}', "{} {}", '{1: 2}', "{'a': 1}", "nul",
     '{"a": /* }', "[" * 300],
)  # fmt: skip
def test_what_is_no_json_is_told(text: str) -> None:
    with pytest.raises(NotJsonError):
        parse(text)


@pytest.mark.parametrize("text", ["[]", '{"servers": 1}', '"x"'])
def test_a_path_through_something_else_is_told(text: str) -> None:
    with pytest.raises(NotJsonError, match="no object"):
        set_member(text, PATH, 1)


def test_an_item_needs_an_array() -> None:
    with pytest.raises(NotJsonError, match="no array"):
        add_item('{"a": 1}', ("a",), 1)
