"""Datagrams of sd_notify(3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portweave.supervisor.services.sd_notify import (
    LONGEST_STATUS,
    Notice,
    parse,
)

SAID = {
    "ready": (b"READY=1", Notice(ready=True)),
    "ready, with a status": (
        b"READY=1\nSTATUS=3 clients",
        Notice(ready=True, status="3 clients"),
    ),
    "stopping": (b"STOPPING=1\n", Notice(stopping=True)),
    "more time": (b"EXTEND_TIMEOUT_USEC=2500000", Notice(extend_s=2.5)),
    "another main process": (b"MAINPID=4711", Notice(main_pid=4711)),
    "no main process": (b"MAINPID=0", Notice()),
    "a store that there is not": (b"FDSTORE=1\nFDNAME=x", Notice(ignored=("FDSTORE", "FDNAME"))),
    "a value that is none": (b"READY=yes\nMAINPID=x\nEXTEND_TIMEOUT_USEC=-1", Notice()),
    "no value at all": (b"READY", Notice()),
    "bytes that are no text": (b"STATUS=\xff\x1b[2J", Notice(status="\\xff [2J")),
    "an unknown field": (b"X_OWN=1", Notice()),
    "nothing": (b"", Notice()),
}


@pytest.mark.parametrize("name", SAID)
def test_a_datagram_is_parsed(name: str) -> None:
    datagram, notice = SAID[name]
    assert parse(datagram) == notice


@given(st.binary(max_size=2000))
def test_any_datagram_gives_a_notice_of_one_printable_line(datagram: bytes) -> None:
    notice = parse(b"STATUS=" + datagram)
    status = notice.status or ""
    assert status.isprintable()
    assert len(status) <= LONGEST_STATUS
