"""What portweave adds to files, and what it leaves alone."""

import pytest

from portweave.agents.agent_files import AGENTS, NAMES, chosen, guides
from portweave.agents.file_piece import (
    CURRENT,
    EDITED,
    FOREIGN,
    MISSING,
    OLDER,
    Item,
    Member,
    Section,
    Whole,
    drop,
    put,
    state_of,
)
from portweave.agents.guide_texts import MOST_LINES, SECTION, SKILL
from portweave.agents.json_members import NotJsonError
from portweave.agents.marked_section import HASH, MARKDOWN
from portweave.agents.tool_files import TOOLS, pieces_of

SECTION_PIECE = Section("a.toml", 'x = "1"\n', HASH, ("x", "t.y"))
WHOLE = Whole("SKILL.md", "text\n", MARKDOWN)
MEMBER = Member("a.json", ("servers", "portweave"), {"command": "portweave"})
SHARED = Member("a.json", ("scripts", "run"), "portweave up", is_shared=True)
ITEM = Item("a.json", ("hooks", "Start"), {"command": "portweave x", "timeout": 5}, "portweave x")
PIECES = [SECTION_PIECE, WHOLE, MEMBER, SHARED, ITEM]
ALL = [piece for agent in AGENTS for piece in agent.pieces] + [
    piece for tool in TOOLS for piece in pieces_of(tool, "/hooks")
]


@pytest.mark.parametrize("piece", [*PIECES, *ALL], ids=lambda piece: f"{piece.path}")
def test_a_piece_comes_once_and_goes_without_a_trace(piece: object) -> None:
    made = put(piece, None)  # type: ignore[arg-type]
    assert made.state == MISSING
    again = put(piece, made.text)  # type: ignore[arg-type]
    assert (again.state, again.text) == (CURRENT, made.text)
    assert drop(piece, made.text).text is None  # type: ignore[arg-type]
    assert drop(piece, None).state == MISSING  # type: ignore[arg-type]


EDITED_SECTION = (put(SECTION_PIECE, None).text or "").replace('"1"', '"2"')
STATES = {
    "section of an older portweave": (
        SECTION_PIECE,
        put(Section("a.toml", "x = 0\n", HASH), None).text,
        OLDER,
    ),
    "edited section": (SECTION_PIECE, EDITED_SECTION, EDITED),
    "key of the user": (SECTION_PIECE, "x = 5\n", FOREIGN),
    "key of the user in a table": (SECTION_PIECE, "[t]\ny = 5\n", FOREIGN),
    "other keys": (SECTION_PIECE, "z = 5\n[t]\nx = 1\n", MISSING),
    "file of an older portweave": (WHOLE, put(Whole("", "old\n", MARKDOWN), None).text, OLDER),
    "edited file": (WHOLE, (put(WHOLE, None).text or "").replace("text", "other"), EDITED),
    "file of the user": (WHOLE, "mine\n", FOREIGN),
    "empty file of the user": (WHOLE, "", FOREIGN),
    "edited member": (MEMBER, '{"servers": {"portweave": {"command": "x"}}}', EDITED),
    "member of the user": (SHARED, '{"scripts": {"run": "npm start"}}', FOREIGN),
    "edited item": (ITEM, '{"hooks": {"Start": [{"command": "portweave x"}]}}', EDITED),
    "items of the user": (ITEM, '{"hooks": {"Start": [{"command": "y"}]}}', MISSING),
}  # fmt: skip


@pytest.mark.parametrize(("piece", "text", "state"), STATES.values(), ids=list(STATES))
def test_a_piece_stands_in_a_file_in_one_of_five_ways(
    piece: Section | Whole | Member | Item, text: str | None, state: str
) -> None:
    assert state_of(piece, text) == state
    if state in (EDITED, FOREIGN):
        assert put(piece, text).text == text
        assert drop(piece, text).text == text
    else:
        assert state_of(piece, put(piece, text).text) == CURRENT


def test_a_file_of_another_form_is_told() -> None:
    for piece, text in ((MEMBER, "{"), (SECTION_PIECE, "= 1"), (ITEM, '{"hooks": {"Start": 1}}')):
        with pytest.raises(NotJsonError):
            put(piece, text)


def test_the_section_for_agents_is_short() -> None:
    assert len(SECTION.splitlines()) <= MOST_LINES
    assert SKILL.startswith("---\nname: portweave\ndescription: ")


def test_the_section_goes_where_agents_look() -> None:
    both, none, one = {"AGENTS.md", "CLAUDE.md"}, set[str](), {"CLAUDE.md"}
    found = [guides(there.__contains__)[0].path for there in (both, none, one)]
    assert found == ["AGENTS.md", "AGENTS.md", "CLAUDE.md"]


def test_agents_are_those_of_the_project_or_the_named_ones() -> None:
    assert [agent.name for agent in chosen((), {".zed"}.__contains__)] == ["claude", "zed"]
    assert [agent.name for agent in chosen(("codex",), set[str]().__contains__)] == ["codex"]
    assert [agent.name for agent in chosen(NAMES, set[str]().__contains__)] == list(NAMES)
