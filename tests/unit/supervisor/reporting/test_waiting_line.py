"""The line that shows what is waited for, at several widths."""

import json

import pytest

from portweave.encoding.cells import width
from portweave.encoding.marks import ASCII, UNICODE, Marks
from portweave.encoding.text_style import plain
from portweave.supervisor.reporting.waiting_line import (
    KILLING,
    STOPPING,
    WAITING,
    Waited,
    Waiting,
    as_json,
    from_json,
    live_line,
    plain_line,
)

DB = Waited("db", "exec: exit 1")
WEB = Waited("web", needs=("db",))
MIGRATE = Waited("migrate", line="Applying 0007_big migration of customers")
BOTH = Waiting(waits=(DB, WEB))
STEP = Waiting(waits=(DB, MIGRATE, WEB))


@pytest.mark.parametrize(
    ("waiting", "columns", "marks", "expected"),
    [
        (BOTH, 80, UNICODE, "⠙ waiting 12 s: db (exec: exit 1) · web waits for db"),
        (BOTH, 80, ASCII, "/ waiting 12 s: db (exec: exit 1) - web waits for db"),
        # Those that wait for the same are one item.
        (
            Waiting(waits=(DB, WEB, Waited("api", needs=("db",)))),
            80,
            UNICODE,
            "⠙ waiting 12 s: db (exec: exit 1) · web, api wait for db",
        ),
        # So are those with the same reason.
        (
            Waiting(waits=tuple(Waited(f"s{n}", "exec: exit 1") for n in range(5))),
            80,
            UNICODE,
            "⠙ waiting 12 s: s0, s1 and 3 more (exec: exit 1)",
        ),
        (
            Waiting(waits=(WEB, Waited("a", needs=tuple("bcde")), DB)),
            90,
            UNICODE,
            "⠙ waiting 12 s: db (exec: exit 1) · web waits for db · a waits for b, c and 2 more",
        ),
        # The line of a step is cut, and comes before further items.
        (
            STEP,
            120,
            UNICODE,
            f"⠙ waiting 12 s: db (exec: exit 1) · migrate: {MIGRATE.line} · web waits for db",
        ),
        (
            STEP,
            80,
            UNICODE,
            "⠙ waiting 12 s: db (exec: exit 1) · migrate: Applying 0007_big mig… · 1 more",
        ),
        (STEP, 60, UNICODE, "⠙ waiting 12 s: db (exec: exit 1) · migrate · 1 more"),
        (
            Waiting(waits=(MIGRATE,)),
            60,
            ASCII,
            "/ waiting 12 s: migrate: Applying 0007_big migration of~",
        ),
        (STEP, 34, UNICODE, "⠙ waiting 12 s: db (exec: exi…"),
        (STEP, 10, UNICODE, "⠙ wait"),
        (STEP, 3, UNICODE, ""),
        (Waiting(waits=(DB,), more=7), 60, UNICODE, "⠙ waiting 12 s: db (exec: exit 1) · 7 more"),
        (Waiting(waits=(Waited("日本語", "寒い"),)), 27, UNICODE, "⠙ waiting 12 s: 日本語…"),
        (
            Waiting(STOPPING, (Waited("web"), Waited("db", needs=("web",)))),
            80,
            UNICODE,
            "⠙ stopping 12 s: web · db waits for web",
        ),
        (Waiting(waits=(Waited("web", "exi…"),)), 80, ASCII, "/ waiting 12 s: web (exi~)"),
        (Waiting(KILLING, (Waited("web"),)), 80, UNICODE, "⠙ killing 12 s: web"),
    ],
)
def test_the_line_fits_the_terminal(
    waiting: Waiting, columns: int, marks: Marks, expected: str
) -> None:
    found = plain(live_line(waiting, 12, 1, columns, marks=marks))
    assert found == expected
    assert width(found) <= max(0, columns - 4)


def test_the_first_second_is_not_counted() -> None:
    found = plain(live_line(BOTH, 0, 0, 80, marks=UNICODE))
    assert found == "⠋ waiting: db (exec: exit 1) · web waits for db"


def test_the_spinner_turns_with_each_draw() -> None:
    turns = [plain(live_line(BOTH, 1, turn, 80, marks=UNICODE))[0] for turn in range(11)]
    assert "".join(turns) == "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏⠋"
    turns = [plain(live_line(BOTH, 1, turn, 80, marks=ASCII))[0] for turn in range(5)]
    assert "".join(turns) == "|/-\\|"


def test_a_note_stands_at_the_end_where_there_is_room() -> None:
    waiting = Waiting(STOPPING, (Waited("web"),))
    note = "Ctrl-C again to kill"
    wide = plain(live_line(waiting, 1, 0, 60, marks=UNICODE, note=note))
    assert wide == "⠋ stopping 1 s: web (Ctrl-C again to kill)"
    narrow = plain(live_line(waiting, 1, 0, 40, marks=UNICODE, note=note))
    assert narrow == "⠋ stopping 1 s: web"


def test_the_plain_line_says_the_same_in_full() -> None:
    assert plain_line(STEP, 20, marks=ASCII) == (
        "still waiting after 20 s: db (exec: exit 1) -"
        " migrate: Applying 0007_big migration of customers - web waits for db"
    )


@pytest.mark.parametrize("waiting", [Waiting(), STEP, Waiting(KILLING, (DB,), 3)])
def test_a_client_reads_what_the_supervisor_writes(waiting: Waiting) -> None:
    assert from_json(json.loads(json.dumps(as_json(waiting)))) == waiting


@pytest.mark.parametrize("item", [None, 3, {"event": "service ready"}, {"event": "other"}])
def test_other_items_say_nothing_about_waits(item: object) -> None:
    assert from_json(item) is None


def test_an_item_with_other_fields_is_read_as_far_as_it_goes() -> None:
    item = {"event": "waiting", "waits": [{"name": "db"}, 7, {"name": "web", "needs": 3}], "new": 1}
    assert from_json(item) == Waiting(WAITING, (Waited("db"), Waited("web")))
