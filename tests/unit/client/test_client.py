"""How a supervisor is reached, and what is said where it is not."""

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from portweave.client.client import Client
from portweave.encoding.value import replace
from portweave.errors import StackGoneError, StackUnreachableError
from portweave.supervisor.registry.stack_records import StackRecord
from tests.support.stack_records import make_record


@pytest.fixture
def record() -> Iterator[StackRecord]:
    """Of a stack that this process runs, and that nobody can reach yet."""
    # The path of a socket has to be short.
    folder = tempfile.mkdtemp(dir="/tmp")
    yield make_record("/shop", socket=str(Path(folder, "control.sock")))
    shutil.rmtree(folder)


def test_a_client_waits_for_a_live_supervisor(record: StackRecord) -> None:
    with socket.socket(socket.AF_UNIX) as listening:

        def listen() -> None:
            listening.bind(record.socket)
            listening.listen()

        late = threading.Timer(0.05, listen)
        late.start()
        Client(record, 10.0).close()
        late.join()


def leave_out(path: str) -> None:
    """Leave nothing behind."""
    assert not os.path.lexists(path)


def bind(path: str) -> None:
    """Leave a socket behind at which nothing listens."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        pytest.param(leave_out, "its control socket is not there", id="no socket"),
        pytest.param(bind, "nothing listens on its control socket", id="nothing listens"),
        pytest.param(os.mkdir, "nothing listens on its control socket", id="a folder"),
    ],
)
def test_an_unreachable_supervisor_is_explained_without_advice_to_kill_it(
    record: StackRecord, before: Callable[[str], None], reason: str
) -> None:
    before(record.socket)
    with pytest.raises(StackUnreachableError, match=reason) as caught:
        Client(record, 0.02)
    assert caught.value.code == "PW1002"
    assert "kill" not in "".join(caught.value.hints)


def test_a_supervisor_that_accepts_no_connection_is_called_busy(record: StackRecord) -> None:
    with socket.socket(socket.AF_UNIX) as listening, ExitStack() as waiting:
        listening.bind(record.socket)
        # listen(2): with this backlog one connection waits.
        listening.listen(0)
        waiting.enter_context(closing(Client(record)))
        with pytest.raises(StackUnreachableError, match="it is busy: too many clients wait"):
            Client(record, 0.02)


def test_a_silent_supervisor_is_called_busy(record: StackRecord) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(record.socket)
        listening.listen()
        client = Client(record)
        with pytest.raises(StackUnreachableError, match="busy: it has said nothing for"):
            client.call("/supervisor/ps", patience_s=0.02)
        client.close()


def test_a_client_does_not_wait_for_a_supervisor_that_has_ended(record: StackRecord) -> None:
    record = replace(record, start="1")
    with pytest.raises(StackGoneError, match="has just ended") as caught:
        Client(record)
    assert caught.value.code == "PW1012"


def test_a_supervisor_that_ends_without_an_answer_is_reported_as_ended(record: StackRecord) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(record.socket)
        listening.listen()
        client = Client(record)
        asked = client.send("/supervisor/ps")
        listening.accept()[0].close()
        with pytest.raises(StackGoneError):
            client.answer(asked)
        client.close()
