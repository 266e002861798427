"""Setting and dropping a member changes nothing else, whatever the text looks like."""

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from portweave.agents.json_members import drop_member, get, parse, set_member
from portweave.encoding.json_text import is_list, is_object

NAMES = st.sampled_from(["a", "servers", "portweave", "ü", '"', "//"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
BLANKS = st.sampled_from(
    ["", " ", "\n", "\n\t", "\r\n  ", " // c, } ]\n", "/* { , */", " \n // x\n\n"]
)

COMMAS = st.sampled_from(["", ",", ", ", ",\n"])


@st.composite
def texts(draw: st.DrawFn, data: Any) -> str:
    """A text of a value, with blanks, comments and commas that JSON with comments allows."""

    def write(item: object) -> str:
        before, after = draw(BLANKS), draw(BLANKS)
        if is_object(item):
            parts = [
                f"{draw(BLANKS)}{json.dumps(name)}{draw(BLANKS)}:{write(part)}"
                for name, part in item.items()
            ]
            return before + "{" + joined(parts) + "}" + after
        if is_list(item):
            return before + "[" + joined([write(part) for part in item]) + "]" + after
        return before + json.dumps(item) + after

    def joined(parts: list[str]) -> str:
        return ",".join(parts) + (draw(COMMAS) if parts else "")

    return write(data)


@given(st.data(), st.dictionaries(NAMES, VALUES, max_size=3), VALUES)
def test_a_member_comes_and_goes(data: st.DataObject, before: dict[str, Any], item: Any) -> None:
    if not isinstance(before.get("servers", {}), dict):
        before["servers"] = {}
    text = data.draw(texts(before))
    assert parse(text).data == before
    wanted = copy.deepcopy(before)
    wanted.setdefault("servers", {})["portweave"] = item
    after = set_member(text, ("servers", "portweave"), item)
    assert parse(after).data == wanted
    assert set_member(after, ("servers", "portweave"), item) == after or isinstance(
        item, (dict, list)
    )
    left = drop_member(after, ("servers", "portweave"))
    del wanted["servers"]["portweave"]
    if not wanted["servers"]:
        del wanted["servers"]
    assert parse(left).data == wanted
    assert get(parse(left), ("servers", "portweave")) is None
    # All comments outside of a replaced value are still there.
    assert "portweave" in before.get("servers", {}) or text.count("/* { , */") == after.count(
        "/* { , */"
    )
