"""The record, journal and control socket of a stack, and how they are restored."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from portweave.supervisor.control.server import Stream
from portweave.supervisor.processes.started_journal import read_journal
from portweave.supervisor.record_and_socket import RecordAndSocket
from portweave.supervisor.registry.stack_lock import StackLock
from portweave.supervisor.registry.stack_records import read_record
from portweave.supervisor.services.fleet import register
from portweave.supervisor.services.plan import (
    Condition,
    InstancePlan,
    Need,
)
from portweave.system.tasks import Group
from tests.support.stack_records import make_record

PLANS = (
    InstancePlan(
        *("web", "web", 1, "web-main", ("run",), "run", "/"),
        port=3000,
        needs=(Need("db", Condition.READY),),
        stop_grace_s=20.0,
    ),
    InstancePlan(*("db", "db", 1, "db-main", ("run",), "run", "/"), stop_grace_s=2.0),
)


class Files:
    """The files of a stack, and the events that they logged."""

    def __init__(self, folder: Path, socket: str) -> None:
        self.folder = str(folder / "stacks")
        self.lock = StackLock(self.folder, "main")
        self.lock.write(make_record(folder, socket=socket))
        self.events: list[str] = []
        self.kept = RecordAndSocket(self.lock.journal, self.lock.descriptor, socket, self._log)

    def _log(self, event: str, **fields: str) -> None:
        self.events.append(": ".join((event, *fields.values())))


@pytest.fixture
def socket() -> Iterator[str]:
    # The path of a Unix socket has 107 bytes at most.
    folder = tempfile.mkdtemp(dir="/tmp")
    yield f"{folder}/private/s.sock"
    shutil.rmtree(folder)


@pytest.fixture
def files(tmp_path: Path, socket: str) -> Iterator[Files]:
    os.mkdir(os.path.dirname(socket), 0o700)
    files = Files(tmp_path, socket)
    yield files
    files.lock.close()


async def answer(_address: str, _params: list[object], _stream: Stream) -> list[object]:
    return []


def refuse(*_: object) -> asyncio.BufferedProtocol:
    raise AssertionError("no connection is about calls")


def test_stop_rules_in_the_journal_have_at_most_the_longest_grace(files: Files) -> None:
    files.kept.write_stop_rules(PLANS, 5.0)
    rules = read_journal(files.lock.journal).rules
    assert [(name, rule.grace_s, rule.needs) for name, rule in rules.items()] == [
        ("web", 5.0, ("db",)),
        ("db", 2.0, ()),
    ]


def test_a_removed_record_and_journal_are_written_again(files: Files) -> None:
    files.kept.write_stop_rules(PLANS)
    files.kept.restore_record()
    assert files.events == []
    shutil.rmtree(files.folder)
    files.kept.restore_record()
    assert files.events == ["record restored"]
    assert read_record(files.folder, "main") is not None
    assert list(read_journal(files.lock.journal).rules) == ["web", "db"]


def test_a_record_that_cannot_be_written_again_is_an_event(files: Files) -> None:
    shutil.rmtree(files.folder)
    Path(files.folder).write_text("in the way")
    files.kept.restore_record()
    assert len(files.events) == 1
    assert files.events[0].startswith("record not restored: ")


def test_the_record_gets_the_ports_of_instances(files: Files) -> None:
    fleet, _ = register(PLANS, frozenset(), 0)
    files.kept.update_ports(fleet)
    record = read_record(files.folder, "main")
    assert record is not None
    assert record.ports == {"web": 3000}


def test_a_removed_socket_is_bound_again_and_a_lasting_error_is_one_event(
    files: Files, socket: str
) -> None:
    folder = os.path.dirname(socket)

    async def run() -> None:
        async with Group() as tasks:
            assert await files.kept.listen(answer, refuse, tasks) == ""
            await files.kept.restore_socket()
            assert files.events == []
            os.unlink(socket)
            await files.kept.restore_socket()
            os.unlink(socket)
            os.rmdir(folder)
            os.symlink("/nowhere", folder)
            for _ in range(2):
                await files.kept.restore_socket()
            await files.kept.close()
            tasks.cancel()

    asyncio.run(run())
    assert files.events[0] == "socket restored"
    assert files.events[1].startswith("socket not restored: ")
    assert len(files.events) == 2


def test_a_socket_that_cannot_be_bound_is_an_error_text_and_no_socket_is_none(
    tmp_path: Path, socket: str
) -> None:
    async def listen(path: str) -> str:
        files = Files(tmp_path, path)
        try:
            async with Group() as tasks:
                trouble = await files.kept.listen(answer, refuse, tasks)
                await files.kept.close()
                tasks.cancel()
            return trouble
        finally:
            files.lock.close()

    assert asyncio.run(listen(socket)) == f"cannot listen on {socket}: No such file or directory"
    assert asyncio.run(listen("")) == ""
