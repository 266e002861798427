"""A section between marks, in a text of the user."""

import pytest

from portweave.agents.marked_section import (
    HASH,
    MARKDOWN,
    Comment,
    drop_section,
    find_section,
    put_section,
)

BODY = "one\ntwo\n"


@pytest.mark.parametrize("comment", [MARKDOWN, HASH], ids=["markdown", "hash"])
@pytest.mark.parametrize(
    "text",
    ["", "# Ours\n", "# Ours", "# Ours\n\n", "# Ours\r\nmore\r\n", "a\n\n\n\n"],
    ids=["empty", "one line", "no line end", "empty line", "Windows", "many empty lines"],
)
def test_a_section_comes_and_goes_without_a_trace(text: str, comment: Comment) -> None:
    put = put_section(text, BODY, comment)
    found = find_section(put, comment)
    assert found is not None
    assert not found.is_edited
    assert found.body.replace("\r\n", "\n") == BODY
    assert put.startswith(text)
    assert put_section(put, BODY, comment) == put
    assert drop_section(put, comment).rstrip("\r\n") == text.rstrip("\r\n")
    assert ("\r\n" in text) == ("\r\n" in put)


def test_the_section_stays_where_the_user_has_moved_it() -> None:
    put = put_section("before\n", BODY, MARKDOWN) + "after\n"
    again = put_section(put, "new\n", MARKDOWN)
    assert again.startswith("before\n")
    assert again.endswith("after\n")
    assert "one" not in again
    assert drop_section(again, MARKDOWN) == "before\n\nafter\n"


def test_an_edit_between_the_marks_is_seen() -> None:
    put = put_section("", BODY, HASH).replace("two", "three")
    found = find_section(put, HASH)
    assert found is not None
    assert found.is_edited


@pytest.mark.parametrize(
    "text",
    [
        "<!-- portweave:begin 0 -->\n",
        "<!-- portweave:end -->\n",
        "text about <!-- portweave:begin --> in a line\n<!-- portweave:end -->\n",
        "<!-- portweave:begin",
    ],
)
def test_a_single_mark_is_no_section(text: str) -> None:
    assert find_section(text, MARKDOWN) is None
    assert drop_section(text, MARKDOWN) == text
