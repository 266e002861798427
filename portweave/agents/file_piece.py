"""Pure. What portweave adds to a file of the user, and how a file with or without it becomes other.

A piece that the user has changed is kept. A file with something else in the place of a piece is
left alone.
"""

import tomllib

from portweave.agents.json_members import (
    NotJsonError,
    add_item,
    drop_item,
    drop_member,
    get,
    parse,
    set_member,
)
from portweave.agents.marked_section import (
    Comment,
    digest_of,
    drop_section,
    find_section,
    put_section,
)
from portweave.encoding.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

# How a piece stands in a file.
MISSING = "missing"
CURRENT = "current"
OLDER = "older"
EDITED = "edited"
FOREIGN = "foreign"


@value
class Section:
    """A section between marks.

    Attributes:
        path: The file, relative to the root of the worktree.
        body: The section, which ends with a line end.
        comment: How the format writes comments.
        tables: For TOML: names of tables and keys that the section defines.
    """

    path: str
    body: str
    comment: Comment
    tables: tuple[str, ...] = ()


@value
class Whole:
    """A file of portweave's own. Its last line has a digest of the others.

    Attributes:
        path: The file, relative to the root of the worktree, or absolute.
        body: The text, which ends with a line end.
        comment: How the format writes comments.
        is_program: Whether it can be executed.
    """

    path: str
    body: str
    comment: Comment
    is_program: bool = False


@value
class Member:
    """A value in a JSON file.

    Attributes:
        path: The file, relative to the root of the worktree.
        keys: Names, from the outermost object inwards.
        data: The value.
        is_shared: Whether other programs may have a value of their own there.
    """

    path: str
    keys: tuple[str, ...]
    data: object
    is_shared: bool = False


@value
class Item:
    """An item of an array in a JSON file.

    Attributes:
        path: The file, relative to the root of the worktree.
        keys: Names that lead to the array.
        data: The item.
        mark: A text that only items of portweave contain.
    """

    path: str
    keys: tuple[str, ...]
    data: object
    mark: str


if TYPE_CHECKING:
    Piece: TypeAlias = Section | Whole | Member | Item


@value
class Outcome:
    """What becomes of a file.

    Attributes:
        state: How the piece stood in it.
        text: Its new text; None for no file.
    """

    state: str
    text: str | None


def put(piece: "Piece", text: str | None) -> Outcome:
    """Return a file with a piece.

    Args:
        piece: The piece.
        text: The text of the file; None if there is none.

    Raises:
        NotJsonError: The file is no JSON.
    """
    state = state_of(piece, text)
    if state not in (MISSING, OLDER):
        return Outcome(state, text)
    before = text or ""
    match piece:
        case Section():
            return Outcome(state, put_section(before, piece.body, piece.comment))
        case Whole():
            return Outcome(state, _whole_text(piece))
        case Member():
            return Outcome(state, set_member(before, piece.keys, piece.data))
        case Item():
            return Outcome(state, add_item(before, piece.keys, piece.data))


def drop(piece: "Piece", text: str | None) -> Outcome:
    """Return a file without a piece; arguments and errors as of `put`."""
    state = state_of(piece, text)
    if text is None or state not in (CURRENT, OLDER):
        return Outcome(state, text)
    match piece:
        case Section():
            left = drop_section(text, piece.comment)
        case Whole():
            return Outcome(state, None)
        case Member():
            left = drop_member(text, piece.keys)
        case Item():
            left = drop_item(text, piece.keys, _own_item(piece, text))
        case _:
            raise AssertionError(piece)
    is_json = isinstance(piece, (Member, Item))
    is_empty = not left.strip() or (is_json and parse(left).data == {})
    return Outcome(state, None if is_empty else left)


def state_of(piece: "Piece", text: str | None) -> str:
    """Return how a piece stands in a file; arguments and errors as of `put`."""
    if text is None or (not text.strip() and not isinstance(piece, Whole)):
        return MISSING
    match piece:
        case Section():
            return _section_state(piece, text)
        case Whole():
            body, _, last = text.rstrip("\n").rpartition("\n")
            body += "\n"
            if "portweave:" not in last:
                return FOREIGN
            if last != _digest_line(body, piece.comment):
                return EDITED
            return CURRENT if body == piece.body else OLDER
        case Member():
            found = get(parse(text), piece.keys)
            if found is None:
                return MISSING
            if found.data == piece.data:
                return CURRENT
            return FOREIGN if piece.is_shared else EDITED
        case Item():
            own = _own_item(piece, text)
            if own is None:
                return MISSING
            return CURRENT if own == piece.data else EDITED


def _section_state(piece: Section, text: str) -> str:
    found = find_section(text, piece.comment)
    if found is None:
        return FOREIGN if piece.tables and _defines(text, piece.tables) else MISSING
    if found.is_edited:
        return EDITED
    return CURRENT if found.body.replace("\r\n", "\n") == piece.body else OLDER


def _defines(text: str, names: tuple[str, ...]) -> bool:
    """Whether a TOML text defines one of some names, or is none: then nothing may be added."""
    try:
        data: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotJsonError(f"it is no TOML: {error}") from None
    for name in names:
        inner = data
        for part in name.split("."):
            if not isinstance(inner, dict) or part not in inner:
                break
            inner = inner[part]  # pyright: ignore[reportUnknownVariableType]
        else:
            return True
    return False


def _own_item(piece: Item, text: str) -> object:
    """Return portweave's item in an array; None if it has none."""
    found = get(parse(text), piece.keys) if text.strip() else None
    if found is None:
        return None
    if found.items is None:
        raise NotJsonError(f"{'.'.join(piece.keys)} is no array")
    return next((node.data for node in found.items if piece.mark in str(node.data)), None)


def _whole_text(piece: Whole) -> str:
    return f"{piece.body}{_digest_line(piece.body, piece.comment)}\n"


def _digest_line(body: str, comment: Comment) -> str:
    return f"{comment.before}portweave:{digest_of(body)}{comment.after}"
