"""What one look after the other says of a stack's folder."""

import pytest

from portweave.supervisor.registry.folder_state import (
    FolderFacts,
    FolderState,
    Place,
    judge,
)

HERE = FolderFacts(2, mark="1:7", mark_at_root="1:7")
UNLINKED = FolderFacts(0, mark="1:7")
# A file system may give a new folder the inode number of the removed one at once.
REPLACED = FolderFacts(0, mark="1:7", mark_at_root="1:7")
MOVED = FolderFacts(2, mark="1:7", path="/new", mark_at_path="1:7")
MOVED_AND_REPLACED = FolderFacts(2, mark="1:7", mark_at_root="1:8", path="/new", mark_at_path="1:7")
LOST = FolderFacts(2, mark="1:7")
UNMOUNTED = FolderFacts(2, mark="1:7", path="/", mark_at_path="1:2")
BROKEN = FolderFacts(None, trouble="Input/output error")

# Looks with their times, and where the folder is after each.
HISTORIES: dict[str, list[tuple[FolderFacts, float, Place]]] = {
    "it stays": [(HERE, 0, Place.PRESENT), (HERE, 30, Place.PRESENT)],
    "it is removed": [
        (HERE, 0, Place.PRESENT),
        (UNLINKED, 30, Place.PRESENT),
        (UNLINKED, 30.5, Place.PRESENT),
        (UNLINKED, 31, Place.REMOVED),
    ],
    "it is removed, and another folder has its number": [
        (REPLACED, 0, Place.PRESENT),
        (REPLACED, 1, Place.REMOVED),
    ],
    "a removal is never taken back": [
        (UNLINKED, 0, Place.PRESENT),
        (UNLINKED, 1, Place.REMOVED),
        (HERE, 2, Place.REMOVED),
        (BROKEN, 3, Place.REMOVED),
    ],
    "a removal must hold": [
        (UNLINKED, 0, Place.PRESENT),
        (BROKEN, 0.5, Place.UNREACHABLE),
        (UNLINKED, 1.2, Place.UNREACHABLE),
        (UNLINKED, 2.2, Place.REMOVED),
    ],
    "it is moved away and back": [
        (MOVED, 0, Place.MOVED),
        (HERE, 1, Place.PRESENT),
    ],
    "it is moved, and another folder takes its place": [(MOVED_AND_REPLACED, 0, Place.MOVED)],
    "its path leads nowhere": [(LOST, 0, Place.UNREACHABLE), (HERE, 1, Place.PRESENT)],
    "its file system is unmounted": [(UNMOUNTED, 0, Place.UNREACHABLE)],
    "a look fails": [(BROKEN, 0, Place.UNREACHABLE), (HERE, 1, Place.PRESENT)],
    "it is moved, and then removed": [
        (MOVED, 0, Place.MOVED),
        (UNLINKED, 1, Place.MOVED),
        (UNLINKED, 2, Place.REMOVED),
    ],
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_folder_is_where_the_looks_say(name: str) -> None:
    state = FolderState()
    for facts, now_s, place in HISTORIES[name]:
        state = judge(state, facts, now_s)
        assert state.place is place


def test_a_state_has_the_new_path_or_the_trouble() -> None:
    assert judge(FolderState(), MOVED, 0).path == "/new"
    assert judge(FolderState(), BROKEN, 0).trouble == "Input/output error"
    assert judge(FolderState(), LOST, 0).trouble
