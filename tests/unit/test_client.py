"""How long a supervisor that does not listen yet is waited for."""

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from portweave.allocator.processes import started_at
from portweave.client import Client
from portweave.errors import StackUnreachableError
from portweave.supervisor.paths import StackRecord


@pytest.fixture
def record() -> Iterator[StackRecord]:
    """Of a stack that this process runs, and that nobody can reach yet."""
    # The path of a socket has to be short.
    folder = tempfile.mkdtemp(dir="/tmp")
    yield StackRecord(
        pid=os.getpid(),
        start=started_at(os.getpid()) or "",
        project="shop",
        namespace="main",
        root="/shop",
        ports={},
        tag="",
        socket=str(Path(folder, "control.sock")),
    )
    shutil.rmtree(folder)


def test_one_that_has_just_begun_may_take_its_time(
    record: StackRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def age_s(_start: str) -> float:
        return 5.0

    monkeypatch.setattr("portweave.client.age_s", age_s)
    with pytest.raises(StackUnreachableError):
        Client(record)
    with socket.socket(socket.AF_UNIX) as listening:

        def listen() -> None:
            listening.bind(record.socket)
            listening.listen()

        late = threading.Timer(0.05, listen)
        late.start()
        Client(record, 10.0).close()
        late.join()
