"""What settle learns of a command, and that it stays small."""

import pytest

from portweave.settling.learned_reactions import (
    Learned,
    Told,
    as_object,
    learned_from,
    with_reaction,
    with_told,
)


def test_a_line_that_ends_three_builds_is_one_that_ends_builds() -> None:
    learned = Learned()
    for _ in range(2):
        learned = with_reaction(learned, ["building", "built"], 1.0, 1.2, 2.0)
    assert learned.end_lines == frozenset()
    assert learned.last_lines == {"built"}
    learned = with_reaction(learned, ["building", "built"], 1.0, 1.2, 2.0)
    assert learned.end_lines == {"built"}


def test_a_line_that_something_followed_once_never_ends_builds() -> None:
    learned = Learned()
    for lines in (["built", "error"], *[["built"]] * 9):
        learned = with_reaction(learned, lines, 1.0, 1.2, 2.0)
    assert learned.end_lines == frozenset()


def test_the_slowest_reaction_is_kept_for_ever() -> None:
    learned = with_reaction(Learned(), [], 1.0, 4.0, 5.0)
    for _ in range(50):
        learned = with_reaction(learned, [], 1.0, 1.1, 2.0)
    assert learned.slowest_s == 3.0
    assert len(learned.reactions_s) == 32
    assert len(learned.intervals) == 16


def test_what_is_learned_stays_small() -> None:
    learned = Learned()
    for number in range(200):
        learned = with_reaction(learned, [f"a{number}", f"b{number}"], 1.0, 1.2, 2.0)
        told = Told(float(number), tuple(f"e{one}" for one in range(300)))
        learned = with_told(learned, f"n{number}", told)
    assert len(learned.ends) == 48
    assert f"b{199}" in learned.ends
    assert sorted(learned.told) == sorted(f"n{number}" for number in range(184, 200))
    assert all(len(told.errors) == 100 for told in learned.told.values())


def test_it_reads_back_what_it_writes() -> None:
    learned = with_reaction(Learned(), ["a", "b"], 1.0, 1.25, 2.0, 0.5)
    assert with_reaction(learned, [], 1.0, 1.25, 2.0, 0.2).gap_s == 0.5
    learned = with_told(learned, "main", Told(3.0, ("x",), "broken"))
    assert learned_from(as_object(learned)) == learned


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        {"reactionsS": "x", "ends": [], "told": 3, "slowestS": "y", "intervals": {}},
        {"reactionsS": [None, -1, 1e300, True], "ends": {"a": [1]}, "told": {"m": []}},
        {"intervals": [[1], 2, ["a", "b"]], "told": {}},
    ],
)
def test_a_damaged_file_is_read_as_far_as_it_fits(found: object) -> None:
    learned = learned_from(found)
    assert learned.ends == {}
    assert learned.told == {}
    assert learned.intervals == ()
