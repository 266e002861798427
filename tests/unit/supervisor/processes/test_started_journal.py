"""What a supervisor notes for those who come after it."""

import os
from pathlib import Path

import pytest

from portweave.supervisor.processes.process_tree import (
    ProcessInfo,
    look_at,
)
from portweave.supervisor.processes.shutdown_order import (
    NO_SERVICE,
    StopRule,
)
from portweave.supervisor.processes.started_journal import (
    JournalWriter,
    append_processes,
    read_journal,
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "main.journal")


def test_what_is_noted_is_read(path: str) -> None:
    journal = JournalWriter(path)
    rules = {"db": StopRule(2.5, 2), "web.2": StopRule(0.5, 15, ("db", "cache"))}
    journal.note_rules(rules)
    journal.note_start(os.getpid(), "web.2")
    journal.note_start(os.getppid())
    journal.note_start(1, "db")
    journal.note_end(1)
    found = read_journal(path)
    assert found.rules == rules
    own = look_at(os.getpid())
    assert own is not None
    assert [(claim.pid, claim.name) for claim in found.entries] == [
        (os.getpid(), "web.2"),
        (os.getppid(), NO_SERVICE),
    ]
    assert found.entries[0].start == own.start


def test_what_is_met_is_noted_once_and_a_leader_stays_one(path: str) -> None:
    journal = JournalWriter(path)
    own, parent = look_at(os.getpid()), look_at(os.getppid())
    assert own is not None
    assert parent is not None
    journal.note_start(own.pid, "web")
    journal.note([own, parent])
    journal.note([parent])
    assert Path(path).read_text().count("\n") == 2
    append_processes(path, [ProcessInfo(12, 1, 12, 12, 3.0, zombie=False)])
    found = [(claim.pid, claim.start, claim.name) for claim in read_journal(path).entries]
    assert found == [
        (own.pid, own.start, "web"),
        (parent.pid, parent.start, NO_SERVICE),
        (12, 3.0, NO_SERVICE),
    ]


def test_after_another_boot_a_number_and_a_start_name_nobody(path: str) -> None:
    journal = JournalWriter(path)
    journal.note_rules({"web": StopRule(1.0, 15)})
    journal.note_start(os.getpid(), "web")
    os.unlink(path)
    journal.restore()
    first, rest = Path(path).read_text().split("\n", 1)
    assert first.startswith("@ ")
    assert len(read_journal(path).entries) == 1
    Path(path).write_text(f"@ 0e8bd0fb-0000-4000-8000-000000000000\n{rest}")
    found = read_journal(path)
    assert not found.entries
    assert set(found.rules) == {"web"}


def test_nothing_is_noted_where_the_journal_was_removed(path: str) -> None:
    append_processes(path, [ProcessInfo(12, 1, 12, 12, 3.0, zombie=False)])
    assert not Path(path).exists()


def test_a_later_plan_holds(path: str) -> None:
    journal = JournalWriter(path)
    journal.note_rules({"db": StopRule(2.5, 2, ("disk",)), "web": StopRule(1, 15)})
    journal.note_rules({"db": StopRule(0.1, 15)})
    assert read_journal(path).rules == {"db": StopRule(0.1, 15), "web": StopRule(1, 15)}


def test_what_is_damaged_is_left_out(path: str) -> None:
    good = b"= db 1.0 15\n+ 12 3.0 db\n"
    bad = b"\n= db\n= x 1s 15\n+ 1\n+ x 2.0 db\n- \n- x\n? 1\n\xff\xfe\n+ 99 1.0 db"
    Path(path).write_bytes(good + bad)
    found = read_journal(path)
    assert found.rules == {"db": StopRule(1.0, 15)}
    assert [claim.pid for claim in found.entries] == [12]


@pytest.mark.parametrize("pipe", [False, True])
def test_there_may_be_none(path: str, *, pipe: bool) -> None:
    if pipe:
        # Whoever opens one for reading waits for a writer.
        os.mkfifo(path)
    found = read_journal(path)
    assert (list(found.entries), dict(found.rules)) == ([], {})
